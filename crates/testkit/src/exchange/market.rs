//! All instruments of an exchange.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::broadcast;
use tokio::time::MissedTickBehavior;

use super::engine::Engine;
use super::instrument::Instrument;
use super::update::{Snapshot, Trade, Update};

/// How many updates a connection may lag behind before it is closed.
// At three or four instruments and a tick of 20 ms, some 20 seconds. An exchange drops a client
// that reads so slowly, and so does the mock.
const BACKLOG: usize = 4096;

/// The instruments of an exchange, and an engine for each that is open.
#[derive(Debug)]
pub struct Market {
    instruments: Vec<Arc<Instrument>>,
    engines: Mutex<Vec<Engine>>,
    updates: broadcast::Sender<Arc<Update>>,
}

impl Market {
    pub(super) fn new(instruments: Vec<Instrument>, seed: u64, snapshot_age: usize) -> Self {
        let instruments: Vec<_> = instruments.into_iter().map(Arc::new).collect();
        let time = now();
        let engines = instruments
            .iter()
            .filter(|instrument| instrument.open)
            // A seed each: the same one would make all of them move alike.
            .zip(seed..)
            .map(|(instrument, seed)| Engine::new(Arc::clone(instrument), seed, snapshot_age, time))
            .collect();
        Self {
            instruments,
            engines: Mutex::new(engines),
            updates: broadcast::Sender::new(BACKLOG),
        }
    }

    /// What is traded or listed.
    pub fn instruments(&self) -> impl Iterator<Item = &Instrument> {
        self.instruments.iter().map(AsRef::as_ref)
    }

    /// What has this symbol of the exchange.
    #[must_use]
    pub fn find(&self, symbol: &str) -> Option<&Instrument> {
        self.instruments()
            .find(|instrument| instrument.symbol == symbol)
    }

    /// The book of an open instrument, as old as REST tells it.
    #[must_use]
    pub fn snapshot(&self, symbol: &str) -> Option<Arc<Snapshot>> {
        self.engines()
            .iter()
            .find(|engine| engine.symbol() == symbol)?
            .snapshot()
    }

    /// The book of an open instrument as it is now, whatever REST tells.
    #[must_use]
    pub fn latest(&self, symbol: &str) -> Option<Arc<Snapshot>> {
        self.engines()
            .iter()
            .find(|engine| engine.symbol() == symbol)?
            .latest()
    }

    /// The latest `count` trades of an open instrument, oldest first.
    #[must_use]
    pub fn trades(&self, symbol: &str, count: usize) -> Option<Vec<Trade>> {
        let engines = self.engines();
        let engine = engines.iter().find(|engine| engine.symbol() == symbol)?;
        let trades = engine.trades();
        let older = trades.len().saturating_sub(count);
        Some(trades.skip(older).cloned().collect())
    }

    /// What happens from now on.
    pub(super) fn subscribe(&self) -> broadcast::Receiver<Arc<Update>> {
        self.updates.subscribe()
    }

    /// Lets time pass for each instrument once per `interval`.
    pub(super) async fn run(&self, interval: Duration) {
        let mut clock = tokio::time::interval(interval);
        // A machine that was busy must not be followed by a burst, in which every client would lag.
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            clock.tick().await;
            for engine in self.engines().iter_mut() {
                // An error says that nobody listens.
                let _ = self.updates.send(Arc::new(engine.tick(now())));
            }
        }
    }

    fn engines(&self) -> MutexGuard<'_, Vec<Engine>> {
        self.engines.lock()
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
