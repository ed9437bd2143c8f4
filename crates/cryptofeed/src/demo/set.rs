//! The exchanges and proxies of the demo.

use std::sync::Arc;

use feeds::{Backpressure, Channel, Redundancy, Subscription, Symbol};
use proxy_config::{ExchangeId, ProxyConfig, ProxySettings, ProxyUrl, Transport};
use proxy_injector::ProxyInjector;
use testkit::{ExchangeConnection, Ledger, ProxyKind, TestCa};
use transport::BoxError;
use transport_tls::TlsTrust;

use crate::configuration::{ConfiguredExchange, ConfiguredFeed};
use crate::failure::Failure;
use crate::stage::{self, Exchange, Login, Ports, Proxy};

/// With characters that must be percent-encoded in a URL.
const LOGIN: Login<'static> = Login {
    user: "demo@example",
    password: "s3cret: with/all?sorts#of@signs",
};

/// The kinds of proxies, which the routes take in turn.
const PROXIES: [ProxyKind; 6] = [
    ProxyKind::Http,
    ProxyKind::Socks5h,
    ProxyKind::Socks5,
    ProxyKind::Https,
    ProxyKind::Socks4a,
    ProxyKind::Socks4,
];

/// Everything that the demo needs, up and running.
#[derive(Debug)]
pub(super) struct Set {
    ca: TestCa,
    exchanges: Vec<Exchange>,
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
        let exchanges = Exchange::start_all(&ca, &mut Ports::Any, |mock| mock).await?;
        let lanes = exchanges
            .iter()
            .flat_map(|exchange| Transport::ALL.map(|transport| (exchange, transport)));
        let mut routes = Vec::new();
        for (((exchange, transport), kind), number) in
            lanes.zip(PROXIES.into_iter().cycle()).zip(2..)
        {
            let proxy = Proxy::start(kind, number, LOGIN, &ca, &mut Ports::Any).await?;
            routes.push(DemoRoute {
                exchange: exchange.registration.id,
                transport,
                url: ProxyUrl::parse(&proxy.mock.url()).map_err(configure)?,
                proxy,
                ledger: exchange.mock.ledger(),
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
        let feeds = self.exchanges.iter().map(feed);
        feeds.collect::<Result<_, _>>().map_err(configure)
    }
}

fn feed(exchange: &Exchange) -> Result<ConfiguredFeed, BoxError> {
    let Exchange { registration, mock } = exchange;
    let symbols: Result<Vec<Symbol>, _> = exchange.symbols().iter().map(|it| it.parse()).collect();
    Ok(ConfiguredFeed {
        id: ExchangeId::new(registration.id)?,
        subscription: Subscription::new(symbols?, Channel::ALL)?,
        backpressure: Backpressure::default(),
        redundancy: Redundancy::default(),
        exchange: ConfiguredExchange::at(registration, &mock.rest_url(), &mock.ws_url())?,
    })
}

fn configure(error: impl Into<BoxError>) -> Failure {
    Failure::runtime("configure the demo", error)
}
