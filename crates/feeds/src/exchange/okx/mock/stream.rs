//! OKX's WebSocket streams.

use std::collections::HashMap;

use serde_json::{Value, json};
use testkit::mock::{
    Breach, Day, Frame, Instrument, Level, Quote, Side, Snapshot, Source, StreamProtocol, Trade,
    Update, now,
};

use super::requests::{Channel, Failure, Op, Request, no_such_stream, of_request, parse_arg};
use super::{LIMITS, levels, unpadded};

/// The most trades that are told as one when a subscription begins.
const LOOK_BACK: usize = 1000;

/// One connection.
///
/// Each argument of a request is acknowledged or refused by itself, and what is new begins with the
/// state as it is: the last trade, the best prices, the whole book.
pub(super) struct Stream {
    /// What the exchange calls the connection.
    connection: String,
    /// Those of each symbol, in the order in which they speak.
    subscriptions: HashMap<String, Vec<Subscription>>,
}

struct Subscription {
    channel: Channel,
    symbol: String,
    /// Up to which trade, or which change of the book, of which epoch, everything has been sent.
    last: (u32, u64),
}

impl Stream {
    pub(super) fn new() -> Self {
        Self {
            connection: format!("{:08x}", now() & 0xffff_ffff),
            subscriptions: HashMap::new(),
        }
    }

    fn request(&mut self, text: &str, source: Source<'_>) -> Result<Vec<Frame>, Failure> {
        let Request { id, op, args } = Request::parse(text)?;
        // Whether OKX counts requests or their arguments is not clear; this is the stricter reading.
        let units = u32::try_from(args.len()).unwrap_or(u32::MAX);
        let spent = LIMITS
            .operations
            .map(|it| source.client.spend_here(it, units));
        if spent.is_some_and(|spent| spent.refused.is_some()) {
            let message = "Requests too frequent".to_owned();
            return Err(Failure::new(60014, message, id));
        }
        // In one with good and bad arguments, the good ones are taken: assumed.
        let id = id.as_deref();
        let answers = args.iter().flat_map(|arg| {
            self.take(arg, op, id, source)
                .unwrap_or_else(|failure| vec![Frame::control(failure.text(&self.connection))])
        });
        Ok(answers.collect())
    }

    fn take(
        &mut self,
        arg: &Value,
        op: Op,
        id: Option<&str>,
        source: Source<'_>,
    ) -> Result<Vec<Frame>, Failure> {
        let (channel, symbol) = parse_arg(arg, op, id)?;
        if source.market.find(symbol).is_none() {
            return Err(no_such_stream(op, channel.name(), symbol, id));
        }
        //     {"event":"subscribe","arg":{"channel":"books","instId":"BTC-USDT"},"connId":"a4d3ae55"}
        let (event, connection, id) = (op.name(), &self.connection, of_request(id));
        let arg = json_arg(channel, symbol);
        let mut frames = vec![Frame::control(format!(
            r#"{{"event":"{event}","arg":{arg},"connId":"{connection}"{id}}}"#
        ))];
        let subscriptions = self.subscriptions.entry(symbol.to_owned()).or_default();
        let is_this = |it: &Subscription| it.channel == channel;
        match op {
            Op::Unsubscribe => subscriptions.retain(|it| !is_this(it)),
            // What is there already is acknowledged again, and does not begin again.
            Op::Subscribe if subscriptions.iter().any(is_this) => {}
            Op::Subscribe => {
                let mut subscription = Subscription {
                    channel,
                    symbol: symbol.to_owned(),
                    last: (0, 0),
                };
                if !source.is_recorded() {
                    frames.extend(subscription.first(source));
                }
                subscriptions.push(subscription);
                subscriptions.sort_by_key(|it| it.channel);
            }
        }
        if subscriptions.is_empty() {
            self.subscriptions.remove(symbol);
        }
        Ok(frames)
    }
}

impl StreamProtocol for Stream {
    fn receive(&mut self, text: &str, source: Source<'_>) -> Vec<Frame> {
        if text == "ping" {
            return vec![Frame::control("pong".to_owned())];
        }
        self.request(text, source)
            .unwrap_or_else(|failure| vec![Frame::control(failure.text(&self.connection))])
    }

