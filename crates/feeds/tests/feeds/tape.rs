//! An exchange that is nothing but its rules: its messages are lines of text, and everything comes in
//! the stream.

use std::time::Duration;

use bytes::Bytes;
use feeds::exchange::{
    Acknowledgement, BookChange, BookChecksum, BookContent, BookRules, Draws, Ids, Refusal,
    Renewal, Reply, Step, Time, Trade, TradeHole, TradeIds, TradePage, by_previous,
};
use feeds::{
    AnswerError, Binance, Channel, ConnectionPlan, Decoder, Exchange, ExchangeMessage, Frame,
    Instrument, Instruments, InvalidUrl, Level, Limits, Malformed, RequestIds, Rules, Side, Stream,
    StreamRequest, Symbol, TradeId,
};
use http::Request;
use transport::{Message, WsRequest};

use crate::fixtures::{level, symbol};

#[derive(Debug, Clone)]
pub(crate) struct Tape {
    pub(crate) limits: Limits,
    pub(crate) rules: Rules,
    pub(crate) channels: &'static [Channel],
    /// Whether streams stand in the URL, and not in messages.
    pub(crate) is_in_url: bool,
    /// What a REST request uses.
    pub(crate) draws: Draws,
    /// Whether trades can be asked for.
    pub(crate) has_history: bool,
}

/// Changes name the one before; a new snapshot comes with a new subscription, within five seconds.
impl Default for Tape {
    fn default() -> Self {
        Self {
            limits: Limits {
                request: None,
                messages: None,
                streams_per_request: None,
                ..*Binance::default().limits()
            },
            rules: Rules {
                acknowledgement: Acknowledgement::Never,
                books: BookRules {
                    follows: by_previous,
                    renewal: Renewal::Resubscribe {
                        within: Duration::from_secs(5),
                    },
                    checksum: None,
                    cut: None,
                    quiet: None,
                },
                trades: TradeIds::Contiguous,
            },
            channels: &Channel::ALL,
            is_in_url: false,
            draws: Draws::default(),
            has_history: true,
        }
    }
}

impl Tape {
    /// The same with other rules for books.
    pub(crate) fn with_books(mut self, change: impl FnOnce(&mut BookRules)) -> Self {
        change(&mut self.rules.books);
        self
    }
}

/// A checksum that is easy to write down: how many levels there are.
pub(crate) const COUNT: BookChecksum = BookChecksum {
    levels: 100,
    of: |book| u32::try_from(book.bids().len() + book.asks().len()).unwrap(),
};

/// How an exchange without ids is told apart.
pub(crate) fn without_ids(_: u64, _: &Ids) -> Step {
    Step::Next
}

fn requests(
    verb: &str,
    streams: &[Stream],
    limits: &Limits,
    ids: &mut RequestIds,
) -> Vec<StreamRequest> {
    let request = |streams: &[Stream]| {
        let id = ids.next_id();
        let names = streams
            .iter()
            .map(|stream| format!("{}:{}", stream.instrument.exchange_symbol(), stream.channel));
        let names: Vec<_> = names.collect();
        StreamRequest {
            id: Some(id),
            message: Message::text(format!("{verb} {id} {}", names.join(","))),
            streams: streams.to_vec(),
        }
    };
    let batches = feeds::codec::batches(streams, limits, |_| 1);
    batches.into_iter().map(request).collect()
}

impl Exchange for Tape {
    fn id(&self) -> &'static str {
        "tape"
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn rules(&self) -> &Rules {
        &self.rules
    }

    fn channels(&self) -> &[Channel] {
        self.channels
    }

    fn metadata_request(&self) -> Result<Request<Bytes>, InvalidUrl> {
        Ok(Request::get("https://tape.example/list")
            .extension(self.draws.clone())
            .body(Bytes::new())
            .unwrap())
    }

