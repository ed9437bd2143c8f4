//! All instruments of an exchange.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use tokio::sync::broadcast;
use tokio::time::{Instant, MissedTickBehavior};

use super::engine::Engine;
use super::instrument::{Instrument, MarketKind};
use super::movement::MarketOptions;
use super::update::{Day, Snapshot, Trade, Update};

/// How long a connection may lag behind before it is closed.
// An exchange drops a client that reads so slowly, and so does the mock.
const BACKLOG: Duration = Duration::from_secs(20);
/// That many ticks at the least, and at the most.
const BACKLOG_TICKS: (u128, u128) = (1024, 16_384);

/// What happens at one tick.
pub(super) type Tick = Arc<Vec<Update>>;

/// The instruments of an exchange, and an engine for each that is or was open.
#[derive(Debug)]
pub struct Market {
    options: MarketOptions,
    tick: Duration,
    /// Updates a second, of all instruments together; of each one at every tick, if there is none.
    rate: Option<f64>,
    state: Mutex<State>,
    ticks: broadcast::Sender<Tick>,
}

#[derive(Debug)]
struct State {
    entries: Vec<Entry>,
    by_symbol: HashMap<String, usize>,
    /// The seed of the next engine.
    // One for each: the same one would make all of them move alike.
    seed: u64,
    /// Which engine is next.
    next: usize,
    /// What is left of an update from the tick before.
    due: f64,
}

#[derive(Debug)]
struct Entry {
    instrument: Arc<Instrument>,
    engine: Option<Engine>,
}

impl State {
    fn find(&self, symbol: &str) -> Option<&Entry> {
        self.entries.get(*self.by_symbol.get(symbol)?)
    }
}

impl Entry {
    /// The engine of an open instrument.
    fn open(&self) -> Option<&Engine> {
        self.engine.as_ref().filter(|_| self.instrument.open)
    }
}

impl Market {
    /// A market that does something every `tick`, `rate` times a second if it is told.
    pub(super) fn new(
        instruments: Vec<Instrument>,
        seed: u64,
        options: MarketOptions,
        tick: Duration,
        rate: Option<f64>,
    ) -> Self {
        let backlog = BACKLOG.as_millis() / tick.as_millis().max(1);
        let backlog = backlog.clamp(BACKLOG_TICKS.0, BACKLOG_TICKS.1);
        let market = Self {
            options,
            tick,
            rate,
            state: Mutex::new(State {
                entries: Vec::new(),
                by_symbol: HashMap::new(),
                seed,
                next: 0,
                due: 0.0,
            }),
            ticks: broadcast::Sender::new(usize::try_from(backlog).unwrap_or(usize::MAX)),
        };
        for instrument in instruments {
            market.list(instrument);
        }
        market
    }

    /// What is traded or listed.
    #[must_use]
    pub fn instruments(&self) -> Vec<Arc<Instrument>> {
        let state = self.state.lock();
        let entries = state.entries.iter();
        entries.map(|entry| Arc::clone(&entry.instrument)).collect()
    }

    /// What has this symbol of the exchange.
    #[must_use]
    pub fn find(&self, symbol: &str) -> Option<Arc<Instrument>> {
        let state = self.state.lock();
        Some(Arc::clone(&state.find(symbol)?.instrument))
    }

    /// The book of an open instrument, as old as REST tells it.
    #[must_use]
    pub fn snapshot(&self, symbol: &str) -> Option<Snapshot> {
        self.with_open(symbol, Engine::snapshot)
    }

    /// The book of an open instrument as it is now, whatever REST tells.
    #[must_use]
    pub fn latest(&self, symbol: &str) -> Option<Snapshot> {
        self.with_open(symbol, Engine::latest)
    }

    /// The latest `count` trades of an instrument that was open, oldest first.
    #[must_use]
    pub fn trades(&self, symbol: &str, count: usize) -> Option<Vec<Trade>> {
        let state = self.state.lock();
        let trades = state.find(symbol)?.engine.as_ref()?.trades();
        let older = trades.len().saturating_sub(count);
        Some(trades.skip(older).cloned().collect())
    }

    /// What was traded of an open instrument.
    #[must_use]
    pub fn day(&self, symbol: &str) -> Option<Day> {
        self.with_open(symbol, Engine::day)?
    }

    /// What was traded of all open instruments.
    #[must_use]
    pub fn days(&self) -> Vec<Day> {
        let state = self.state.lock();
        let open = state.entries.iter().filter_map(Entry::open);
        open.filter_map(Engine::day).collect()
    }

    fn with_open<T>(&self, symbol: &str, ask: impl FnOnce(&Engine) -> T) -> Option<T> {
        let state = self.state.lock();
        state.find(symbol)?.open().map(ask)
    }

    /// What happens from now on.
    pub(super) fn subscribe(&self) -> broadcast::Receiver<Tick> {
        self.ticks.subscribe()
    }

    /// Adds an instrument, or puts it in the place of the one with its symbol. What is open again goes
    /// on where it was.
    pub(super) fn list(&self, instrument: Instrument) {
        let instrument = Arc::new(instrument);
        let state = &mut *self.state.lock();
        let known = state.by_symbol.get(&instrument.symbol).copied();
        let mut engine = known
            .and_then(|place| state.entries.get_mut(place))
            .and_then(|entry| entry.engine.take());
        if instrument.open && engine.is_none() {
            let listed = Arc::clone(&instrument);
            engine = Some(Engine::new(listed, state.seed, self.options, now()));
            state.seed = state.seed.wrapping_add(1);
        }
        let symbol = instrument.symbol.clone();
        let entry = Entry { instrument, engine };
        match known.and_then(|place| state.entries.get_mut(place)) {
            Some(place) => *place = entry,
            None => {
                state.by_symbol.insert(symbol, state.entries.len());
                state.entries.push(entry);
            }
        }
    }

