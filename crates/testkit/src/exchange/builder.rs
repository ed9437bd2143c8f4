//! Exchanges to be.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::sync::broadcast;
use tokio::task::JoinSet;

use super::fault::Faults;
use super::gate::Gate;
use super::guard::Guard;
use super::instrument::Instrument;
use super::live::Live;
use super::market::Market;
use super::movement::{MarketOptions, Movement};
use super::protocol::ExchangeProtocol;
use super::replay::Replay;
use super::schedule::FaultSchedule;
use super::{MockExchange, Setup};
use crate::error::SetupError;
use crate::ledger::Ledger;
use crate::server::ANY_PORT;

/// How many orders a connection may be behind; more than a test gives in a row.
const ORDERS: usize = 64;

/// A [`MockExchange`] to be.
#[derive(Debug)]
pub struct MockExchangeBuilder {
    protocol: Box<dyn ExchangeProtocol>,
    rest: SocketAddr,
    ws: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
    seed: u64,
    tick: Duration,
    market: MarketOptions,
    rate: Option<f64>,
    symbols: usize,
    replay: Option<Replay>,
    enforces: bool,
    speed: f64,
    ping_interval: Option<Duration>,
    pong_timeout: Option<Duration>,
    idle_limit: Option<Duration>,
    rollover: Option<Duration>,
    faults: FaultSchedule,
}

impl MockExchangeBuilder {
    pub(super) fn new(protocol: Box<dyn ExchangeProtocol>) -> Self {
        Self {
            protocol,
            rest: ANY_PORT,
            ws: ANY_PORT,
            tls: None,
            seed: 1,
            tick: Duration::from_millis(20),
            market: MarketOptions::default(),
            rate: None,
            symbols: 0,
            replay: None,
            enforces: true,
            speed: 1.0,
            ping_interval: None,
            pong_timeout: None,
            idle_limit: None,
            rollover: None,
            faults: FaultSchedule::default(),
        }
    }

    /// Speaks TLS on both listeners. See [`TestCa::server_config`](crate::TestCa::server_config).
    #[must_use]
    pub fn tls(mut self, config: Arc<ServerConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// Where REST listens, instead of a free port of `127.0.0.1`.
    #[must_use]
    pub fn rest_address(mut self, address: SocketAddr) -> Self {
        self.rest = address;
        self
    }

    /// Where WebSocket listens, instead of a free port of `127.0.0.1`.
    #[must_use]
    pub fn ws_address(mut self, address: SocketAddr) -> Self {
        self.ws = address;
        self
    }

    /// Another market; the same seed gives the same one, but for the times. The default is 1.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How often something happens to each symbol: one to five changes of the book in a calm market,
    /// and the trades and tickers that belong to them. The default is 20 ms; 0 counts as 1 ms.
    #[must_use]
    pub fn tick_interval(mut self, interval: Duration) -> Self {
        self.tick = interval.max(Duration::from_millis(1));
        self
    }

    /// How many ticks a REST snapshot is behind the stream. The default is 0.
    #[must_use]
    pub fn snapshot_age(mut self, ticks: usize) -> Self {
        self.market.snapshot_age = ticks;
        self
    }

    /// How the market moves, and how deep its books are. The default is [`Movement::CALM`].
    #[must_use]
    pub fn movement(mut self, movement: Movement) -> Self {
        self.market.movement = movement;
        self
    }

    /// How many trades of each symbol REST can tell of. The default is 10,000.
    #[must_use]
    pub fn trade_memory(mut self, trades: usize) -> Self {
        self.market.trades = trades;
        self
    }

    /// How many further symbols there are beside those of the exchange: `T0001` and so on, with prices
    /// that are the same every time. The default is none, and so it is at an exchange without
    /// [`ExchangeProtocol::further`].
    #[must_use]
    pub fn symbols(mut self, further: usize) -> Self {
        self.symbols = further;
        self
    }

    /// How often something happens in a second, to all symbols in turn, but to none more often than
    /// once a tick. The default is to each symbol at every tick.
    #[must_use]
    pub fn rate(mut self, updates_per_second: f64) -> Self {
        self.rate = Some(updates_per_second);
        self
    }

    /// Refuses, closes and bans nothing for what the exchange does not allow. It is counted and listed
    /// by [`MockExchange::violations`] all the same. What is malformed is still refused, and connections
    /// still end at their age.
    #[must_use]
    pub fn without_limits(mut self) -> Self {
        self.enforces = false;
        self
    }

    /// How many times as fast the clock of the exchange runs: windows of limits, bans, the age and the
    /// idle time of connections and the time between pings are shorter by this factor, but for pings
    /// and pongs not below 100 ms and a second. The market has a clock of its own. The default is 1,
    /// as what is not above 0 is.
    #[must_use]
    pub fn speed(mut self, factor: f64) -> Self {
        let is_usable = factor.is_finite() && factor > 0.0;
        self.speed = if is_usable { factor } else { 1.0 };
        self
    }

    /// How often a ping, or what the exchange sends in its place, is sent, whatever the
    /// [`speed`](Self::speed). The default is the exchange's. 0 counts as 1 ms. Pongs that answer such
    /// pings do not count as messages, since pings may come more often than a client may speak.
    #[must_use]
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping_interval = Some(interval.max(Duration::from_millis(1)));
        self
    }

