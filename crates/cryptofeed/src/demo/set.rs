//! The exchanges and proxies of the demo.

use std::sync::Arc;

use feeds::{Channel, EXCHANGES, Registration, Subscription, Symbol};
use proxy_config::{ExchangeId, ProxyConfig, ProxySettings, ProxyUrl, Transport};
use proxy_injector::ProxyInjector;
use testkit::{ExchangeConnection, Ledger, MockExchange, ProxyKind, TestCa};
use transport::BoxError;
use transport_tls::TlsTrust;

use crate::configuration::{ConfiguredExchange, ConfiguredFeed};
use crate::failure::Failure;
use crate::stage::{self, Exchanges, Login, Ports, Proxy};

/// With characters that must be percent-encoded in a URL.
const LOGIN: Login<'static> = Login {
    user: "demo@example",
    password: "s3cret: with/all?sorts#of@signs",
};

/// Everything that the demo needs, up and running.
#[derive(Debug)]
pub(super) struct Set {
    ca: TestCa,
    exchanges: Exchanges,
    routes: Vec<DemoRoute>,
}

/// The connections of one exchange and transport, and their proxy.
#[derive(Debug)]
pub(super) struct DemoRoute {
    pub(super) exchange: &'static str,
    pub(super) transport: Transport,
    pub(super) proxy: Proxy,
    pub(super) url: ProxyUrl,
    /// The records of the exchange, for both transports.
    pub(super) ledger: Ledger<ExchangeConnection>,
}

impl Set {
    pub(super) async fn start() -> Result<Self, Failure> {
        let ca = TestCa::new().map_err(stage::failure)?;
        let exchanges = Exchanges::start(&ca, &mut Ports::Any).await?;
        let Exchanges { binance, backpack } = &exchanges;
        let plan = [
            ("binance", binance, Transport::Http, ProxyKind::Http),
            ("binance", binance, Transport::WebSocket, ProxyKind::Socks5h),
            ("backpack", backpack, Transport::Http, ProxyKind::Socks5),
            ("backpack", backpack, Transport::WebSocket, ProxyKind::Https),
        ];
        let mut routes = Vec::new();
        for ((exchange, mock, transport, kind), number) in plan.into_iter().zip(2..) {
            let proxy = Proxy::start(kind, number, LOGIN, &ca, &mut Ports::Any).await?;
            routes.push(DemoRoute {
                exchange,
                transport,
                url: ProxyUrl::parse(&proxy.mock.url()).map_err(configure)?,
                proxy,
                ledger: mock.ledger(),
            });
        }
        Ok(Self {
            ca,
            exchanges,
            routes,
        })
    }

    pub(super) fn routes(&self) -> &[DemoRoute] {
        &self.routes
    }

    /// An injector that sends the connections of each route through its proxy, and refuses all
    /// others.
    pub(super) fn injector(&self) -> Result<Arc<ProxyInjector>, Failure> {
        let trust = TlsTrust::platform()
            .with_ca_pem(self.ca.pem().as_bytes())
            .map_err(configure)?;
        let settings = self.settings().map_err(configure)?;
        Ok(Arc::new(ProxyInjector::new(settings).with_trust(trust)))
    }

    fn settings(&self) -> Result<ProxySettings, BoxError> {
        let mut settings = ProxySettings::enabled().with_strict(true);
        for route in &self.routes {
            let exchange = ExchangeId::new(route.exchange)?;
            let rules = settings.exchange(&exchange).cloned().unwrap_or_default();
            let proxy = ProxyConfig::new(route.url.clone());
            let rules = match route.transport {
                Transport::Http => rules.with_http(proxy),
                Transport::WebSocket => rules.with_websocket(proxy),
            };
            settings = settings.with_exchange(exchange, rules);
        }
        Ok(settings)
    }

    /// All channels of two symbols of each exchange.
    pub(super) fn feeds(&self) -> Result<Vec<ConfiguredFeed>, Failure> {
        self.try_feeds().map_err(configure)
    }

    fn try_feeds(&self) -> Result<Vec<ConfiguredFeed>, BoxError> {
        let Exchanges { binance, backpack } = &self.exchanges;
        Ok(vec![
            feed("binance", binance, ["BTC-USDT", "ETH-USDT"])?,
            feed("backpack", backpack, ["SOL-USDC", "BTC-USDC"])?,
        ])
    }
}

fn feed(name: &str, mock: &MockExchange, symbols: [&str; 2]) -> Result<ConfiguredFeed, BoxError> {
    let is_named = |registration: &&Registration| registration.id == name;
    let registration = EXCHANGES.iter().find(is_named);
    let registration = registration.ok_or_else(|| format!("no exchange is called {name}"))?;
    let [first, second] = symbols.map(Symbol::parse);
    Ok(ConfiguredFeed {
        id: ExchangeId::new(name)?,
        subscription: Subscription::new([first?, second?], Channel::ALL)?,
        exchange: ConfiguredExchange::at(registration, &mock.rest_url(), &mock.ws_url())?,
    })
}

fn configure(error: impl Into<BoxError>) -> Failure {
    Failure::runtime("configure the demo", error)
}
