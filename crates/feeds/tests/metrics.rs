//! What is recorded of a feed while it is read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use feeds::{
    Binance, Channel, Feed, FeedEvent, FeedEventKind, QueueLimits, Subscription, Symbol,
    event_queue,
};
use futures_util::StreamExt;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use proxy_config::{ConnectionProxies, ExchangeId, ProxyConfig, ProxySettings, ProxyUrl};
use proxy_injector::ProxyInjector;
use testkit::{MockProxy, ProxyKind, TestCa};
use tokio::time::timeout;
use transport_tls::TlsTrust;

fn channel(event: &FeedEvent) -> Option<&'static str> {
    match event.kind {
        FeedEventKind::Trade(_) => Some("trades"),
        FeedEventKind::Ticker(_) => Some("ticker"),
        FeedEventKind::L2Snapshot(_) | FeedEventKind::L2Delta(_) => Some("l2_book"),
        _ => None,
    }
}

#[tokio::test]
async fn each_event_counts_once_however_it_is_read() {
    let recorder = DebuggingRecorder::new();
    let _recorder = metrics::set_default_local_recorder(&recorder);
    let ca = TestCa::new().unwrap();
    let tls = ca.server_config(&["localhost"]).unwrap();
    let exchange = Binance::mock().tls(tls).start().await.unwrap();
    let proxy = MockProxy::builder(ProxyKind::Http).start().await.unwrap();
    let url = ProxyUrl::parse(&proxy.url()).unwrap();
    let settings =
        ProxySettings::enabled().with_default(ConnectionProxies::both(ProxyConfig::new(url)));
    let trust = TlsTrust::platform().with_ca_pem(ca.pem().as_bytes());
    let injector = Arc::new(ProxyInjector::new(settings).with_trust(trust.unwrap()));
    let scope = injector.exchange(ExchangeId::new("binance").unwrap());
    let codec = Binance::new(
        &format!("https://localhost:{}", exchange.rest_addr().port()),
        &format!("wss://localhost:{}", exchange.ws_addr().port()),
    );
    let symbol: Symbol = "BTC-USDT".parse().unwrap();
    let subscription = Subscription::new([symbol], Channel::ALL);
    let feed = Feed::new(
        Arc::new(codec.unwrap()),
        subscription.unwrap(),
        Arc::new(scope.http()),
        Arc::new(scope.websocket()),
    );
    let (queue, mut events) = event_queue(QueueLimits::default());
    let handle = feed.handle();
    let running = tokio::spawn(async move { feed.run(queue).await });

    let mut read: Vec<FeedEvent> = Vec::new();
    let reading = async {
        while read.len() < 20 {
            read.push(events.recv().await.unwrap());
        }
        while read.len() < 40 {
            events.recv_many(&mut read, 8).await;
        }
        while read.len() < 60 {
            read.push(events.next().await.unwrap());
        }
        // By a message, which the exchange replies to before there is data of it.
        let added: Symbol = "ETH-USDT".parse().unwrap();
        handle.subscribe([added.clone()]);
        while read.last().and_then(FeedEvent::symbol) != Some(&added) {
            read.push(events.recv().await.unwrap());
        }
    };
    timeout(Duration::from_secs(20), reading).await.unwrap();
    running.abort();

    let mut expected: BTreeMap<_, u64> = BTreeMap::new();
    for channel in read.iter().filter_map(channel) {
        *expected.entry(channel.to_owned()).or_default() += 1;
    }
    let recorded = recorder.snapshotter().snapshot().into_vec();
    let mut counted = BTreeMap::new();
    let mut messages = BTreeMap::new();
    let mut bytes: u64 = 0;
    let mut latencies = 0;
    for (key, _, _, value) in recorded {
        let (name, labels) = key.key().clone().into_parts();
        let channel = labels.iter().find(|label| label.key() == "channel");
        match (name.as_str(), value, channel) {
            ("cryptofeed_events_total", DebugValue::Counter(count), Some(channel)) => {
                counted.insert(channel.value().to_owned(), count);
            }
            ("cryptofeed_messages_total", DebugValue::Counter(count), Some(channel)) => {
                messages.insert(channel.value().to_owned(), count);
            }
            ("cryptofeed_message_bytes_total", DebugValue::Counter(count), _) => bytes += count,
            ("cryptofeed_exchange_latency_seconds", DebugValue::Histogram(values), _) => {
                latencies += values.len();
            }
            _ => {}
        }
    }
    assert_eq!(counted, expected);
    assert_eq!(expected.len(), 3);
    assert!(latencies > 0);
    // Each channel has come, and the reply to the subscription is none of them.
    let of = |channel: &str| messages.get(channel).copied().unwrap_or_default();
    for channel in ["trades", "ticker", "l2_book", "other"] {
        assert!(of(channel) > 0, "{channel}: {messages:?}");
    }
    assert!(
        of("trades") >= counted["trades"],
        "{messages:?} {counted:?}"
    );
    assert!(bytes > 60 * messages.values().sum::<u64>(), "{bytes}");
}
