//! What one connection is told about one instrument.

use std::sync::Arc;

use testkit::mock::{Book, Frame, Instrument, Level, Quote, Side, Snapshot, Trade, Update};

use super::checksum::checksum;
use super::depth::changes;
use super::form;

/// When a ticker is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trigger {
    /// With each trade.
    Trades,
    /// With each change of the best bid or ask.
    Quotes,
}

/// The subscriptions to one instrument, and its book as far as the connection has heard of it.
#[derive(Debug)]
pub(super) struct View {
    instrument: Arc<Instrument>,
    book: Book,
    /// The last change that the book has, and its epoch.
    last_change: (u32, u64),
    /// The last price of a trade.
    last: u64,
    pub(super) trades: bool,
    pub(super) ticker: Option<Trigger>,
    pub(super) depth: Option<usize>,
}

impl View {
    pub(super) fn new(state: &Snapshot, last: Option<&Trade>) -> Self {
        Self {
            instrument: Arc::clone(&state.instrument),
            book: state.book.clone(),
            last_change: (state.epoch, state.id),
            last: last.map_or(state.instrument.start, |trade| trade.level.price),
            trades: false,
            ticker: None,
            depth: None,
        }
    }

    pub(super) fn is_subscribed(&self) -> bool {
        self.trades || self.ticker.is_some() || self.depth.is_some()
    }

    /// What to send of an update: trades, then tickers, then the book.
    pub(super) fn frames(&mut self, update: &Update) -> Vec<Frame> {
        let before = self.depth.map(|depth| self.best(depth));
        let mut steps = Vec::new();
        let mut tickers = Vec::new();
        // What was before the snapshot is in there.
        for step in &update.steps {
            if (update.epoch, step.id) <= self.last_change {
                continue;
            }
            self.book.apply(step.change);
            if let Some(trade) = &step.trade {
                self.last = trade.level.price;
            }
            let is_due = match self.ticker {
                Some(Trigger::Trades) => step.trade.is_some(),
                Some(Trigger::Quotes) => step.quote.is_some(),
                None => false,
            };
            if is_due {
                tickers.extend(self.ticker_frame("update", update.time));
            }
            steps.push(step);
        }
        if let Some(step) = steps.last() {
            self.last_change = (update.epoch, step.id);
        }
        let made: Vec<&Trade> = steps.iter().filter_map(|it| it.trade.as_ref()).collect();
        let mut frames = Vec::new();
        if self.trades && !made.is_empty() {
            frames.push(self.trades_frame("update", &made));
        }
        frames.extend(tickers);
        if let Some(([old_bids, old_asks], depth)) = before.zip(self.depth) {
            let [bids, asks] = self.best(depth);
            let bid_changes = changes(&self.book, Side::Bid, &old_bids, &bids, &steps);
            let ask_changes = changes(&self.book, Side::Ask, &old_asks, &asks, &steps);
            if !bid_changes.is_empty() || !ask_changes.is_empty() {
                let changed = [bid_changes, ask_changes];
                let crc = checksum(&asks, &bids);
                frames.push(self.book_frame("update", &changed, crc, update.time));
            }
        }
        frames
    }

    /// The best levels of both sides: bids and asks.
    fn best(&self, depth: usize) -> [Vec<Level>; 2] {
        [Side::Bid, Side::Ask].map(|side| self.book.best_first(side).take(depth).collect())
    }

    /// The book that a subscription begins with.
    pub(super) fn snapshot_frame(&self, depth: usize, time: u64) -> Frame {
        let best = self.best(depth);
        let [bids, asks] = &best;
        let crc = checksum(asks, bids);
        Frame {
            // A snapshot is no change, which a test may want to be lost.
            is_depth: false,
            ..self.book_frame("snapshot", &best, crc, time)
        }
    }

    fn book_frame(&self, kind: &str, [bids, asks]: &[Vec<Level>; 2], crc: u32, time: u64) -> Frame {
        let instrument = &self.instrument;
        let (symbol, time) = (&instrument.symbol, form::time(time));
        let bids = form::levels(bids, instrument);
        let asks = form::levels(asks, instrument);
        let row = format!(
            r#"{{"symbol":"{symbol}","bids":{bids},"asks":{asks},"checksum":{crc},"timestamp":"{time}"}}"#
        );
        self.frame("book", kind, &row)
    }

    /// The trades of an update, or those that a subscription begins with.
    pub(super) fn trades_frame(&self, kind: &str, trades: &[&Trade]) -> Frame {
        let instrument = &self.instrument;
        let row = |trade: &&Trade| {
            let side = if trade.buyer_is_maker { "sell" } else { "buy" };
            let price = instrument.price(trade.level.price);
            let quantity = instrument.quantity(trade.level.quantity);
            let (symbol, id, time) = (&instrument.symbol, trade.id, form::time(trade.time));
            format!(
                r#"{{"symbol":"{symbol}","side":"{side}","price":{price},"qty":{quantity},"ord_type":"market","trade_id":{id},"timestamp":"{time}"}}"#
            )
        };
        let rows: Vec<_> = trades.iter().map(row).collect();
        self.frame("trade", kind, &rows.join(","))
    }

