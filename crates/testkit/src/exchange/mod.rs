//! Exchanges that make their data up.

mod backpack;
mod binance;
mod book;
mod builder;
mod engine;
mod fault;
mod feed;
mod instrument;
mod kraken;
mod market;
mod okx;
mod random;
mod record;
mod replay;
mod rest;
mod rules;
mod session;
mod subscription;
mod update;
mod ws;

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::sync::broadcast;
use tokio::task::JoinSet;

pub use self::builder::MockExchangeBuilder;
pub use self::fault::Fault;
pub use self::record::{ExchangeConnection, ExchangeRequest, ExchangeTransport};
pub use self::replay::Replay;

use self::fault::Faults;
use self::market::Market;
use self::rules::{Conduct, ExchangeRules, Source};
use self::session::Order;
use crate::ledger::Ledger;
use crate::server::{Server, url_authority};

/// An exchange on this machine: a REST listener and a WebSocket listener over one market.
///
/// Dropping it ends its connections and frees its ports, once the runtime gets to it.
#[derive(Debug)]
pub struct MockExchange {
    setup: Arc<Setup>,
    rest: Server,
    ws: Server,
    /// The market's clock, which stops with the exchange.
    _clock: JoinSet<()>,
}

/// What all connections of an exchange share.
#[derive(Debug)]
struct Setup {
    rules: Box<dyn ExchangeRules>,
    conduct: Conduct,
    market: Market,
    replay: Option<Arc<Replay>>,
    tls: Option<Arc<ServerConfig>>,
    faults: Faults,
    // To every open WebSocket at once, and kept for none that comes later.
    orders: broadcast::Sender<Order>,
    ledger: Ledger<ExchangeConnection>,
}

impl Setup {
    fn source(&self) -> Source<'_> {
        Source {
            market: &self.market,
            replay: self.replay.as_deref(),
        }
    }
}

impl MockExchange {
    /// Binance spot, with BTCUSDT, ETHUSDT and SOLUSDT, and LUNABTC in status BREAK.
    ///
    /// REST: `/api/v3/` with `ping`, `time`, `exchangeInfo`, `depth`, `trades`. WebSocket:
    /// `@trade`, `@bookTicker`, `@depth`, `@depth@100ms`; book changes come once per tick at
    /// either speed.
    #[must_use]
    pub fn binance() -> MockExchangeBuilder {
        MockExchangeBuilder::new(
            Box::new(binance::Binance::default()),
            binance::Binance::instruments(),
        )
    }

    /// Backpack, with SOL_USDC, BTC_USDC, ETH_USDC and SOL_USDC_PERP, and HNT_USDC closed.
    ///
    /// REST: `/api/v1/` with `status`, `ping`, `time`, `markets`, `market`, `depth`, `trades`.
    /// WebSocket: `trade`, `bookTicker`, `depth`, and `depth` of 200, 600 and 1000 ms, which come
    /// once per tick.
    #[must_use]
    pub fn backpack() -> MockExchangeBuilder {
        MockExchangeBuilder::new(
            Box::new(backpack::Backpack),
            backpack::Backpack::instruments(),
        )
    }

    /// Kraken spot, with BTC/USD, ETH/USD, SOL/USD and DOGE/USD, and ACA/EUR in status cancel_only.
    ///
    /// REST: `/0/public/` with `Time`, `SystemStatus`, `AssetPairs`, `Trades`. WebSocket: version 2
    /// at `/v2` and at `/`, with `trade`, `ticker` and `book`; book changes come once per tick.
    /// Snapshots come in the stream and have no age.
    #[must_use]
    pub fn kraken() -> MockExchangeBuilder {
        MockExchangeBuilder::new(
            Box::new(kraken::Kraken::default()),
            kraken::Kraken::instruments(),
        )
    }

    /// OKX spot, with BTC-USDT, ETH-USDT and SOL-USDT, OLD-USDT suspended and one instrument before
    /// its first trade.
    ///
    /// REST: `/api/v5/` with `public/time`, `public/instruments`, `market/history-trades`. WebSocket:
    /// `trades`, `tickers`, `bbo-tbt` and `books`, at `/ws/v5/public`, and no ping: what has not been
    /// sent anything for 30 seconds, not even a `pong`, is closed.
    #[must_use]
    pub fn okx() -> MockExchangeBuilder {
        MockExchangeBuilder::new(Box::new(okx::Okx), okx::Okx::instruments())
    }

    /// Where REST is: `https://127.0.0.1:<port>`, or `http` without TLS. Beside the exchange's own
    /// paths, `/echo` takes every method and tells what arrived, as JSON with the keys `method`,
    /// `path`, `headers`, `body` and `peer`.
    #[must_use]
    pub fn rest_url(&self) -> String {
        let scheme = if self.setup.tls.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}", url_authority(self.rest_addr()))
    }

    /// Where WebSocket is: `wss://127.0.0.1:<port>`, or `ws` without TLS; without a path.
    #[must_use]
    pub fn ws_url(&self) -> String {
        let scheme = if self.setup.tls.is_some() {
            "wss"
        } else {
            "ws"
        };
        format!("{scheme}://{}", url_authority(self.ws_addr()))
    }

    /// The address of the REST listener.
    #[must_use]
    pub fn rest_addr(&self) -> SocketAddr {
        self.rest.address()
    }

    /// The address of the WebSocket listener.
    #[must_use]
    pub fn ws_addr(&self) -> SocketAddr {
        self.ws.address()
    }

    /// What it remembers of its connections, of both listeners.
    #[must_use]
    pub fn ledger(&self) -> Ledger<ExchangeConnection> {
        self.setup.ledger.clone()
    }

    /// Does something wrong from now on, or now.
    pub fn inject(&self, fault: Fault) {
        let faults = &self.setup.faults;
        match fault {
            Fault::DropDepth(count) => faults.drop_depth(count),
            Fault::DuplicateDepth(count) => faults.duplicate_depth(count),
            Fault::RestStatus {
                status,
                body,
                count,
            } => faults.substitute_rest(status, body, count),
            Fault::UpgradeStatus {
                status,
                body,
                count,
            } => faults.substitute_upgrade(status, body, count),
            Fault::Mute => faults.mute(),
            Fault::CloseFrame { code } => self.order(Order::Close(code)),
        }
    }

    /// Ends every fault.
    pub fn resume(&self) {
        self.setup.faults.clear();
    }

    /// Closes every WebSocket connection at once by closing its socket, without a close frame.
    /// New ones are accepted as before.
    pub async fn cut_streams(&self) {
        self.ws.cut().await;
    }

    /// Announces the end of every WebSocket connection: Binance sends `serverShutdown`, Kraken a
    /// `status` and OKX a notice, and all three leave the connection open; Backpack, which has no
    /// such event, sends a close frame.
    pub fn shutdown_notice(&self) {
        self.order(Order::Shutdown);
    }

    fn order(&self, order: Order) {
        // An error says that nobody is connected.
        let _ = self.setup.orders.send(order);
    }
}
