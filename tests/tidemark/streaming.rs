//! A feed of it, through a proxy.

use std::sync::Arc;
use std::time::Duration;

use feeds::{
    Channel, Feed, FeedEventKind, InvalidReason, OrderBook, QueueLimits, Subscription,
    SymbolPattern, event_queue,
};
use proxy_config::{ConnectionProxies, ProxySettings};
use proxy_injector::ProxyInjector;
use testkit::{ExchangeTransport, Fault, MockExchange, MockProxy, ProxyKind, TestCa};
use transport_tls::TlsTrust;

use super::Tidemark;
use crate::running::Running;
use crate::world::{config, egress};

struct Setup {
    exchange: MockExchange,
    proxy: MockProxy,
    injector: Arc<ProxyInjector>,
}

impl Setup {
    async fn start() -> Self {
        let ca = TestCa::new().unwrap();
        let tls = ca.server_config(&[]).unwrap();
        let exchange = Tidemark::mock()
            .tick_interval(Duration::from_millis(5))
            .tls(tls)
            .start()
            .await
            .unwrap();
        let proxy = MockProxy::builder(ProxyKind::Socks5h).egress(egress(2));
        let proxy = proxy.start().await.unwrap();
        let rules = ConnectionProxies::both(config(&proxy));
        let settings = ProxySettings::enabled()
            .with_strict(true)
            .with_exchange("tidemark".parse().unwrap(), rules);
        let trust = TlsTrust::platform()
            .with_ca_pem(ca.pem().as_bytes())
            .unwrap();
        Self {
            exchange,
            proxy,
            injector: Arc::new(ProxyInjector::new(settings).with_trust(trust)),
        }
    }

    fn feed(&self, symbols: &[&str], channels: &[Channel]) -> Feed {
        let (rest, ws) = (self.exchange.rest_url(), self.exchange.ws_url());
        let symbols = symbols
            .iter()
            .map(|symbol| symbol.parse::<SymbolPattern>().unwrap());
        let scope = self.injector.exchange("tidemark".parse().unwrap());
        Feed::new(
            Arc::new(Tidemark::new(&rest, &ws).unwrap()),
            Subscription::new(symbols, channels.iter().copied()).unwrap(),
            Arc::new(scope.http()),
            Arc::new(scope.websocket()),
        )
    }
}

const BOTH: [Channel; 2] = [Channel::Trades, Channel::L2Book];

#[tokio::test]
async fn it_streams_through_its_proxy_and_finds_what_is_lost() {
    let setup = Setup::start().await;
    let mut running = Running::of(setup.feed(&["BTC-USD", "ETH-USD"], &BOTH));
    let mut book = OrderBook::new();
    let mut has_traded = false;
    let mut changes = 0;
    running
        .until(|event| {
            match event {
                FeedEventKind::Trade(trade) => has_traded |= trade.id.is_some(),
                FeedEventKind::L2Snapshot(snapshot) if snapshot.symbol.as_str() == "BTC-USD" => {
                    book.apply_snapshot(snapshot);
                }
                FeedEventKind::L2Delta(delta) if delta.symbol.as_str() == "BTC-USD" => {
                    book.apply_delta(delta).unwrap();
                    changes += 1;
                }
                FeedEventKind::L2Snapshot(_)
                | FeedEventKind::L2Delta(_)
                | FeedEventKind::Connected { symbols: 2, .. } => {}
                other => panic!("{other:?}"),
            }
            has_traded && changes > 20
        })
        .await;
    assert!(book.best_bid().unwrap().price < book.best_ask().unwrap().price);

    // One message less: the counter shows it, and every book of the connection begins anew.
    setup.exchange.inject(Fault::DropDepth(1));
    let is_missed = |event: &FeedEventKind| {
        let missed = InvalidReason::Missed;
        matches!(event, FeedEventKind::BookInvalid { reason, .. } if *reason == missed)
    };
    running.until(is_missed).await;
    running.until(is_missed).await;
    let is_second =
        |event: &FeedEventKind| matches!(event, FeedEventKind::L2Snapshot(it) if it.epoch == 2);
    running.until(is_second).await;
    running.until(is_second).await;

    let connections = setup.exchange.ledger().connections();
    assert!(connections.iter().all(|it| it.peer.ip() == egress(2)));
    let streams = connections
        .iter()
        .filter(|it| it.transport == ExchangeTransport::WebSocket);
    assert_eq!(streams.count(), 2);
    assert_eq!(setup.proxy.ledger().connections().len(), connections.len());
}

#[tokio::test]
async fn a_channel_that_it_does_not_have_is_told_before_the_first_stream() {
    let setup = Setup::start().await;
    let (queue, _events) = event_queue(QueueLimits::default());
    let ticker = setup.feed(&["BTC-USD"], &[Channel::Ticker]);
    let error = ticker.run(queue).await.unwrap_err();
    assert_eq!(error.to_string(), "tidemark has no channel ticker");
}