    /// How long a ping may stay unanswered before the connection is closed. The default is the
    /// exchange's.
    #[must_use]
    pub fn pong_timeout(mut self, timeout: Duration) -> Self {
        self.pong_timeout = Some(timeout);
        self
    }

    /// After how long without a message from it a connection is closed. The default is the
    /// exchange's, if it has such a limit.
    #[must_use]
    pub fn idle_limit(mut self, limit: Duration) -> Self {
        self.idle_limit = Some(limit);
        self
    }

    /// At which age a connection is closed. The default is the exchange's, if it has such a limit.
    #[must_use]
    pub fn rollover(mut self, age: Duration) -> Self {
        self.rollover = Some(age);
        self
    }

    /// What goes wrong again and again. The default is nothing.
    #[must_use]
    pub fn faults(mut self, schedule: FaultSchedule) -> Self {
        self.faults = schedule;
        self
    }

    /// Plays a recording instead of making data up. REST answers are still made up, but for the
    /// snapshots of the recording.
    #[must_use]
    pub fn replay(mut self, replay: Replay) -> Self {
        self.replay = Some(replay);
        self
    }

    /// Starts to listen. Needs a Tokio runtime with I/O and time.
    ///
    /// # Errors
    /// [`SetupError::Listen`] if an address is taken.
    pub async fn start(self) -> Result<MockExchange, SetupError> {
        let protocol = self.protocol;
        let replay = self.replay.map(|replay| replay.read_by(&*protocol));
        let further =
            (1..=self.symbols).filter_map(|number| further(&*protocol, &format!("T{number:04}")));
        let mut instruments = protocol.instruments();
        instruments.extend(further);
        let mut conduct = protocol.conduct().faster(self.speed);
        conduct.ping_every = self.ping_interval.or(conduct.ping_every);
        conduct.pong_within = self.pong_timeout.unwrap_or(conduct.pong_within);
        conduct.idle = self.idle_limit.or(conduct.idle);
        conduct.rollover = self.rollover.or(conduct.rollover);
        let setup = Arc::new(Setup {
            conduct,
            market: Market::new(instruments, self.seed, self.market, self.tick, self.rate),
            replay: replay.map(Arc::new),
            protocol,
            tls: self.tls,
            faults: Faults::default(),
            orders: broadcast::Sender::new(ORDERS),
            ledger: Ledger::default(),
            guard: Guard::new(self.enforces, self.speed, conduct.bans),
            counts_pongs: self.ping_interval.is_none(),
        });
        let gate = Gate::open(Arc::clone(&setup), self.rest, self.ws)?;
        let live = Arc::new(Live { setup, gate });
        // A set, for it ends its tasks when it is dropped, which a handle does not.
        let mut tasks = JoinSet::new();
        tasks.spawn({
            let live = Arc::clone(&live);
            async move { live.setup.market.run().await }
        });
        for fault in self.faults.run(&live, self.seed, self.speed) {
            tasks.spawn(fault);
        }
        Ok(MockExchange {
            live,
            _tasks: tasks,
        })
    }
}

/// One more instrument of this base, if the exchange has a name for it.
pub(super) fn further(protocol: &dyn ExchangeProtocol, base: &str) -> Option<Instrument> {
    let (symbol, quote) = protocol.further(base)?;
    Some(Instrument::made_up(symbol, [base, &quote]))
}
