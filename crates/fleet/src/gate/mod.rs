//! Which events of a collector are for others.

mod followed;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use feeds::{ExchangeName, FeedEvent, FeedEventKind, Symbol, TradeId};

use self::followed::{Followed, Place};
use crate::assignment::{Fence, Role};
use crate::shard::{Shard, ShardCount};

/// How much is kept of what is not published yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateLimits {
    /// For how long. A server must know duplicates for longer: what is kept may be stored already.
    pub age: Duration,
    /// How many events.
    pub events: usize,
}

/// Lets the events of those shards pass that a collector has, with their fences, and counts what has passed.
///
/// | a shard is | its symbols |
/// |---|---|
/// | warm | are followed: the book, and what has happened lately |
/// | own | are asked about: which trade is stored last? Then follow the book as a snapshot, what was kept, and every event from then on |
/// | lingering | as before |
/// | off | are told as unsubscribed, if others know of them |
///
/// An event about no symbol passes whatever is had. Events that pass are numbered anew, for each exchange
/// without a hole. It looks at no clock and talks to nobody.
#[derive(Debug)]
pub struct Gate {
    shards: ShardCount,
    limits: GateLimits,
    /// By the number of the shard.
    places: Vec<Place>,
    exchanges: HashMap<ExchangeName, Numbered>,
    kept: usize,
    dropped: u64,
    unasked: Vec<(ExchangeName, Symbol)>,
}

/// An exchange.
#[derive(Debug, Default)]
struct Numbered {
    /// The number of the last event that has come.
    arrived: u64,
    /// That of the last one that has passed.
    passed: u64,
    symbols: HashMap<Symbol, Followed>,
}

impl Numbered {
    fn number(&mut self) -> u64 {
        self.passed += 1;
        self.passed
    }
}

/// What is to be done with an event that has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// It is published, with the fence of its shard if it is about a symbol.
    Free(Option<(Shard, Fence)>),
    /// It is not published, or not yet.
    Barred,
}

/// What a symbol begins with.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// The fence of its shard. Without one, there is nothing to publish.
    pub fence: Option<(Shard, Fence)>,
    /// What to publish first.
    pub events: Vec<FeedEvent>,
    /// Whether a trade is stored that the first of these trades does not follow, or that there is none to
    /// follow: some may be missing behind it, which the feed is to be asked for.
    pub may_lack_trades: bool,
}

impl Gate {
    /// Of a collector that has nothing yet.
    #[must_use]
    pub fn new(shards: ShardCount, limits: GateLimits) -> Self {
        Self {
            shards,
            limits,
            places: vec![Place::default(); usize::from(shards.value())],
            exchanges: HashMap::new(),
            kept: 0,
            dropped: 0,
            unasked: Vec::new(),
        }
    }

    /// The collector does this with `shard` from now on.
    pub fn play(&mut self, shard: Shard, role: Role) {
        let Some(place) = self.places.get_mut(shard.index()) else {
            return;
        };
        place.play(role);
        let place = *place;
        for (exchange, numbered) in &mut self.exchanges {
            for (symbol, followed) in &mut numbered.symbols {
                if followed.shard != shard {
                    continue;
                }
                if place.is_had() {
                    if followed.begin() {
                        self.unasked.push((exchange.clone(), symbol.clone()));
                    }
                } else {
                    self.kept -= followed.end(place.role == Role::Off);
                }
            }
        }
    }

    /// Takes the next event of a feed, and gives it its new number if it passes.
    pub fn take(&mut self, event: &mut FeedEvent, now: Instant) -> Passage {
        let numbered = match self.exchanges.get_mut(event.exchange.as_str()) {
            Some(numbered) => numbered,
            None => self.exchanges.entry(event.exchange.clone()).or_default(),
        };
        if event.sequence <= numbered.arrived {
            // Another feed of the exchange, which begins anew.
            let kept = numbered.symbols.values().map(Followed::kept);
            self.kept -= kept.sum::<usize>();
            *numbered = Numbered::default();
        }
        numbered.arrived = event.sequence;
        let Some(symbol) = event.symbol() else {
            event.sequence = numbered.number();
            return Passage::Free(None);
        };
        let followed = match numbered.symbols.get_mut(symbol) {
            Some(followed) => followed,
            None => {
                let shard = self.shards.shard_of(event.exchange.as_str(), symbol);
                let followed = numbered.symbols.entry(symbol.clone());
                followed.or_insert_with(|| Followed::new(shard))
            }
        };
        let Some(place) = self.places.get(followed.shard.index()).copied() else {
            return Passage::Barred;
        };
        if place.is_had() && followed.begin() {
            let symbol = (event.exchange.clone(), symbol.clone());
            self.unasked.push(symbol);
        }
        let (is_free, kept, shard) = (
            followed.passes(event, place),
            followed.kept(),
            followed.shard,
        );
        if !is_free && place.role != Role::Off {
            followed.keep(event, now, self.limits.age);
            self.kept = self.kept - kept + followed.kept();
        }
        if place.role == Role::Off && matches!(event.kind, FeedEventKind::Unsubscribed { .. }) {
            numbered.symbols.remove(symbol);
        }
        if is_free {
            event.sequence = numbered.number();
            return Passage::Free(place.fence.map(|fence| (shard, fence)));
        }
        if self.kept > self.limits.events {
            self.drop_some();
        }
        Passage::Barred
    }

    /// Symbols to publish whose last stored trade is to be [told](Self::open) first.
    pub fn unasked(&mut self) -> Vec<(ExchangeName, Symbol)> {
        std::mem::take(&mut self.unasked)
    }

    /// The last trade of a symbol that is `stored`, if there is one. It is published from now on, if its shard
    /// is still this collector's.
    pub fn open(
        &mut self,
        exchange: &ExchangeName,
        symbol: &Symbol,
        stored: Option<&TradeId>,
        now: Instant,
    ) -> Opening {
        let Some(numbered) = self.exchanges.get_mut(exchange) else {
            return Opening::default();
        };
        let Some(followed) = numbered.symbols.get_mut(symbol) else {
            return Opening::default();
        };
        let place = self.places.get(followed.shard.index()).copied();
        let fence = place.filter(Place::is_had).and_then(|it| it.fence);
        let Some(fence) = fence else {
            return Opening::default();
        };
        let (shard, kept) = (followed.shard, followed.kept());
        let name = (exchange, symbol);
        let (mut events, may_lack_trades) = followed.open(name, stored, now, self.limits.age);
        self.kept = self.kept - kept + followed.kept();
        for event in &mut events {
            event.sequence = numbered.number();
        }
        Opening {
            fence: Some((shard, fence)),
            events,
            may_lack_trades,
        }
    }

    /// How many events were not kept although they are not old, since there were too many.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Drops the older half of what is kept of the symbol that has most.
    fn drop_some(&mut self) {
        let exchanges = self.exchanges.values_mut();
        let symbols = exchanges.flat_map(|it| it.symbols.values_mut());
        if let Some(most) = symbols.max_by_key(|it| it.kept()) {
            let dropped = most.drop_half();
            self.kept -= dropped;
            self.dropped += dropped as u64;
        }
    }
}