    /// The spot instrument of base and quote, `BTC-USDT`.
    pub(super) fn pair(&self, pair: &str) -> Option<Arc<Instrument>> {
        let is_it = |it: &Arc<Instrument>| it.kind == MarketKind::Spot && it.pair() == pair;
        self.instruments().into_iter().find(is_it)
    }

    /// Numbers everything anew from now on.
    pub(super) fn restart_ids(&self) {
        let mut state = self.state.lock();
        let engines = state.entries.iter_mut().filter_map(|it| it.engine.as_mut());
        engines.for_each(Engine::restart_ids);
    }

    /// Lets time pass.
    pub(super) async fn run(&self) {
        let mut clock = tokio::time::interval(self.tick);
        // A machine that was busy must not be followed by a burst, in which every client would lag.
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = Instant::now();
        loop {
            let now = clock.tick().await;
            let updates = self.advance(now.saturating_duration_since(last));
            last = now;
            if !updates.is_empty() {
                // An error says that nobody listens.
                let _ = self.ticks.send(Arc::new(updates));
            }
        }
    }

    fn advance(&self, elapsed: Duration) -> Vec<Update> {
        let state = &mut *self.state.lock();
        let time = now();
        let all = state.entries.len();
        let open = state
            .entries
            .iter()
            .filter(|it| it.open().is_some())
            .count();
        let mut count = open;
        if let Some(rate) = self.rate {
            // Late ticks are made up for, as far as that makes no burst.
            state.due += rate * elapsed.min(self.tick * 10).as_secs_f64();
            // An instrument changes once a tick at the most.
            count = open.min(state.due as usize);
            state.due = (state.due - count as f64).min(all as f64);
        }
        let mut updates = Vec::with_capacity(count);
        // Each of them once at the most, beginning where the tick before ended.
        let (before, from) = state.entries.split_at_mut(state.next % all.max(1));
        let mut passed = 0;
        for entry in from.iter_mut().chain(before) {
            if updates.len() == count {
                break;
            }
            passed += 1;
            let is_open = entry.instrument.open;
            if let Some(engine) = entry.engine.as_mut().filter(|_| is_open) {
                updates.push(engine.tick(time));
            }
        }
        state.next = (state.next + passed) % all.max(1);
        updates
    }
}

/// Microseconds since 1970.
#[must_use]
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| u64::try_from(since.as_micros()).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(20);

    fn market(count: u64, rate: Option<f64>) -> Market {
        let instrument = |n: u64| Instrument::made_up(format!("{n}"), [&format!("T{n}"), "USD"]);
        let instruments = (0..count).map(instrument).collect();
        Market::new(instruments, 1, MarketOptions::default(), TICK, rate)
    }

    #[test]
    fn a_rate_is_shared_by_all_instruments_in_turn() {
        let of = |rate, ticks: usize| {
            let market = market(30, rate);
            let updates = (0..ticks).flat_map(|_| market.advance(TICK));
            let mut counts = HashMap::<String, usize>::new();
            for update in updates {
                *counts.entry(update.instrument.symbol.clone()).or_default() += 1;
            }
            let few = counts.values().min().copied();
            (few, counts.values().max().copied(), counts.len())
        };
        assert_eq!(of(None, 3), (Some(3), Some(3), 30));
        // 12 a tick, so 60 in five ticks.
        assert_eq!(of(Some(600.0), 5), (Some(2), Some(2), 30));
        // A third of one a tick.
        assert_eq!(of(Some(50.0 / 3.0), 9), (Some(1), Some(1), 3));
        // As many as are due after a pause of five ticks.
        assert_eq!(market(30, Some(100.0)).advance(TICK * 5).len(), 10);
        // No more than all of them at once.
        assert_eq!(of(Some(1e9), 2), (Some(2), Some(2), 30));
    }

    #[test]
    fn what_is_closed_is_silent_and_goes_on_when_it_is_open_again() {
        let market = market(2, None);
        let first = market.latest("0").unwrap().id;
        let close = |open| {
            let instrument = (*market.find("0").unwrap()).clone();
            market.list(Instrument { open, ..instrument });
        };
        close(false);
        assert_eq!(market.advance(TICK).len(), 1);
        assert!(market.latest("0").is_none() && market.day("0").is_none());
        assert_eq!(market.days().len(), 1);
        close(true);
        assert_eq!(market.advance(TICK).len(), 2);
        let id = market.latest("0").unwrap().id;
        assert!((1..=5).contains(&(id - first)), "{first} {id}");
        assert_eq!(market.pair("T1-USD").unwrap().symbol, "1");
    }

    #[test]
    fn instruments_that_are_made_up_are_the_same_every_time() {
        let make = |symbol: &str| Instrument::made_up(symbol.to_owned(), ["A", "B"]);
        assert_eq!(make("T0001USDT").start, make("T0001USDT").start);
        assert_ne!(make("T0001USDT").start, make("T0002USDT").start);
    }
}
