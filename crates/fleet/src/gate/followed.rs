//! A symbol that is followed.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use feeds::{
    ExchangeName, FeedEvent, FeedEventKind, InvalidReason, L2Delta, L2Snapshot, OrderBook, Symbol,
    Trade, TradeId,
};

use crate::assignment::{Fence, Role};
use crate::shard::Shard;

/// What a collector does with a shard, and the last fence that it had it with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) role: Role,
    pub(super) fence: Option<Fence>,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            role: Role::Off,
            fence: None,
        }
    }
}

impl Place {
    pub(super) fn play(&mut self, role: Role) {
        self.role = role;
        if let Role::Own(fence) | Role::Linger(fence) = role {
            self.fence = Some(fence);
        }
    }

    /// Whether its events are for others.
    pub(super) fn is_had(&self) -> bool {
        matches!(self.role, Role::Own(_) | Role::Linger(_))
    }
}

/// How far others know of a symbol by this collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Unknown,
    /// It is asked which trade is stored last.
    Asked,
    Published,
    /// It was published, and is told as unsubscribed.
    Ending,
}

/// A symbol of one exchange.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) shard: Shard,
    stage: Stage,
    book: OrderBook,
    /// Where and when the last event of the book came, and the exchange's time of it.
    book_at: Option<(Option<u64>, i64, Option<i64>)>,
    /// Whether those who read have the book.
    is_book_told: bool,
    /// The last ticker that is not published.
    ticker: Option<FeedEvent>,
    /// What was told once, and is so still.
    conditions: Vec<FeedEvent>,
    /// What has happened, the oldest first.
    kept: VecDeque<(Instant, FeedEvent)>,
    /// The last stored trade, until the first trade is published.
    stored: Option<TradeId>,
}

impl Followed {
    pub(super) fn new(shard: Shard) -> Self {
        Self {
            shard,
            stage: Stage::Unknown,
            book: OrderBook::new(),
            book_at: None,
            is_book_told: false,
            ticker: None,
            conditions: Vec::new(),
            kept: VecDeque::new(),
            stored: None,
        }
    }

    /// It is to be published. Returns whether it is to be asked about first.
    pub(super) fn begin(&mut self) -> bool {
        let begins = matches!(self.stage, Stage::Unknown | Stage::Ending);
        if begins {
            self.stage = Stage::Asked;
            self.is_book_told = false;
        }
        begins
    }

    /// It is not to be published any longer. If the collector `leaves` it, nothing is kept. Returns how many
    /// events are forgotten.
    pub(super) fn end(&mut self, leaves: bool) -> usize {
        self.stage = match self.stage {
            Stage::Published | Stage::Ending if leaves => Stage::Ending,
            _ => Stage::Unknown,
        };
        let kept = match leaves {
            true => std::mem::take(&mut self.kept).len(),
            false => 0,
        };
        if leaves {
            (self.ticker, self.stored) = (None, None);
        }
        kept
    }

    /// How many events are kept.
    pub(super) fn kept(&self) -> usize {
        self.kept.len()
    }

    /// Follows the book, and tells whether `event` is to be published.
    pub(super) fn passes(&mut self, event: &FeedEvent, place: Place) -> bool {
        let is_book = self.follow(event);
        match self.stage {
            Stage::Published => match &event.kind {
                FeedEventKind::L2Snapshot(_) => {
                    self.is_book_told = true;
                    true
                }
                FeedEventKind::BookInvalid { .. } => std::mem::take(&mut self.is_book_told),
                _ if is_book => self.is_book_told,
                _ => true,
            },
            // Those who read shall know that nothing more comes.
            Stage::Ending => match &event.kind {
                FeedEventKind::BookInvalid {
                    reason: InvalidReason::Unsubscribed,
                    ..
                } => std::mem::take(&mut self.is_book_told),
                FeedEventKind::Unsubscribed { .. } => {
                    self.stage = Stage::Unknown;
                    place.fence.is_some()
                }
                _ => false,
            },
            Stage::Unknown | Stage::Asked => false,
        }
    }

