//! A mock exchange with a whole market, and the way to it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use feeds::audit::Audit;
use feeds::{
    Binance, Channel, Exchange, Feed, QueueLimits, Subscription, Symbol, SymbolPattern, event_queue,
};
use proxy_config::{
    ConnectionProxies, ExchangeId, PoolConfig, PoolMember, PoolStrategy, ProxyConfig,
    ProxySettings, ProxyUrl,
};
use proxy_injector::ProxyInjector;
use testkit::{MockExchange, MockProxy, Movement, ProxyKind, TestCa};
use transport_tls::TlsTrust;

use super::meter::Meter;
use super::subscriber::Subscriber;
use crate::error::Result;

/// What the proxies alone resolve.
const NAME: &str = "exchange.test";
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The symbols that the mock has of itself.
const OWN: usize = 3;

/// The market, and how many ways lead to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// All that trade.
    pub(crate) symbols: usize,
    /// How often in a second something happens, to all symbols together.
    pub(crate) rate: f64,
    pub(crate) movement: Movement,
    /// How many trades of each symbol the history has.
    pub(crate) history: usize,
    /// Each has a proxy of its own.
    pub(crate) addresses: u8,
    pub(crate) seed: u64,
}

/// An exchange with its limits enforced, and a SOCKS5 proxy for each address.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) exchange: MockExchange,
    pub(crate) proxies: Vec<MockProxy>,
    injector: Arc<ProxyInjector>,
}

impl Stage {
    pub(crate) async fn start(plan: &Plan) -> Result<Self> {
        let ca = TestCa::new()?;
        let exchange = Binance::mock()
            .symbols(plan.symbols.saturating_sub(OWN))
            .movement(plan.movement)
            .trade_memory(plan.history)
            .rate(plan.rate)
            .seed(plan.seed)
            .tls(ca.server_config(&[NAME])?)
            .start()
            .await?;
        let mut proxies = Vec::new();
        for number in 0..plan.addresses {
            let egress = Ipv4Addr::new(127, 0, 0, 2 + number);
            let proxy = MockProxy::builder(ProxyKind::Socks5h).egress(egress.into());
            proxies.push(proxy.host(NAME, LOOPBACK).start().await?);
        }
        let members = proxies
            .iter()
            .map(|proxy| Ok(PoolMember::new(ProxyUrl::parse(&proxy.url())?)))
            .collect::<Result<Vec<_>>>()?;
        let rules = match proxies.as_slice() {
            [only] => ConnectionProxies::both(ProxyConfig::new(ProxyUrl::parse(&only.url())?)),
            _ => {
                let pool = PoolConfig::new(members)?;
                ConnectionProxies::both(pool.with_strategy(PoolStrategy::RoundRobin))
            }
        };
        let settings = ProxySettings::enabled()
            .with_strict(true)
            .with_default(rules);
        let trust = TlsTrust::platform().with_ca_pem(ca.pem().as_bytes())?;
        Ok(Self {
            exchange,
            proxies,
            injector: Arc::new(ProxyInjector::new(settings).with_trust(trust)),
        })
    }

    /// Subscribes to three channels of all symbols, at an exchange whose listeners are there.
    pub(crate) fn subscribe(&self, rest: SocketAddr, ws: SocketAddr) -> Result<Subscriber> {
        let (rest, ws) = (rest.port(), ws.port());
        let codec = Binance::new(
            &format!("https://{NAME}:{rest}"),
            &format!("wss://{NAME}:{ws}"),
        )?;
        let codec: Arc<dyn Exchange> = Arc::new(codec);
        let scope = self.injector.exchange(ExchangeId::new(codec.id())?);
        let meter = Arc::new(Meter::new(scope.http()));
        let feed = Feed::new(
            Arc::clone(&codec),
            Subscription::new(
                [SymbolPattern::parse("*")?],
                [Channel::Trades, Channel::Ticker, Channel::L2Book],
            )?,
            Arc::<Meter>::clone(&meter),
            Arc::new(scope.websocket()),
        );
        let (queue, events) = event_queue(QueueLimits::default());
        let open = self.exchange.market().instruments().into_iter();
        let symbols = open
            .filter(|it| it.open)
            .map(|it| Ok((Symbol::parse(&it.pair())?, it.symbol.clone())))
            .collect::<Result<Vec<_>>>()?;
        let audit = Audit::new(codec.rules().trades);
        let running = async move { feed.run(queue).await };
        Ok(Subscriber::new(symbols, events, running, audit, meter))
    }
}