    /// The best bid and ask; `None` while a side is empty. What the day was like is made up.
    pub(super) fn ticker_frame(&self, kind: &str, time: u64) -> Option<Frame> {
        let Quote { bid, ask } = self.book.quote()?;
        let instrument = &self.instrument;
        let price = |ticks| instrument.price(ticks);
        let quantity = |lots| instrument.quantity(lots);
        let (symbol, last, time) = (&instrument.symbol, price(self.last), form::time(time));
        let row = format!(
            r#"{{"symbol":"{symbol}","bid":{},"bid_qty":{},"ask":{},"ask_qty":{},"last":{last},"volume":{},"vwap":{last},"low":{last},"high":{last},"change":0.0,"change_pct":0.00,"trades":1,"timestamp":"{time}"}}"#,
            price(bid.price),
            quantity(bid.quantity),
            price(ask.price),
            quantity(ask.quantity),
            quantity(1),
        );
        Some(self.frame("ticker", kind, &row))
    }

    fn frame(&self, channel: &str, kind: &str, rows: &str) -> Frame {
        Frame {
            text: format!(r#"{{"channel":"{channel}","type":"{kind}","data":[{rows}]}}"#),
            stream: Some(format!("{channel} {}", self.instrument.symbol)),
            is_depth: channel == "book",
        }
    }
}

#[cfg(test)]
mod tests {
    use testkit::mock::{Change, Engine, ExchangeProtocol as _, MarketOptions};

    use super::super::KrakenMock;
    use super::*;

    /// A book as a client has it, in ticks and lots.
    #[derive(Default)]
    struct Client {
        book: Book,
        cut: Option<usize>,
    }

    impl Client {
        /// Takes a frame; whether its checksum holds.
        fn take(&mut self, text: &str) -> bool {
            if text.contains(r#""type":"snapshot""#) {
                self.book = Book::default();
            }
            let (_, text) = text.split_once(r#""bids":["#).unwrap();
            let (bids, text) = text.split_once(r#"],"asks":["#).unwrap();
            let (asks, text) = text.split_once(r#"],"checksum":"#).unwrap();
            let (crc, _) = text.split_once(',').unwrap();
            for (side, levels) in [(Side::Bid, bids), (Side::Ask, asks)] {
                for level in levels.split("},{").filter(|level| !level.is_empty()) {
                    let level = parse(level);
                    self.book.apply(Change { side, level });
                }
                while self.cut.is_some_and(|cut| self.book.depth(side) > cut) {
                    let Level { price, .. } = self.book.worst(side).unwrap();
                    let level = Level { price, quantity: 0 };
                    self.book.apply(Change { side, level });
                }
            }
            let [bids, asks] =
                [Side::Bid, Side::Ask].map(|side| self.book.best_first(side).collect::<Vec<_>>());
            checksum(&asks, &bids).to_string() == crc
        }
    }

    /// `{"price":63004.9,"qty":0.01876947}` is 630049 ticks and 1876947 lots.
    fn parse(level: &str) -> Level {
        let number = |text: &str| {
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            digits.parse().unwrap()
        };
        let (price, quantity) = level.split_once(',').unwrap();
        Level {
            price: number(price),
            quantity: number(quantity),
        }
    }

    /// How many of the checksums hold, of how many, if `is_lost` are lost.
    fn verified(
        depth: usize,
        cut: Option<usize>,
        is_lost: impl Fn(usize) -> bool,
    ) -> (usize, usize) {
        let (mut held, mut all) = (0, 0);
        for (seed, instrument) in (1..).zip(KrakenMock.instruments()) {
            let mut engine = Engine::new(Arc::new(instrument), seed, MarketOptions::default(), 0);
            let mut view = View::new(&engine.latest(), None);
            view.depth = Some(depth);
            let mut client = Client {
                cut,
                ..Client::default()
            };
            assert!(client.take(&view.snapshot_frame(depth, 0).text));
            for time in 0..300 {
                for frame in view.frames(&engine.tick(time)) {
                    all += 1;
                    if !is_lost(all) {
                        held += usize::from(client.take(&frame.text));
                    }
                }
            }
        }
        (held, all)
    }

    #[test]
    fn every_checksum_holds_for_a_client_that_cuts() {
        for depth in [10, 25, 500] {
            let (held, all) = verified(depth, Some(depth), |_| false);
            assert_eq!(held, all, "depth {depth}");
            assert!(all > 1000, "depth {depth}: {all}");
        }
    }

    #[test]
    fn checksums_find_a_client_that_does_not_cut_or_loses_a_change() {
        // 25 levels reach further than what the engine changes.
        let (held, all) = verified(10, None, |_| false);
        assert!(held < all / 10 * 9, "{held} of {all}");
        let (held, all) = verified(10, Some(10), |number| number % 100 == 0);
        assert!(held < all - all / 100, "{held} of {all}");
    }

    #[test]
    fn what_was_before_the_snapshot_is_not_told_again() {
        let instrument = Arc::new(KrakenMock.instruments().remove(0));
        let mut engine = Engine::new(instrument, 1, MarketOptions::default(), 0);
        let update = engine.tick(1);
        let mut view = View::new(&engine.latest(), None);
        (view.trades, view.ticker, view.depth) = (true, Some(Trigger::Quotes), Some(1000));
        assert_eq!(view.frames(&update), []);
        assert!(!view.frames(&engine.tick(2)).is_empty());
    }
}