    fn parse_metadata(&self, body: &[u8]) -> Result<Instruments, AnswerError> {
        let names = std::str::from_utf8(body).unwrap().split_whitespace();
        if let Some(refusal) = names.clone().next().filter(|word| *word == "refused") {
            return Err(AnswerError::Refused {
                message: refusal.to_owned(),
                is_too_many: true,
                until_ms: None,
            });
        }
        Ok(names
            .map(|name| Instrument::new(symbol(name), name))
            .collect())
    }

    fn ping_request(&self) -> Result<Request<Bytes>, InvalidUrl> {
        self.metadata_request()
    }

    fn plan(&self, streams: &[Stream], ids: &mut RequestIds) -> Result<ConnectionPlan, InvalidUrl> {
        let socket = |uri: &str| WsRequest::new(uri.parse().unwrap()).unwrap();
        if self.is_in_url {
            let names = streams
                .iter()
                .map(|stream| stream.instrument.exchange_symbol());
            let names: Vec<_> = names.collect();
            return Ok(ConnectionPlan {
                socket: socket(&format!("wss://tape.example/{}", names.join(","))),
                requests: Vec::new(),
            });
        }
        Ok(ConnectionPlan {
            socket: socket("wss://tape.example"),
            requests: self.subscribe(streams, ids),
        })
    }

    fn subscribe(&self, streams: &[Stream], ids: &mut RequestIds) -> Vec<StreamRequest> {
        requests("subscribe", streams, &self.limits, ids)
    }

    fn unsubscribe(&self, streams: &[Stream], ids: &mut RequestIds) -> Vec<StreamRequest> {
        requests("unsubscribe", streams, &self.limits, ids)
    }

    fn snapshot_request(
        &self,
        _: &Instrument,
        levels: usize,
    ) -> Result<Option<Request<Bytes>>, InvalidUrl> {
        let is_requested = matches!(
            self.rules.books.renewal,
            Renewal::Request {
                depths: [_, ..],
                ..
            }
        );
        let request = || {
            Request::get(format!("https://tape.example/depth/{levels}"))
                .body(Bytes::new())
                .unwrap()
        };
        Ok(is_requested.then(request))
    }

    fn parse_snapshot(&self, _: &Symbol, body: &[u8]) -> Result<BookChange, AnswerError> {
        let text = std::str::from_utf8(body).unwrap();
        let mut messages = Vec::new();
        let mut decoder = TapeDecoder::default();
        decoder.decode(Frame::Text(text), &Instruments::default(), &mut messages)?;
        match messages.pop() {
            Some(ExchangeMessage::Book(snapshot)) => Ok(snapshot),
            _ => Err(Malformed::new(text).into()),
        }
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(TapeDecoder::default())
    }

    fn trades_request(
        &self,
        of: &Instrument,
        hole: &TradeHole,
        cursor: Option<&str>,
    ) -> Result<Option<Request<Bytes>>, InvalidUrl> {
        let (name, from) = (of.exchange_symbol(), cursor.unwrap_or("-"));
        let uri = format!(
            "https://tape.example/trades?{name}&{}..{}&{from}",
            hole.after_id, hole.before_id
        );
        let request = Request::get(uri).body(Bytes::new()).unwrap();
        Ok(self.has_history.then_some(request))
    }

    /// `trades 5 6 9/3 > 10`: 9/3 is 7 to 9 in one, and 10 the cursor.
    fn parse_trades(&self, of: &Symbol, body: &[u8]) -> Result<TradePage, AnswerError> {
        let text = std::str::from_utf8(body).unwrap();
        let Some(trades) = text.strip_prefix("trades") else {
            return Err(Malformed::new(text).into());
        };
        let (ids, cursor) = match trades.split_once(" > ") {
            Some((ids, cursor)) => (ids, Some(cursor.to_owned())),
            None => (trades, None),
        };
        let trade = |id| match trade(of.as_str(), id, "0", true) {
            ExchangeMessage::Trade(trade) => trade,
            other => panic!("{other:?}"),
        };
        let trades = ids.split_whitespace().map(trade).collect();
        Ok(TradePage { trades, cursor })
    }
}