    /// Returns whether it is about the book.
    fn follow(&mut self, event: &FeedEvent) -> bool {
        let timestamp_ns = match &event.kind {
            FeedEventKind::L2Snapshot(L2Snapshot { timestamp_ns, .. })
            | FeedEventKind::L2Delta(L2Delta { timestamp_ns, .. }) => *timestamp_ns,
            FeedEventKind::BookInvalid { .. } => None,
            FeedEventKind::Stale { .. }
            | FeedEventKind::NotTrading { .. }
            | FeedEventKind::ImpossibleTime { .. } => {
                self.conditions.retain(|it| !is_same(it, event));
                self.conditions.push(event.clone());
                return false;
            }
            FeedEventKind::Live { channel, .. } => {
                let channel = *channel;
                self.conditions.retain(|it| {
                    !matches!(&it.kind, FeedEventKind::Stale { channel: other, .. } if *other == channel)
                });
                return false;
            }
            FeedEventKind::Trading { .. } => {
                let is_void = |it: &FeedEvent| matches!(it.kind, FeedEventKind::NotTrading { .. });
                self.conditions.retain(|it| !is_void(it));
                return false;
            }
            FeedEventKind::Unsubscribed { .. } => {
                self.conditions.clear();
                return false;
            }
            _ => return false,
        };
        // A change that does not follow makes the book void.
        let _ = self.book.apply_event(&event.kind);
        self.book_at = Some((event.connection, event.received_ns, timestamp_ns));
        true
    }

    /// Keeps an event that is not published yet, and forgets those that are older than `age`.
    pub(super) fn keep(&mut self, event: &FeedEvent, now: Instant, age: Duration) {
        match &event.kind {
            FeedEventKind::Ticker(_) => self.ticker = Some(event.clone()),
            FeedEventKind::Trade(_)
            | FeedEventKind::TradeGap { .. }
            | FeedEventKind::TradesLost { .. }
            | FeedEventKind::NumberingRestarted { .. } => {
                self.kept.push_back((now, event.clone()));
            }
            _ => {}
        }
        self.forget_old(now, age);
    }

    fn forget_old(&mut self, now: Instant, age: Duration) {
        while let Some((at, _)) = self.kept.front()
            && now.saturating_duration_since(*at) > age
        {
            self.kept.pop_front();
        }
    }

    pub(super) fn drop_half(&mut self) -> usize {
        let half = self.kept.len().div_ceil(2);
        self.kept.drain(..half).len()
    }

    /// What has happened, if it is to be published. It is from now on.
    pub(super) fn open(
        &mut self,
        (exchange, symbol): (&ExchangeName, &Symbol),
        stored: Option<TradeId>,
        now: Instant,
        age: Duration,
    ) -> Vec<FeedEvent> {
        if self.stage != Stage::Asked {
            return Vec::new();
        }
        (self.stage, self.stored) = (Stage::Published, stored);
        self.forget_old(now, age);
        let mut events = self.conditions.clone();
        let snapshot = self.snapshot(exchange, symbol);
        self.is_book_told = snapshot.is_some();
        events.extend(snapshot);
        events.extend(self.ticker.take());
        events.extend(self.kept.drain(..).map(|(_, event)| event));
        events
    }

    /// The last stored trade, if `event` is the first published trade, and does not follow it.
    pub(super) fn missing_before(&mut self, event: &FeedEvent) -> Option<TradeId> {
        let FeedEventKind::Trade(trade) = &event.kind else {
            return None;
        };
        if trade.backfilled {
            return None;
        }
        let stored = self.stored.take()?;
        match (&stored, first_id(trade)) {
            (TradeId::Number(last), Some(first)) if first > last.saturating_add(1) => Some(stored),
            _ => None,
        }
    }

    /// The book as it is, unless it is void.
    fn snapshot(&self, exchange: &ExchangeName, symbol: &Symbol) -> Option<FeedEvent> {
        let (connection, received_ns, timestamp_ns) = self.book_at?;
        let snapshot = L2Snapshot {
            symbol: symbol.clone(),
            epoch: self.book.epoch()?,
            covers: self.book.covers()?,
            // The last change may have come without a checksum.
            verified_levels: None,
            last_id: self.book.last_id(),
            bids: self.book.bids().collect(),
            asks: self.book.asks().collect(),
            timestamp_ns,
        };
        Some(FeedEvent {
            sequence: 0,
            exchange: exchange.clone(),
            connection,
            received_ns,
            kind: FeedEventKind::L2Snapshot(snapshot),
        })
    }
}

/// The id of the first of the trades that this is.
fn first_id(trade: &Trade) -> Option<u64> {
    match &trade.id {
        Some(TradeId::Number(last)) => {
            Some(last.saturating_sub(trade.count.saturating_sub(1).into()))
        }
        _ => None,
    }
}

/// Whether both tell the same of the same stream.
fn is_same(one: &FeedEvent, other: &FeedEvent) -> bool {
    (one.kind.name(), one.kind.channel()) == (other.kind.name(), other.kind.channel())
}
