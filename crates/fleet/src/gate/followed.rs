//! A symbol that is followed.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use feeds::{
    ExchangeName, FeedEvent, FeedEventKind, InvalidReason, L2Delta, L2Snapshot, OrderBook, Symbol,
    TradeId,
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
    /// Where and when the last event that was kept came.
    heard_at: Option<(Option<u64>, i64)>,
    /// Whether those who read have the book.
    is_book_told: bool,
    /// The last ticker that is not published.
    ticker: Option<FeedEvent>,
    /// What was told once, and is so still.
    conditions: Vec<FeedEvent>,
    /// What has happened, the oldest first.
    kept: VecDeque<(Instant, FeedEvent)>,
    /// The ids of trades that were kept, and are no longer.
    forgotten: Option<RangeInclusive<u64>>,
}

impl Followed {
    pub(super) fn new(shard: Shard) -> Self {
        Self {
            shard,
            stage: Stage::Unknown,
            book: OrderBook::new(),
            book_at: None,
            heard_at: None,
            is_book_told: false,
            ticker: None,
            conditions: Vec::new(),
            kept: VecDeque::new(),
            forgotten: None,
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
            (self.ticker, self.forgotten) = (None, None);
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
        self.heard_at = Some((event.connection, event.received_ns));
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
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        let Some((_, event)) = self.kept.pop_front() else {
            return;
        };
        if let Some(ids) = ids(&event) {
            let (first, last) = ids.into_inner();
            let before = self.forgotten.take().unwrap_or(first..=last);
            self.forgotten = Some(first.min(*before.start())..=last.max(*before.end()));
        }
    }

    /// Forgets the older half of what is kept. Returns how many events that is.
    pub(super) fn drop_half(&mut self) -> usize {
        let half = self.kept.len().div_ceil(2);
        (0..half).for_each(|_| self.forget_first());
        half
    }

    /// What has happened, if it is to be published. It is from now on. Also whether trades may be missing
    /// behind the `stored` one.
    pub(super) fn open(
        &mut self,
        name: (&ExchangeName, &Symbol),
        stored: Option<&TradeId>,
        now: Instant,
        age: Duration,
    ) -> (Vec<FeedEvent>, bool) {
        if self.stage != Stage::Asked {
            return (Vec::new(), false);
        }
        self.stage = Stage::Published;
        self.forget_old(now, age);
        let first = self.kept.iter().find_map(|(_, event)| ids(event));
        let follows = match (stored, &first) {
            (None, _) => true,
            (Some(TradeId::Number(last)), Some(first)) => *first.start() <= last.saturating_add(1),
            (Some(_), _) => false,
        };
        let mut events = self.conditions.clone();
        let snapshot = self.snapshot(name);
        self.is_book_told = snapshot.is_some();
        events.extend(snapshot);
        events.extend(self.ticker.take());
        events.extend(self.lost_since(name, stored).into_iter().flatten());
        events.extend(self.kept.drain(..).map(|(_, event)| event));
        (events, !follows)
    }

    /// What the feed has had behind the `stored` trade, and is not kept any longer.
    fn lost_since(
        &mut self,
        (exchange, symbol): (&ExchangeName, &Symbol),
        stored: Option<&TradeId>,
    ) -> Option<[FeedEvent; 2]> {
        let (first, to) = self.forgotten.take()?.into_inner();
        let TradeId::Number(last) = stored? else {
            return None;
        };
        let from = first.max(last.saturating_add(1));
        let (connection, received_ns) = self.heard_at?;
        let event = |kind| FeedEvent {
            sequence: 0,
            exchange: exchange.clone(),
            connection,
            received_ns,
            kind,
        };
        let symbol = || symbol.clone();
        (from <= to).then(|| {
            [
                event(FeedEventKind::TradeGap {
                    symbol: symbol(),
                    from,
                    to,
                }),
                event(FeedEventKind::TradesLost {
                    symbol: symbol(),
                    from,
                    to,
                    reason: "the fleet has given the symbol over too late".to_owned(),
                }),
            ]
        })
    }

    /// The book as it is, unless it is void.
    fn snapshot(&self, (exchange, symbol): (&ExchangeName, &Symbol)) -> Option<FeedEvent> {
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

/// The ids of the trades that an event is, unless they have come after later ones.
fn ids(event: &FeedEvent) -> Option<RangeInclusive<u64>> {
    let FeedEventKind::Trade(trade) = &event.kind else {
        return None;
    };
    match (&trade.id, trade.backfilled) {
        (Some(TradeId::Number(last)), false) => {
            let more = u64::from(trade.count.saturating_sub(1));
            Some(last.saturating_sub(more)..=*last)
        }
        _ => None,
    }
}

/// Whether both tell the same of the same stream.
fn is_same(one: &FeedEvent, other: &FeedEvent) -> bool {
    (one.kind.name(), one.kind.channel()) == (other.kind.name(), other.kind.channel())
}
