//! What a feed delivers.

mod about;
mod data;
mod digits;
mod exchange_name;
mod json;
mod line;

use std::time::Duration;

use rust_decimal::Decimal;
use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

pub use self::data::{Covers, L2Delta, L2Snapshot, Side, Ticker, Trade};
pub use self::exchange_name::ExchangeName;
use self::json::{Version, milliseconds, number_text, some_milliseconds};
pub use self::line::EventWriter;
use crate::channel::Channel;
use crate::pattern::SymbolPattern;
use crate::symbol::Symbol;

/// The JSON Schema of an event.
pub const EVENT_SCHEMA: &str = include_str!("schema.json");

/// What a feed delivers: market data, and everything one must know to trust it.
///
/// In JSON it is one object with the version of the schema in `v` and the kind in `type`:
/// `{"v":1,"sequence":7,…,"type":"trade",…}`. Prices, sizes and ids are strings, times integers. A
/// field that a type has is always there; null means that the exchange does not tell. New fields and
/// types do not change the version: a reader ignores what it does not know. [`EVENT_SCHEMA`] has all.
// What a subscriber of one book sees over a cut, as JSON Lines, shortened:
//
//     {"v":1,"sequence":1,"connection":1,"type":"connected","proxies":["proxy.example:1080"],...}
//     {"v":1,"sequence":2,"connection":1,"type":"l2_snapshot","epoch":1,"last_id":"50093239218",...}
//     {"v":1,"sequence":3,"connection":1,"type":"l2_delta","epoch":1,"first_id":"50093239208",...}
//     {"v":1,"sequence":4,"connection":1,"type":"disconnected","reason":"...","attempt":1,...}
//     {"v":1,"sequence":5,"connection":1,"type":"book_invalid","reason":{"kind":"disconnected"},...}
//     {"v":1,"sequence":6,"connection":2,"type":"connected",...}
//     {"v":1,"sequence":7,"connection":2,"type":"l2_snapshot","epoch":2,...}
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedEvent {
    /// Counts the events of one feed, without a hole: their order, whatever clocks do.
    pub sequence: u64,
    /// The exchange.
    pub exchange: ExchangeName,
    /// Counts the connections of one feed: that which brought the event, or the last one before it.
    /// `None` before the first.
    pub connection: Option<u64>,
    /// When the message arrived that the event had to wait for, or what is told was noticed:
    /// nanoseconds since 1970, UTC, by this machine's clock. It never steps back within a connection.
    /// Short messages that are read in a row, up to 4 KiB of them, have the time of the first, which is some
    /// twenty microseconds earlier than they are read. The exchange's clock may be ahead of it.
    pub received_ns: i64,
    /// What it is.
    pub kind: FeedEventKind,
}

