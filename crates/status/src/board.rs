//! What is known now.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use feeds::{FeedEvent, FeedEventKind, FeedHandle};
use parking_lot::Mutex;
use proxy_injector::ProxyInjector;
use tokio::time::Instant;

use crate::clock::now_ns;
use crate::collect::{self, Origins};
use crate::metrics::{Metrics, record_output_latency};
use crate::model::{ExchangeView, FleetView, Gravity, NotableEvent, Output, Readiness, Status};
use crate::notable::{Notable, notable};
use crate::rates::Rates;
use crate::readiness::{Lasting, judge};

/// How old a status may be that is told. Several readers then cost as much as one.
const FRESH: Duration = Duration::from_millis(250);

/// How long something may be wrong before the program is not ready any longer: 30 seconds.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Knows what the feeds and the injector of a program are doing. Clones are about the same program.
///
/// It is given the [handles](Self::watch) of the feeds, whose state it looks at when it is asked, and every
/// [event](Self::note), of which it keeps the notable ones.
#[derive(Clone)]
pub struct Board(Arc<Shared>);

struct Shared {
    program: String,
    started_ns: i64,
    patience: Duration,
    injector: Arc<ProxyInjector>,
    feeds: Mutex<BTreeMap<String, FeedHandle>>,
    origins: Mutex<Origins>,
    notable: Mutex<Notable>,
    rates: Mutex<Rates>,
    lasting: Mutex<Lasting>,
    fleet: Mutex<Option<FleetView>>,
    events: AtomicU64,
    waiting: AtomicU64,
    dropped: AtomicU64,
    latest: Mutex<Option<(Instant, Arc<Status>)>>,
}

impl Board {
    /// The board of a program, which has that name and version, such as `cryptofeed 0.1.0`. It is not ready
    /// when something has been wrong for longer than `patience`; see [`PATIENCE`].
    #[must_use]
    pub fn new(program: &str, injector: Arc<ProxyInjector>, patience: Duration) -> Self {
        Self(Arc::new(Shared {
            program: program.to_owned(),
            started_ns: now_ns(),
            patience,
            injector,
            feeds: Mutex::default(),
            origins: Mutex::default(),
            notable: Mutex::default(),
            rates: Mutex::default(),
            lasting: Mutex::new(Lasting::new(Instant::now())),
            fleet: Mutex::default(),
            events: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            latest: Mutex::default(),
        }))
    }

    /// Tells of this feed from now on, in place of another one of the same exchange.
    pub fn watch(&self, feed: FeedHandle) {
        let exchange = feed.status().exchange.to_string();
        self.0.feeds.lock().insert(exchange, feed);
    }

    /// Tells of the feed of `exchange` no longer.
    pub fn forget(&self, exchange: &str) {
        self.0.feeds.lock().remove(exchange);
    }

    /// Tells what set the rule of each route, such as the place in a file: `origins` has that by exchange and
    /// transport. `None` stands for any other exchange.
    pub fn set_origins(
        &self,
        origins: impl IntoIterator<Item = ((Option<String>, String), String)>,
    ) {
        *self.0.origins.lock() = origins.into_iter().collect();
    }

    /// Tells how the program stands in its fleet: without this, it is part of none.
    pub fn set_fleet(&self, fleet: FleetView) {
        *self.0.fleet.lock() = Some(fleet);
    }

    /// Takes note of an event that a reader has taken. For market data, this is a counter.
    pub fn note(&self, event: &FeedEvent) {
        self.0.events.fetch_add(1, Ordering::Relaxed);
        if let FeedEventKind::ChangesDropped { count, .. } = &event.kind {
            self.0.dropped.fetch_add(*count, Ordering::Relaxed);
        }
        if let Some(event) = notable(event) {
            self.0.notable.lock().add(event);
        }
    }

    /// Takes note of something else that happened, such as that new settings apply.
    pub fn tell(&self, gravity: Gravity, kind: &str, text: impl Into<String>) {
        self.0.notable.lock().add(NotableEvent {
            at_ns: now_ns(),
            gravity,
            kind: kind.to_owned(),
            exchange: None,
            connection: None,
            symbol: None,
            text: text.into(),
            times: 1,
        });
    }

    /// An event that was received at `received_ns` has been written.
    pub fn note_written(&self, received_ns: i64) {
        record_output_latency(now_ns().saturating_sub(received_ns));
    }

    /// All metrics, as of now.
    pub(crate) fn render(&self, metrics: &Metrics) -> String {
        self.0.injector.record_metrics();
        metrics.render(&self.status())
    }

    /// Tells how many events wait for their reader.
    pub fn set_waiting(&self, events: usize) {
        let events = u64::try_from(events).unwrap_or(u64::MAX);
        self.0.waiting.store(events, Ordering::Relaxed);
    }

    /// What is known now, or was a quarter of a second ago.
    #[must_use]
    pub fn status(&self) -> Arc<Status> {
        let now = Instant::now();
        let mut latest = self.0.latest.lock();
        if let Some((at, status)) = &*latest
            && now.saturating_duration_since(*at) < FRESH
        {
            return Arc::clone(status);
        }
        let status = Arc::new(self.0.look(now));
        *latest = Some((now, Arc::clone(&status)));
        status
    }
}

impl Shared {
    fn look(&self, now: Instant) -> Status {
        let feeds: Vec<_> = self.feeds.lock().values().cloned().collect();
        let feeds = feeds.iter().map(FeedHandle::status);
        let mut exchanges: Vec<_> = feeds.map(collect::exchange).collect();
        let taken_ns = now_ns();
        self.rate(&mut exchanges, now, taken_ns);
        let snapshot = self.injector.snapshot();
        let mut status = Status {
            v: Status::VERSION,
            program: self.program.clone(),
            taken_ns,
            started_ns: self.started_ns,
            readiness: Readiness::default(),
            output: Output {
                events: self.events.load(Ordering::Relaxed),
                waiting: self.waiting.load(Ordering::Relaxed),
                dropped: self.dropped.load(Ordering::Relaxed),
            },
            fleet: *self.fleet.lock(),
            exchanges,
            routes: collect::routes(&snapshot, &self.origins.lock()),
            proxies: collect::proxies(&snapshot),
            budgets: collect::budgets(&snapshot),
            lists: collect::lists(&snapshot),
            events: self.notable.lock().all(),
        };
        status.readiness = judge(&status, &mut self.lasting.lock(), now, self.patience);
        status
    }

    fn rate(&self, exchanges: &mut [ExchangeView], now: Instant, taken_ns: i64) {
        let mut rates = self.rates.lock();
        let counts = exchanges.iter().flat_map(|exchange| {
            exchange.connections.iter().map(|it| {
                let age = u64::try_from(taken_ns.saturating_sub(it.opened_ns)).unwrap_or_default();
                let key = (exchange.exchange.clone(), it.number);
                (key, it.events, Duration::from_nanos(age))
            })
        });
        rates.look(now, counts);
        for exchange in exchanges {
            for connection in &mut exchange.connections {
                let key = (exchange.exchange.clone(), connection.number);
                connection.events_per_second = rates.of(&key);
            }
            let connections = exchange.connections.iter();
            let rates = connections.map(|it| it.events_per_second);
            // The sum of none is -0.0.
            exchange.events_per_second = rates.fold(0.0, |sum, rate| sum + rate);
        }
    }
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Board")
            .field("program", &self.0.program)
            .finish_non_exhaustive()
    }
}