#[derive(Debug, Default)]
struct TapeDecoder {
    /// How many frames there were with a number of the connection.
    ticks: u64,
}

impl Decoder for TapeDecoder {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        _: &Instruments,
        messages: &mut Vec<ExchangeMessage>,
    ) -> Result<(), Malformed> {
        //     snapshot A-B 5 9x1 10x2 #3        up to id 5, with a checksum
        //     change A-B 5>6 9x0; tick 1        prices below 10 are bids
        let text = frame.text()?;
        for said in text.split("; ") {
            let words: Vec<_> = said.split(' ').collect();
            messages.push(match words[..] {
                ["snapshot", name, id, ref rest @ ..] => {
                    let last = id.parse().ok();
                    book(
                        name,
                        BookContent::Snapshot,
                        Ids {
                            last,
                            ..Ids::default()
                        },
                        rest,
                    )
                }
                ["change", name, ids, ref rest @ ..] => {
                    let (previous, last) = ids.split_once('>').unwrap_or_default();
                    let ids = Ids {
                        previous: previous.parse().ok(),
                        first: None,
                        last: last.parse().ok(),
                    };
                    book(name, BookContent::Change, ids, rest)
                }
                ["trade", name, id, second] => trade(name, id, second, false),
                ["past", name, id, second] => trade(name, id, second, true),
                ["tick", number] => {
                    self.ticks += 1;
                    match number.parse() == Ok(self.ticks) {
                        true => ExchangeMessage::Alive,
                        false => ExchangeMessage::Missed,
                    }
                }
                ["ping", number] => ExchangeMessage::Ping {
                    answer: Message::text(format!("pong {number}")),
                },
                ["ack", id, name] => ExchangeMessage::Acknowledged(reply(id, name)),
                ["refuse", id, name] => ExchangeMessage::Refused(Refusal {
                    reply: reply(id, name),
                    code: Some("E1".to_owned()),
                    message: "no".to_owned(),
                }),
                ["shutdown"] => ExchangeMessage::ShutdownAnnounced { within: None },
                ["notice"] => ExchangeMessage::Notice {
                    text: "maintenance".to_owned(),
                },
                _ => return Err(Malformed::new(said)),
            });
        }
        Ok(())
    }
}

fn book(name: &str, content: BookContent, ids: Ids, rest: &[&str]) -> ExchangeMessage {
    let checksum = rest.iter().find_map(|word| word.strip_prefix('#'));
    let levels = rest.iter().filter_map(|word| word.split_once('x'));
    let levels: Vec<Level> = levels.map(|(price, size)| level(price, size)).collect();
    let is_bid = |level: &Level| level.price < 10.into();
    let (bids, asks) = levels.into_iter().partition(is_bid);
    ExchangeMessage::Book(BookChange {
        symbol: symbol(name),
        content,
        ids,
        checksum: checksum.map(|checksum| checksum.parse().unwrap()),
        bids,
        asks,
        time: Time::Absent,
    })
}

fn trade(name: &str, id: &str, second: &str, is_history: bool) -> ExchangeMessage {
    let ns = |second: i64| 1_700_000_000_000_000_000 + second;
    let (id, count) = id.split_once('/').unwrap_or((id, "1"));
    ExchangeMessage::Trade(Trade {
        symbol: symbol(name),
        id: Some(TradeId::Number(id.parse().unwrap())),
        count: count.parse().unwrap(),
        side: Side::Buy,
        price: 1.into(),
        amount: 1.into(),
        time: second
            .parse()
            .map_or(Time::Impossible, |second| Time::At(ns(second))),
        is_history,
    })
}

fn reply(id: &str, name: &str) -> Reply {
    Reply {
        request: id.parse().ok(),
        symbol: Symbol::parse(name).ok(),
        channel: None,
    }
}