/// Why what is known of an order book must not be used any longer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum InvalidReason {
    /// Changes are missing.
    Gap {
        /// The id that the next change should have begun with, or should have named as the one before.
        #[serde(with = "number_text")]
        expected: u64,
        /// The id that it did.
        #[serde(with = "number_text")]
        received: u64,
    },
    /// The highest bid reached the lowest ask.
    Crossed {
        /// The highest bid.
        bid: Decimal,
        /// The lowest ask.
        ask: Decimal,
    },
    /// The exchange's checksum is that of another book.
    Checksum {
        /// What the exchange sent.
        expected: u32,
        /// What the book's is.
        computed: u32,
    },
    /// Messages of the connection are missing, of which some may have been about the book.
    Missed,
    /// Nothing has come for longer than the exchange promises, or although the exchange has moved on.
    Silent,
    /// The exchange has begun to number its changes anew, or its stream does not come to the id that its
    /// snapshot had.
    Restarted,
    /// A side has more prices than a book of any exchange: 100,000.
    TooLarge,
    /// Changes were dropped, because the subscriber was behind.
    Dropped,
    /// The price has left what is known of the book: the best prices may be others.
    OutOfRange,
    /// It is not subscribed to any longer, or the exchange has declined to send its changes.
    Unsubscribed,
    /// The connection ended.
    Disconnected,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum FeedEventKind {
    /// A trade. No trade of a symbol comes twice, not even over a reconnect.
    Trade(Trade),
    /// The best bid and ask changed.
    Ticker(Ticker),
    /// The whole book. It comes before any delta, again after every `BookInvalid`, and in between in place of
    /// a book that is about to leave what is known of it.
    L2Snapshot(L2Snapshot),
    /// Changes that follow seamlessly to the snapshot or delta before.
    L2Delta(L2Delta),
    /// What is known of a book is void until the next snapshot.
    BookInvalid {
        /// Whose book it is.
        symbol: Symbol,
        /// Why.
        reason: InvalidReason,
    },
    /// Changes of a book were dropped here, because the subscriber was behind and the feed was to
    /// [drop](crate::Backpressure::DropBookChanges) them. The book becomes invalid.
    ChangesDropped {
        /// Whose book it is.
        symbol: Symbol,
        /// How many changes those are.
        count: u64,
    },
    /// A snapshot could not be fetched, or did not come, or changes that waited for it were forgotten. A book
    /// that is void stays void until a later try succeeds; one that is true stays so, and has a newer
    /// snapshot later.
    SnapshotFailed {
        /// Whose book it is.
        symbol: Symbol,
        /// Why.
        reason: String,
        /// How long until the next try.
        #[serde(rename = "retry_in_ms", with = "milliseconds")]
        retry_in: Duration,
    },
    /// A WebSocket is open and everything is asked for, or waits to be as soon as that is allowed.
    Connected {
        /// The proxies that the connection passes, as `host:port`, nearest first.
        proxies: Vec<String>,
        /// How many symbols it is for.
        symbols: usize,
        /// The number of the connection that it takes over from, if it does: nothing is missing between
        /// the two, and books go on. If the other one was cut before everything was asked for, books that
        /// were not are told to be invalid before this, and trades show their gaps as ever.
        replaces: Option<u64>,
    },
    /// The connection that should take over from this one, or be held beside it, could not be opened, or ended
    /// before it did. This one goes on.
    ReplacementFailed {
        /// Why.
        reason: String,
        /// How long until the next try.
        #[serde(rename = "retry_in_ms", with = "milliseconds")]
        retry_in: Duration,
    },
    /// A second connection carries what the first one does: each event comes from whichever brings it first.
    /// The end of one of the two is no loss. Its number is that of the event.
    LineUp {
        /// The proxies that it passes, as `host:port`, nearest first.
        proxies: Vec<String>,
        /// Whether it leaves by another egress than the first one: another proxy at the end of the way.
        is_apart: bool,
    },
    /// One of two connections has ended, that with the number of the event. The other one goes on, and what
    /// that brings is complete by itself. There is no second one until the next `LineUp`.
    LineDown {
        /// Why.
        reason: String,
        /// How long until another one is opened.
        #[serde(rename = "retry_in_ms", with = "milliseconds")]
        retry_in: Duration,
        /// Whether it is no failure: it has come of age, or the exchange has announced its end.
        planned: bool,
    },
    /// The first list of what is trading could not be loaded, or the WebSocket could not be opened or came
    /// to its end.
    Disconnected {
        /// Why.
        reason: String,
        /// How long until the next try.
        #[serde(rename = "retry_in_ms", with = "milliseconds")]
        retry_in: Duration,
        /// How many tries have failed in a row, with this one.
        attempt: u32,
        /// Whether it is no failure: new settings lead another way, or the connection that shall take over
        /// is being opened already, as before an end that the exchange has announced.
        planned: bool,
    },
    /// The exchange does not serve an address: it is banned (418), behind a firewall (403), or in a region that
    /// is not served (451). What failed by it is told after this.
    Blocked {
        /// The status.
        status: u16,
        /// Which address: `direct`, or `host:port` of the last proxy on the way.
        egress: String,
        /// Until when: nanoseconds since 1970, UTC. `None` where the exchange does not tell.
        until_ns: Option<i64>,
    },
    /// The exchange says that it is about to close the connection.
    ShutdownAnnounced,
    /// The exchange declined something that it was asked over the WebSocket.
    Rejected {
        /// What it was about, as far as the exchange tells.
        symbols: Vec<Symbol>,
        /// How long until it is asked for again, each symbol by itself, if it is.
        #[serde(rename = "retry_in_ms", with = "some_milliseconds")]
        retry_in: Option<Duration>,
        /// The exchange's error code, where it has one.
        code: Option<String>,
        /// The exchange's words.
        message: String,
    },
    /// The exchange has not answered a request over the WebSocket within ten seconds.
    Unanswered {
        /// What was asked for.
        symbols: Vec<Symbol>,
        /// How long until it is asked for again, each symbol by itself.
        #[serde(rename = "retry_in_ms", with = "milliseconds")]
        retry_in: Duration,
    },
    /// The exchange has something to say to people, such as that a maintenance is planned.
    Notice {
        /// The exchange's words.
        text: String,
    },
    /// A stream tells times that cannot be, such as those in another unit than is due. Their
    /// `timestamp_ns` is null. It is told once for each stream.
    ImpossibleTime {
        /// Whose times.
        symbol: Symbol,
        /// In which stream.
        channel: Channel,
    },
    /// The exchange has begun to number the trades of a symbol anew: ids may come again. The trade
    /// follows.
    NumberingRestarted {
        /// Whose trades.
        symbol: Symbol,
    },
    /// Trades of a symbol are missing, where the exchange numbers them without a hole. The trade behind the
    /// gap follows.
    ///
    /// As long as the feed runs, each of them comes after all, or is in a `TradesLost`. They are asked for
    /// over REST and come [`backfilled`](Trade::backfilled), in order among themselves, while the stream
    /// goes on; one that is only late comes as it is.
    TradeGap {
        /// Whose trades.
        symbol: Symbol,
        /// The id of the first one.
        #[serde(with = "number_text")]
        from: u64,
        /// The id of the last one.
        #[serde(with = "number_text")]
        to: u64,
    },
    /// A symbol that is subscribed to is not in the exchange's list of what is trading, or no longer. It is
    /// looked for again.
    NotTrading {
        /// The symbol.
        symbol: Symbol,
        /// Listed symbols that are spelt nearly like it, the nearest first. At most three.
        nearest: Vec<Symbol>,
    },
    /// A symbol that was not trading is, or one is listed newly that a pattern has. Its data follows.
    Trading {
        /// The symbol.
        symbol: Symbol,
    },
    /// A symbol is no longer subscribed to, as it was asked for. Nothing more comes of these channels, unless
    /// they are subscribed to again: as is asked for, or at once on another connection, where channels are
    /// added and its own has no room for them, or under another name of the exchange's. What is traded in between is not told to be missing.
    Unsubscribed {
        /// The symbol.
        symbol: Symbol,
        /// The channels.
        channels: Vec<Channel>,
    },
    /// No symbol that is trading has the form of a pattern. It is looked for again.
    NoMatch {
        /// The pattern.
        pattern: SymbolPattern,
    },
    /// The list of what is trading could not be loaded again, or is not believed. What is streamed goes on.
    ListFailed {
        /// Why.
        reason: String,
        /// How long until the next try.
        #[serde(rename = "retry_in_ms", with = "milliseconds")]
        retry_in: Duration,
    },
    /// Trades of a `TradeGap` are not asked for any longer. If the stream brings one of them later, it
    /// comes all the same.
    TradesLost {
        /// Whose trades.
        symbol: Symbol,
        /// The id of the first one.
        #[serde(with = "number_text")]
        from: u64,
        /// The id of the last one.
        #[serde(with = "number_text")]
        to: u64,
        /// Why.
        reason: String,
    },
    /// A stream is silent for ten times its usual interval and for 30 seconds at least, and the exchange
    /// has moved on meanwhile, as an answer about all symbols shows. It is subscribed to again, and if that
    /// does not help, on another connection. It is told once until the stream is [`Live`](Self::Live), also
    /// over a reconnect. A book of it becomes invalid.
    Stale {
        /// Whose data.
        symbol: Symbol,
        /// Which.
        channel: Channel,
        /// When the stream spoke last, or was subscribed to, if it has not spoken on the connection:
        /// nanoseconds since 1970, UTC, by this machine's clock.
        since_ns: i64,
    },
    /// A stream that was [`Stale`](Self::Stale) speaks again. What it says follows.
    Live {
        /// Whose data.
        symbol: Symbol,
        /// Which.
        channel: Channel,
    },
    /// Messages of this connection are missing, as its own counter shows. Nobody can tell which: there
    /// may have been trades among them. Its books become invalid.
    MessagesMissed,
    /// A well-formed message of a kind that is not known or was not asked for.
    Unknown {
        /// What it says it is.
        kind: String,
        /// Its beginning.
        excerpt: String,
    },
    /// A message that cannot be understood.
    Malformed {
        /// What is wrong with it.
        reason: String,
        /// Its beginning.
        excerpt: String,
    },
}

