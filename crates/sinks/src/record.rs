//! What a sink stores.

use bytes::Bytes;
use feeds::{Channel, ExchangeName, FeedEvent, FeedEventKind, Symbol, TradeId};

use crate::claim::Claim;
use crate::run::RunId;

/// An event as its line, with what sorts it and tells it from others.
#[derive(Debug, Clone)]
pub struct Record {
    /// The run that the event's sequence belongs to.
    pub run: RunId,
    /// That to the shard that the event belongs to, in a fleet.
    pub claim: Option<Claim>,
    /// The event's number in its run.
    pub sequence: u64,
    /// The exchange.
    pub exchange: ExchangeName,
    /// The connection that brought it: the event's own number.
    pub connection: Option<u64>,
    /// The event's `type`, such as `l2_delta`.
    pub name: &'static str,
    /// The channel that it belongs to, if it is one.
    pub channel: Option<Channel>,
    /// Whose data it is, where it is about one symbol.
    pub symbol: Option<Symbol>,
    /// When the event was received: nanoseconds since 1970, UTC.
    pub received_ns: i64,
    /// What tells the event from others.
    pub identity: Identity,
    /// The event in JSON, without the newline.
    pub line: Bytes,
}

/// What tells an event from others of its exchange, symbol and type.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Identity {
    /// The exchange's own, which every collector sees alike.
    Trade {
        /// The id of the trade, or of the last of several.
        id: TradeId,
        /// How many trades it is.
        count: u32,
        /// Whether it was fetched: an exchange may tell trades one by one then that its stream tells as one.
        is_fetched: bool,
        /// The exchange's time in milliseconds: its streams and its REST answers may differ below that.
        time_ms: Option<i64>,
    },
    /// The exchange's own: the state of the book that a ticker quotes.
    State {
        /// Its id.
        last_id: u64,
    },
    /// None but the run and the sequence. An event of a book belongs to the snapshots of its collector, and
    /// is another one to another collector.
    Sequence,
}

impl Identity {
    fn of(kind: &FeedEventKind) -> Self {
        match kind {
            FeedEventKind::Trade(trade) => trade.id.clone().map_or(Self::Sequence, |id| {
                let time_ms = trade.timestamp_ns.map(|ns| ns.div_euclid(1_000_000));
                Self::Trade {
                    id,
                    count: trade.count,
                    is_fetched: trade.backfilled,
                    time_ms,
                }
            }),
            FeedEventKind::Ticker(ticker) => ticker
                .last_id
                .map_or(Self::Sequence, |last_id| Self::State { last_id }),
            _ => Self::Sequence,
        }
    }
}

impl Record {
    /// The record of `event`, whose JSON is `line`, without or with the newline.
    #[must_use]
    pub fn new(run: RunId, event: &FeedEvent, line: &[u8]) -> Self {
        Self {
            run,
            claim: None,
            sequence: event.sequence,
            exchange: event.exchange.clone(),
            connection: event.connection,
            name: event.kind.name(),
            channel: event.kind.channel(),
            symbol: event.symbol().cloned(),
            received_ns: event.received_ns,
            identity: Identity::of(&event.kind),
            line: Bytes::copy_from_slice(line.strip_suffix(b"\n").unwrap_or(line)),
        }
    }

    /// The same with the claim to its shard.
    #[must_use]
    pub fn with_claim(self, claim: Option<Claim>) -> Self {
        Self { claim, ..self }
    }

    /// The record of `event`.
    #[must_use]
    pub fn of(run: RunId, event: &FeedEvent) -> Self {
        let mut line = Vec::new();
        // A vector takes everything, and an event can always be written.
        let _ = event.write_json(&mut line);
        Self::new(run, event, &line)
    }
}
