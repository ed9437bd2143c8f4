//! Exchanges that make their data up.

mod book;
mod builder;
mod echo;
mod engine;
mod fault;
mod feed;
mod frame;
mod gate;
mod guard;
mod instrument;
mod live;
mod market;
mod meter;
mod movement;
mod protocol;
mod random;
mod record;
mod replay;
mod rest;
mod rest_message;
mod schedule;
mod session;
mod subscription;
mod update;
mod violation;
mod ws;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::sync::broadcast;
use tokio::task::JoinSet;

pub use self::book::{Book, Change, Level, Quote, Side};
pub use self::builder::MockExchangeBuilder;
pub use self::engine::Engine;
pub use self::fault::Fault;
pub use self::frame::Frame;
pub use self::guard::{Ban, Bans, Client, Guard, Spent};
pub use self::instrument::{Instrument, MarketKind, json_levels};
pub use self::market::{Market, now};
pub use self::movement::{MarketOptions, Movement};
pub use self::protocol::{Breach, Conduct, ExchangeProtocol, Source, StreamProtocol};
pub use self::record::{ExchangeConnection, ExchangeRequest, ExchangeTransport};
pub use self::replay::Replay;
pub use self::rest_message::{Answer, RestRequest, parse_query};
pub use self::schedule::{FaultSchedule, InvalidSchedule};
pub use self::subscription::{StreamKind, Subscription, Subscriptions};
pub use self::update::{Day, Delta, Snapshot, Step, Trade, Update};
pub use self::violation::Violation;

use self::echo::Echo;
use self::fault::Faults;
use self::live::Live;
use self::session::Order;
use crate::ledger::Ledger;
use crate::server::url_authority;

/// An exchange on this machine: a REST listener and a WebSocket listener over one market.
///
/// Dropping it ends its connections and frees its ports, once the runtime gets to it.
#[derive(Debug)]
pub struct MockExchange {
    live: Arc<Live>,
    /// The market's clock and the planned faults, which stop with the exchange.
    _tasks: JoinSet<()>,
}

/// What all connections of an exchange share.
#[derive(Debug)]
struct Setup {
    protocol: Box<dyn ExchangeProtocol>,
    conduct: Conduct,
    market: Market,
    replay: Option<Arc<Replay>>,
    tls: Option<Arc<ServerConfig>>,
    faults: Faults,
    // To every open WebSocket at once, and kept for none that comes later.
    orders: broadcast::Sender<Order>,
    ledger: Ledger<ExchangeConnection>,
    /// What clients do that is counted.
    guard: Guard,
    /// Whether pongs count as messages.
    counts_pongs: bool,
}

impl Setup {
    fn source(&self, peer: SocketAddr) -> Source<'_> {
        Source {
            market: &self.market,
            client: self.guard.client(peer),
            replay: self.replay.as_deref(),
        }
    }
}

impl MockExchange {
    /// An exchange that speaks this protocol.
    pub fn builder(protocol: impl ExchangeProtocol + 'static) -> MockExchangeBuilder {
        MockExchangeBuilder::new(Box::new(protocol))
    }

    /// An exchange without a market: its WebSocket, at any path, says back each text message, and its
    /// REST answers `/ping`, beside the `/echo` that every mock has.
    #[must_use]
    pub fn echo() -> MockExchangeBuilder {
        Self::builder(Echo)
    }

    /// Where REST is: `https://127.0.0.1:<port>`, or `http` without TLS. Beside the exchange's own
    /// paths, `/echo` takes every method and tells what arrived, as JSON with the keys `method`,
    /// `path`, `headers`, `body` and `peer`.
    #[must_use]
    pub fn rest_url(&self) -> String {
        let scheme = if self.live.setup.tls.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}", url_authority(self.rest_addr()))
    }

    /// Where WebSocket is: `wss://127.0.0.1:<port>`, or `ws` without TLS; without a path.
    #[must_use]
    pub fn ws_url(&self) -> String {
        let scheme = if self.live.setup.tls.is_some() {
            "wss"
        } else {
            "ws"
        };
        format!("{scheme}://{}", url_authority(self.ws_addr()))
    }

    /// The address of the REST listener.
    #[must_use]
    pub fn rest_addr(&self) -> SocketAddr {
        self.live.gate.rest.address()
    }

    /// The address of the WebSocket listener.
    #[must_use]
    pub fn ws_addr(&self) -> SocketAddr {
        self.live.gate.ws.address()
    }

    /// The open spot markets as base and quote, whatever the exchange calls them: `BTC-USDT`.
    #[must_use]
    pub fn pairs(&self) -> Vec<String> {
        let instruments = self.live.setup.market.instruments().into_iter();
        instruments
            .filter(|it| it.open && it.kind == MarketKind::Spot)
            .map(|it| it.pair())
            .collect()
    }

    /// What is true: its books and its trades.
    #[must_use]
    pub fn market(&self) -> &Market {
        &self.live.setup.market
    }

    /// What it remembers of its connections, of both listeners.
    #[must_use]
    pub fn ledger(&self) -> Ledger<ExchangeConnection> {
        self.live.setup.ledger.clone()
    }

    /// What clients did that the exchange forbids, the oldest first; the first 1,000 if there are
    /// more. A client that keeps to all limits has none.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        self.live.setup.guard.violations()
    }

    /// Does something wrong from now on, or now.
    pub fn inject(&self, fault: Fault) {
        self.live.inject(fault);
    }

    /// Ends every fault.
    pub fn resume(&self) {
        self.live.setup.faults.clear();
        self.live.setup.guard.pardon_everybody();
    }

    /// Closes every WebSocket connection at once by closing its socket, without a close frame.
    /// New ones are accepted as before.
    pub async fn cut_streams(&self) {
        self.live.gate.cut_streams().await;
    }

    /// Closes every connection at once, of REST as well, and refuses others; then listens again at the
    /// same ports. Returns after `down`, when that is done.
    pub async fn restart(&self, down: Duration) {
        self.live.gate.restart(down).await;
    }

    /// Announces the end of every WebSocket connection, and leaves it open. An exchange that has no
    /// such notice sends a close frame.
    pub fn shutdown_notice(&self) {
        self.live.order(Order::Notice);
    }

    /// Announces the end of every WebSocket connection and closes it as long after that as the exchange
    /// does, or at once if it has no such notice.
    pub fn shut_down(&self) {
        self.live.shut_down();
    }
}