    fn frames(&mut self, update: &Update) -> Vec<Frame> {
        let subscriptions = self.subscriptions.get_mut(&update.instrument.symbol);
        let subscriptions = subscriptions.into_iter().flatten();
        subscriptions.flat_map(|it| it.next(update)).collect()
    }

    fn is_subscribed(&self, stream: Option<&str>) -> bool {
        match stream {
            Some(stream) => {
                let mut all = self.subscriptions.values().flatten();
                all.any(|it| it.stream() == stream)
            }
            None => !self.subscriptions.is_empty(),
        }
    }

    fn farewell(&self, breach: Breach) -> (u16, &'static str) {
        match breach {
            Breach::Idle => (4004, "No data received in 30s"),
            other => other.farewell(),
        }
    }

    fn shutdown_notice(&self) -> Option<String> {
        let connection = &self.connection;
        Some(format!(
            r#"{{"event":"notice","msg":"The connection will soon be closed for a service upgrade. Please reconnect.","code":"64008","connId":"{connection}"}}"#
        ))
    }
}

impl Subscription {
    fn stream(&self) -> String {
        format!("{}:{}", self.channel.name(), self.symbol)
    }

    /// What a subscription begins with.
    fn first(&mut self, source: Source<'_>) -> Option<Frame> {
        let latest = source.market.latest(&self.symbol)?;
        let Snapshot {
            instrument,
            epoch,
            id,
            time,
            book,
        } = &latest;
        let quote = book.quote()?;
        let mut last = *id;
        let (action, entry) = match self.channel {
            Channel::Trades => {
                let trades = source.market.trades(&self.symbol, LOOK_BACK)?;
                let newest: Vec<_> = trades
                    .chunk_by(is_told_as_one)
                    .next_back()?
                    .iter()
                    .collect();
                last = newest.last()?.id;
                ("", trade_entry(&newest, *id, instrument))
            }
            Channel::Best => ("", best_entry(quote, *time, *id, instrument)),
            Channel::Ticker => ("", ticker_entry(quote, *time, instrument)),
            Channel::Book => {
                let sides = [book.best_first(Side::Bid), book.best_first(Side::Ask)];
                let [bids, asks] = sides.map(|side| levels::json(side, instrument));
                let entry = book_entry((&bids, &asks), *time, *id, "-1");
                (r#""action":"snapshot","#, entry)
            }
        };
        self.last = (*epoch, last);
        Some(self.frame(action, &entry, false))
    }

    /// What has happened since the last.
    fn next(&mut self, update: &Update) -> Vec<Frame> {
        let instrument = &update.instrument;
        let delta = update.delta();
        let (before, epoch) = (self.last, update.epoch);
        let quotes = update.quotes().filter(|(id, _)| (epoch, *id) > before);
        match self.channel {
            Channel::Trades => {
                let trades: Vec<_> = update
                    .trades()
                    .filter(|it| (epoch, it.id) > before)
                    .collect();
                self.last = trades.last().map_or(before, |trade| (epoch, trade.id));
                let entries = trades
                    .chunk_by(|one, next| is_told_as_one(one, next))
                    .map(|trades| trade_entry(trades, delta.last_id, instrument));
                entries.map(|entry| self.frame("", &entry, false)).collect()
            }
            Channel::Best => quotes
                .map(|(id, quote)| {
                    let entry = best_entry(quote, update.time, id, instrument);
                    self.frame("", &entry, false)
                })
                .collect(),
            Channel::Ticker => quotes
                .last()
                .map(|(_, quote)| {
                    let entry = ticker_entry(quote, update.time, instrument);
                    self.frame("", &entry, false)
                })
                .into_iter()
                .collect(),
            // What was in the snapshot already.
            Channel::Book if (epoch, delta.last_id) <= before => Vec::new(),
            Channel::Book => {
                self.last = (epoch, delta.last_id);
                let bids = levels::json(delta.bids.iter().rev().copied(), instrument);
                let asks = levels::json(delta.asks.iter().copied(), instrument);
                // Numbers that begin anew are linked to the old ones, as documented.
                let previous = before.1.to_string();
                let entry = book_entry((&bids, &asks), update.time, delta.last_id, &previous);
                vec![self.frame(r#""action":"update","#, &entry, true)]
            }
        }
    }

    //     {"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[{...}]}
    fn frame(&self, action: &str, entry: &str, is_depth: bool) -> Frame {
        let arg = json_arg(self.channel, &self.symbol);
        Frame {
            text: format!(r#"{{"arg":{arg},{action}"data":[{entry}]}}"#),
            stream: Some(self.stream()),
            is_depth,
        }
    }
}

fn json_arg(channel: Channel, symbol: &str) -> String {
    let channel = channel.name();
    format!(r#"{{"channel":"{channel}","instId":"{symbol}"}}"#)
}

/// The checksum is 0, as since June 2026.
fn book_entry((bids, asks): (&str, &str), time: u64, id: u64, previous: &str) -> String {
    let millis = time / 1000;
    format!(
        r#"{{"asks":{asks},"bids":{bids},"ts":"{millis}","checksum":0,"seqId":{id},"prevSeqId":{previous}}}"#
    )
}

fn best_entry(Quote { bid, ask }: Quote, time: u64, id: u64, instrument: &Instrument) -> String {
    let [bids, asks] = [bid, ask].map(|level| levels::json([level], instrument));
    let millis = time / 1000;
    format!(r#"{{"asks":{asks},"bids":{bids},"ts":"{millis}","seqId":{id}}}"#)
}

/// A ticker by REST.
pub(super) fn day_entry(day: &Day, time: u64) -> Value {
    let price = |ticks: u64| unpadded(day.instrument.price(ticks)).to_string();
    let size = |lots: u64| unpadded(day.instrument.quantity(lots)).to_string();
    let Quote { bid, ask } = day.quote;
    let last = day.last.as_ref().map_or(0, |trade| trade.level.quantity);
    json!({
        "instType": "SPOT",
        "instId": day.instrument.symbol,
        "last": price(day.last_price()),
        "lastSz": size(last),
        "askPx": price(ask.price),
        "askSz": size(ask.quantity),
        "bidPx": price(bid.price),
        "bidSz": size(bid.quantity),
        "open24h": price(day.open),
        "high24h": price(day.high),
        "low24h": price(day.low),
        "volCcy24h": unpadded(day.quote_volume()).to_string(),
        "vol24h": unpadded(day.base_volume()).to_string(),
        "sodUtc0": price(day.open),
        "sodUtc8": price(day.open),
        "ts": (time / 1000).to_string(),
    })
}

/// Prices of the day are left out: the mock has no yesterday.
fn ticker_entry(Quote { bid, ask }: Quote, time: u64, instrument: &Instrument) -> String {
    let symbol = &instrument.symbol;
    let price = |level: Level| unpadded(instrument.price(level.price));
    let size = |level: Level| unpadded(instrument.quantity(level.quantity));
    let (ask_price, ask_size, bid_price, bid_size) = (price(ask), size(ask), price(bid), size(bid));
    let millis = time / 1000;
    format!(
        r#"{{"instType":"SPOT","instId":"{symbol}","last":"{bid_price}","lastSz":"{bid_size}","askPx":"{ask_price}","askSz":"{ask_size}","bidPx":"{bid_price}","bidSz":"{bid_size}","ts":"{millis}"}}"#
    )
}

/// Whether one taker made both, at one price.
fn is_told_as_one(one: &Trade, next: &Trade) -> bool {
    let order = |it: &Trade| (it.time, it.level.price, it.buyer_is_maker);
    order(one) == order(next)
}

/// The id is that of the last of `trades`, and their number is told beside it.
fn trade_entry(trades: &[&Trade], id_of_book: u64, instrument: &Instrument) -> String {
    let Some(last) = trades.last() else {
        return String::new();
    };
    let lots = trades.iter().map(|trade| trade.level.quantity).sum();
    let (symbol, id, count) = (&instrument.symbol, last.id, trades.len());
    let price = unpadded(instrument.price(last.level.price));
    let size = unpadded(instrument.quantity(lots));
    let side = side(last);
    let millis = last.time / 1000;
    format!(
        r#"{{"instId":"{symbol}","tradeId":"{id}","px":"{price}","sz":"{size}","side":"{side}","ts":"{millis}","count":"{count}","source":"0","seqId":{id_of_book}}}"#
    )
}

/// The taker's side.
pub(super) fn side(trade: &Trade) -> &'static str {
    if trade.buyer_is_maker { "sell" } else { "buy" }
}
