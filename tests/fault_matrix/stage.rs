//! A feed at a mock exchange, through a proxy and over links that break.

use std::sync::Arc;
use std::time::Duration;

use feeds::audit::Audit;
use feeds::{
    Channel, Events, Exchange, Feed, QueueLimits, Registration, Subscription, Symbol, event_queue,
};
use proxy_config::{ConnectionProxies, ExchangeId, ProxySettings};
use proxy_injector::ProxyInjector;
use testkit::{Link, MockExchange, MockProxy, ProxyKind, TestCa};
use tokio::task::JoinSet;
use transport::ResponseLimits;
use transport_tls::TlsTrust;

use crate::world::{DIRECT, config, egress};

/// What the proxy alone resolves.
const NAME: &str = "exchange.test";

/// How long each side may be silent; less than an exchange's, so that a test ends.
const SILENCE: Duration = Duration::from_secs(3);

pub(super) struct Stage {
    pub(super) exchange: MockExchange,
    pub(super) rest: Link,
    pub(super) ws: Link,
    pub(super) symbol: Symbol,
    pub(super) exchange_symbol: String,
    codec: Arc<dyn Exchange>,
    injector: Arc<ProxyInjector>,
    _proxy: MockProxy,
}

/// A feed, and what there is to say of it.
pub(super) struct Running {
    events: Events,
    pub(super) audit: Audit,
    _task: JoinSet<()>,
}

impl Stage {
    pub(super) async fn start(registration: &Registration, kind: ProxyKind) -> Self {
        let ca = TestCa::new().unwrap();
        let mock = (registration.mock)().tick_interval(Duration::from_millis(40));
        let exchange = mock.tls(ca.server_config(&[NAME]).unwrap());
        let exchange = exchange.start().await.unwrap();
        let rest = Link::start(exchange.rest_addr()).await.unwrap();
        let ws = Link::start(exchange.ws_addr()).await.unwrap();
        let proxy = MockProxy::builder(kind)
            .egress(egress(2))
            .host(NAME, DIRECT);
        let proxy = proxy.start().await.unwrap();
        let config = config(&proxy).with_timeout_seconds(2).unwrap();
        let settings = ProxySettings::enabled()
            .with_strict(true)
            .with_default(ConnectionProxies::both(config));
        let trust = TlsTrust::platform().with_ca_pem(ca.pem().as_bytes());
        let injector = ProxyInjector::new(settings).with_trust(trust.unwrap());
        let (rest_port, ws_port) = (rest.address().port(), ws.address().port());
        let codec = (registration.at)(
            &format!("https://{NAME}:{rest_port}"),
            &format!("wss://{NAME}:{ws_port}"),
        );
        let mut instruments = exchange.market().instruments().into_iter();
        let instrument = instruments.find(|it| it.open).unwrap();
        let symbol = format!("{}-{}", instrument.base, instrument.quote);
        Self {
            symbol: symbol.parse().unwrap(),
            exchange_symbol: instrument.symbol.clone(),
            codec: codec.unwrap(),
            injector: Arc::new(injector),
            exchange,
            rest,
            ws,
            _proxy: proxy,
        }
    }

    pub(super) fn feed(&self) -> Running {
        let scope = self
            .injector
            .exchange(ExchangeId::new(self.codec.id()).unwrap());
        let channels = [Channel::Trades, Channel::Ticker, Channel::L2Book];
        let limits = ResponseLimits {
            head: SILENCE,
            silence: SILENCE,
            ..ResponseLimits::default()
        };
        let feed = Feed::new(
            Arc::clone(&self.codec),
            Subscription::new([self.symbol.clone()], channels).unwrap(),
            Arc::new(scope.http().with_limits(limits)),
            Arc::new(scope.websocket()),
        );
        let feed = feed.with_silence_limit(SILENCE);
        let (queue, events) = event_queue(QueueLimits::default());
        let mut task = JoinSet::new();
        task.spawn(async move { feed.run(queue).await.unwrap() });
        Running {
            events,
            audit: Audit::new(self.codec.rules().trades),
            _task: task,
        }
    }

    /// Whether snapshots of books are requested.
    pub(super) fn requests_snapshots(&self) -> bool {
        matches!(
            self.codec.rules().books.renewal,
            feeds::exchange::Renewal::Request { .. }
        )
    }
}

impl Running {
    /// Goes on until what is delivered from now on is right: the book is the market's twice, and there is
    /// a newer trade.
    pub(super) async fn until_right(&mut self, stage: &Stage) {
        let (before, last) = (
            self.audit.counts().true_books,
            self.audit.last_trade(&stage.symbol),
        );
        let mut is_new = false;
        while !is_new || self.audit.counts().true_books < before + 2 {
            self.take(stage).await;
            is_new |= self.audit.last_trade(&stage.symbol) != last;
        }
    }

    /// Goes on for so long.
    pub(super) async fn go_on(&mut self, stage: &Stage, time: Duration) {
        let end = tokio::time::Instant::now() + time;
        while tokio::time::timeout_at(end, self.take(stage)).await.is_ok() {}
    }

    async fn take(&mut self, stage: &Stage) {
        let event = self.events.recv().await.expect("a feed does not end");
        self.audit.take(&event);
        let market = stage.exchange.market();
        self.audit
            .look(market, &stage.symbol, &stage.exchange_symbol);
    }
}