impl FeedEvent {
    /// Whose data it is, where it is about one symbol.
    #[must_use]
    pub fn symbol(&self) -> Option<&Symbol> {
        match &self.kind {
            FeedEventKind::Trade(Trade { symbol, .. })
            | FeedEventKind::Ticker(Ticker { symbol, .. })
            | FeedEventKind::L2Snapshot(L2Snapshot { symbol, .. })
            | FeedEventKind::L2Delta(L2Delta { symbol, .. })
            | FeedEventKind::BookInvalid { symbol, .. }
            | FeedEventKind::ChangesDropped { symbol, .. }
            | FeedEventKind::SnapshotFailed { symbol, .. }
            | FeedEventKind::ImpossibleTime { symbol, .. }
            | FeedEventKind::NumberingRestarted { symbol, .. }
            | FeedEventKind::Stale { symbol, .. }
            | FeedEventKind::Live { symbol, .. }
            | FeedEventKind::TradeGap { symbol, .. }
            | FeedEventKind::TradesLost { symbol, .. }
            | FeedEventKind::NotTrading { symbol, .. }
            | FeedEventKind::Trading { symbol }
            | FeedEventKind::Unsubscribed { symbol, .. } => Some(symbol),
            _ => None,
        }
    }

    /// How long after the exchange's time the message arrived, in nanoseconds, where the exchange tells
    /// its time. Negative if the exchange's clock is ahead of this machine's. `None` for a trade that was
    /// backfilled: it is late by nature.
    #[must_use]
    pub fn latency_ns(&self) -> Option<i64> {
        let timestamp_ns = match &self.kind {
            FeedEventKind::Trade(trade) if !trade.backfilled => trade.timestamp_ns?,
            FeedEventKind::Ticker(ticker) => ticker.timestamp_ns?,
            FeedEventKind::L2Snapshot(snapshot) => snapshot.timestamp_ns?,
            FeedEventKind::L2Delta(delta) => delta.timestamp_ns?,
            _ => return None,
        };
        // The clock of a recorder of Binance's streams was more than a second behind the exchange's:
        // an unsigned difference would be centuries.
        Some(self.received_ns.saturating_sub(timestamp_ns))
    }
}

/// An event as a line of JSON.
#[derive(serde::Serialize, serde::Deserialize)]
struct Line<Name, Kind> {
    v: Version,
    sequence: u64,
    exchange: Name,
    connection: Option<u64>,
    received_ns: i64,
    #[serde(flatten)]
    kind: Kind,
}

impl Serialize for FeedEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let line = Line {
            v: Version,
            sequence: self.sequence,
            exchange: &self.exchange,
            connection: self.connection,
            received_ns: self.received_ns,
            kind: &self.kind,
        };
        line.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for FeedEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let line: Line<ExchangeName, FeedEventKind> = Line::deserialize(deserializer)?;
        Ok(Self {
            sequence: line.sequence,
            exchange: line.exchange,
            connection: line.connection,
            received_ns: line.received_ns,
            kind: line.kind,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::TradeId;
    use crate::level::Level;

    fn event(kind: FeedEventKind) -> FeedEvent {
        FeedEvent {
            sequence: 7,
            exchange: "binance".into(),
            connection: Some(2),
            received_ns: 1_723_161_254_024_619_568,
            kind,
        }
    }

    /// The event in JSON, which is read as the same event.
    fn json(kind: FeedEventKind) -> String {
        let event = event(kind);
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(
            serde_json::from_str::<FeedEvent>(&json).unwrap(),
            event,
            "{json}"
        );
        json
    }

    #[test]
    fn events_are_neat_json_with_exact_numbers() {
        let trade = FeedEventKind::Trade(Trade {
            symbol: "BTC-USDT".parse().unwrap(),
            id: Some(TradeId::Number(7)),
            count: 1,
            side: Side::Sell,
            price: Decimal::from_str_exact("61837.63000000").unwrap(),
            amount: Decimal::from_str_exact("0.02").unwrap(),
            backfilled: false,
            timestamp_ns: Some(1_723_161_255_342_000_000),
        });
        assert_eq!(event(trade.clone()).latency_ns(), Some(-1_317_380_432));
        assert_eq!(
            json(trade),
            r#"{"v":1,"sequence":7,"exchange":"binance","connection":2,"received_ns":1723161254024619568,"type":"trade","symbol":"BTC-USDT","id":"7","count":1,"side":"sell","price":"61837.63000000","amount":"0.02","backfilled":false,"timestamp_ns":1723161255342000000}"#
        );
        let invalid = FeedEventKind::BookInvalid {
            symbol: "SOL-USDC".parse().unwrap(),
            reason: InvalidReason::Gap {
                expected: 5,
                received: u64::MAX,
            },
        };
        assert!(json(invalid).ends_with(
            r#""type":"book_invalid","symbol":"SOL-USDC","reason":{"kind":"gap","expected":"5","received":"18446744073709551615"}}"#
        ));
        let delta = FeedEventKind::L2Delta(L2Delta {
            symbol: "SOL-USDC".parse().unwrap(),
            epoch: 3,
            first_id: None,
            last_id: Some(5),
            bids: vec![Level {
                price: Decimal::ONE,
                size: Decimal::ZERO,
            }],
            asks: vec![],
            timestamp_ns: None,
        });
        assert!(json(delta).ends_with(
            r#""type":"l2_delta","symbol":"SOL-USDC","epoch":3,"first_id":null,"last_id":"5","bids":[["1","0"]],"asks":[],"timestamp_ns":null}"#
        ));
        let disconnected = FeedEventKind::Disconnected {
            reason: "cut".to_owned(),
            retry_in: Duration::from_millis(1408),
            attempt: 1,
            planned: false,
        };
        assert!(json(disconnected).contains(r#""retry_in_ms":1408,"attempt":1"#));
        assert!(
            json(FeedEventKind::ShutdownAnnounced).ends_with(r#""type":"shutdown_announced"}"#)
        );
    }

    #[test]
    fn a_reader_ignores_new_fields_and_refuses_another_version() {
        let read = |json: &str| serde_json::from_str::<FeedEvent>(json);
        let json = r#"{"v":1,"sequence":1,"exchange":"new","connection":null,"received_ns":1,"type":"notice","text":"x","more":[1]}"#;
        assert!(read(json).unwrap().exchange == *"new");
        let error = read(&json.replace("\"v\":1", "\"v\":2")).unwrap_err();
        assert!(error.to_string().contains("version 2"), "{error}");
    }

    #[test]
    fn an_id_is_a_number_if_it_is_written_like_one() {
        let read = |json: &str| serde_json::from_str::<TradeId>(json).unwrap();
        assert_eq!(read("\"7\""), TradeId::Number(7));
        for text in ["007", "+7", "a7", "18446744073709551616"] {
            assert_eq!(read(&format!("\"{text}\"")), TradeId::Text(text.into()));
        }
    }
}
