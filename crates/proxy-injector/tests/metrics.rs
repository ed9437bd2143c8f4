//! What is recorded of dials, exits, budgets and reloads.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::Request;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use proxy_config::{
    ConnectionProxies, ExchangeId, PoolConfig, PoolMember, ProxyConfig, ProxySettings, ProxyUrl,
    Transport,
};
use proxy_injector::{METRICS, ProxyInjector, Scope};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::{advance, timeout};
use transport::{
    Connection, ConnectionInfo, DialError, Dialer, Draw, Draws, Hop, HttpTransport, Message, Phase,
    Target, Window, WsDialer, WsRequest,
};
use transport_ws::{FrameObserver, Hooks};

/// Proxies at port 1 refuse, those at port 2 say nothing, those at port 4 lead to a WebSocket with two messages,
/// those at port 5 to an exchange that answers, and all others to one that bans.
struct Sockets;

#[async_trait]
impl Dialer for Sockets {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        match target.port() {
            1 => {
                let hop = Hop::Target(target.endpoint().clone());
                let refused = io::ErrorKind::ConnectionRefused.into();
                return Err(DialError::io(hop, Phase::Tcp, refused));
            }
            2 => pending().await,
            _ => {}
        }
        let (ours, mut theirs) = duplex(4096);
        let port = target.port();
        tokio::spawn(async move {
            let mut read = [0; 4096];
            if port == 4 {
                let _ = theirs.read(&mut read).await;
                let _ = theirs.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
                let mut socket = tokio_tungstenite::accept_async(theirs).await.unwrap();
                for text in ["one", "three"] {
                    socket.send(text.into()).await.unwrap();
                }
                return pending().await;
            }
            while let Ok(1..) = theirs.read(&mut read).await {
                let answer = match read.starts_with(b"CONNECT") {
                    true => "HTTP/1.1 200 OK\r\n\r\n",
                    false if port == 5 => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                    false => "HTTP/1.1 418 Teapot\r\nRetry-After: 90\r\nContent-Length: 0\r\n\r\n",
                };
                let _ = theirs.write_all(answer.as_bytes()).await;
            }
        });
        Ok(Connection::new(ours))
    }
}

fn settings(ports: &[u16]) -> ProxySettings {
    let members = ports.iter().map(|port| {
        let url: ProxyUrl = format!("http://user:Zs3cret@127.0.0.1:{port}")
            .parse()
            .unwrap();
        PoolMember::new(url)
    });
    let pool = PoolConfig::new(members).unwrap();
    ProxySettings::enabled().with_default(ConnectionProxies::both(pool))
}

fn binance(ports: &[u16]) -> (Arc<ProxyInjector>, Scope) {
    let injector = ProxyInjector::new(settings(ports)).with_tcp_dialer(Arc::new(Sockets));
    let injector = Arc::new(injector);
    let scope = injector.exchange(ExchangeId::new("binance").unwrap());
    (injector, scope)
}

async fn dial(scope: &Scope) -> Result<Connection, DialError> {
    let target = Target::parse("exchange.example", 443).unwrap();
    scope.dialer(Transport::WebSocket).dial(&target).await
}

/// What is recorded, by name and labels: `name{label=value,…}`. Of a histogram, how many values.
fn recorded(snapshotter: &Snapshotter) -> BTreeMap<String, f64> {
    let values = snapshotter.snapshot().into_vec().into_iter();
    let values = values.map(|(key, _, _, value)| {
        let (name, labels) = key.key().clone().into_parts();
        let metric = METRICS.iter().find(|metric| metric.name == name.as_str());
        let keys: Vec<_> = labels.iter().map(metrics::Label::key).collect();
        assert_eq!(
            metric.map(|metric| metric.labels),
            Some(&*keys),
            "{}",
            name.as_str()
        );
        let labels: Vec<_> = labels
            .iter()
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        let value = match value {
            DebugValue::Counter(count) => count as f64,
            DebugValue::Gauge(value) => value.into_inner(),
            DebugValue::Histogram(values) => values.len() as f64,
        };
        (format!("{}{{{}}}", name.as_str(), labels.join(",")), value)
    });
    values.collect()
}

#[tokio::test(start_paused = true)]
async fn dials_are_counted_by_their_phase_and_outcome() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recorder = metrics::set_default_local_recorder(&recorder);
    let (_injector, scope) = binance(&[1, 3]);
    let _open = dial(&scope).await.unwrap();
    let (_injector, silent) = binance(&[2]);
    let hurry = Duration::from_secs(2);
    timeout(hurry, dial(&silent)).await.unwrap_err();

    let recorded = recorded(&snapshotter);
    let count = |port: u16, phase: &str, outcome: &str| {
        let key = format!(
            "cryptofeed_dials_total{{exchange=binance,transport=websocket,proxy=127.0.0.1:{port},phase={phase},outcome={outcome}}}"
        );
        recorded.get(&key).copied()
    };
    assert_eq!(count(1, "tcp", "refused"), Some(1.0), "{recorded:#?}");
    assert_eq!(count(2, "", "given_up"), Some(1.0));
    assert_eq!(count(3, "", "ok"), Some(1.0));
    let durations = recorded.iter().filter(|(key, _)| key.contains("duration"));
    assert_eq!(
        durations.map(|(_, count)| *count).collect::<Vec<_>>(),
        [1.0]
    );
    assert!(!format!("{recorded:?}").contains("cret"));
}

#[tokio::test(start_paused = true)]
async fn what_comes_by_websocket_is_counted_beside_an_observer_of_the_program() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recorder = metrics::set_default_local_recorder(&recorder);
    let (_injector, scope) = binance(&[4]);
    let seen = Arc::new(Seen::default());
    let streams = scope.websocket();
    let streams = streams.with_hooks(Hooks::default().with_observer(seen.clone()));
    let request = WsRequest::new("ws://exchange.example/".parse().unwrap());
    let mut socket = streams.dial(request.unwrap()).await.unwrap();
    for _ in 0..2 {
        socket.next().await.unwrap().unwrap();
    }
    let recorded = recorded(&snapshotter);
    let count = |what: &str| {
        recorded[&format!("cryptofeed_websocket_received_{what}_total{{exchange=binance}}")]
    };
    assert_eq!((count("messages"), count("bytes")), (2.0, 8.0));
    assert_eq!(seen.0.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn rest_requests_are_measured_by_their_exchange_proxy_and_outcome() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recorder = metrics::set_default_local_recorder(&recorder);
    let request = || {
        Request::get("http://exchange.example/")
            .body(Bytes::new())
            .unwrap()
    };
    for port in [1, 2, 3] {
        let (_injector, scope) = binance(&[port]);
        let hurry = Duration::from_secs(2);
        let _ = timeout(hurry, scope.http().send(request())).await;
    }
    // One proxy is remembered, which the second request finds.
    let proxy: ProxyUrl = "http://user:Zs3cret@127.0.0.1:5".parse().unwrap();
    let rules = ConnectionProxies::both(ProxyConfig::new(proxy));
    let settings = ProxySettings::enabled().with_default(rules);
    let injector = ProxyInjector::new(settings).with_tcp_dialer(Arc::new(Sockets));
    let session = Arc::new(injector)
        .exchange(ExchangeId::new("okx").unwrap())
        .http();
    for _ in 0..2 {
        session.send(request()).await.unwrap();
    }

    let recorded = recorded(&snapshotter);
    let is_measured = |series: &str| series.starts_with("cryptofeed_rest_request_duration_seconds");
    let measured = recorded
        .iter()
        .filter(|(series, count)| is_measured(series) && **count > 0.0);
    let series = |exchange: &str, port: u16, outcome: &str| {
        format!(
            "cryptofeed_rest_request_duration_seconds{{exchange={exchange},proxy=127.0.0.1:{port},outcome={outcome}}}"
        )
    };
    let expected = [
        (series("binance", 1, "refused"), 1.0),
        (series("binance", 2, "given_up"), 1.0),
        (series("binance", 3, "limited"), 1.0),
        (series("okx", 5, "ok"), 2.0),
    ];
    let measured: BTreeMap<_, _> = measured.map(|(key, count)| (key.clone(), *count)).collect();
    assert_eq!(measured, BTreeMap::from(expected));
}

/// Counts frames.
#[derive(Default)]
struct Seen(AtomicUsize);

impl FrameObserver for Seen {
    fn observe(&self, _: &ConnectionInfo, _: &Message, _: SystemTime) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn gauges_tell_what_is_and_what_is_over() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recorder = metrics::set_default_local_recorder(&recorder);
    let (injector, scope) = binance(&[1, 3]);
    let open = dial(&scope).await.unwrap();
    let request = Request::get("http://exchange.example/").body(Bytes::new());
    let mut request = request.unwrap();
    let window = Window::new("weight", 100, Duration::from_secs(60));
    let draws: Draws = [Draw { window, units: 7 }].into_iter().collect();
    request.extensions_mut().insert(draws);
    scope.http().send(request).await.unwrap();
    let gauges = || {
        injector.record_metrics();
        recorded(&snapshotter)
    };

    let before = gauges();
    for (series, value) in [
        ("cryptofeed_proxy_leases{proxy=127.0.0.1:3}", 1.0),
        ("cryptofeed_pool_members{proxy=127.0.0.1:1,state=open}", 1.0),
        (
            "cryptofeed_pool_members{proxy=127.0.0.1:1,state=closed}",
            0.0,
        ),
        (
            "cryptofeed_pool_members{proxy=127.0.0.1:3,state=closed}",
            1.0,
        ),
        (
            "cryptofeed_proxy_bans{exchange=binance,proxy=127.0.0.1:3,reason=banned}",
            1.0,
        ),
        (
            "cryptofeed_budget_units{exchange=binance,egress=127.0.0.1:3,budget=weight}",
            100.0,
        ),
        (
            "cryptofeed_budget_left_units{exchange=binance,egress=127.0.0.1:3,budget=weight}",
            93.0,
        ),
    ] {
        assert_eq!(before.get(series), Some(&value), "{series}: {before:#?}");
    }

    drop(open);
    advance(Duration::from_secs(90)).await;
    injector.reload(settings(&[3])).unwrap();
    injector.reload(ProxySettings::enabled()).unwrap_err();
    let after = gauges();
    for (series, value) in [
        ("cryptofeed_proxy_leases{proxy=127.0.0.1:3}", 0.0),
        // It is on no route any longer.
        (
            "cryptofeed_pool_members{proxy=127.0.0.1:1,state=half_open}",
            0.0,
        ),
        (
            "cryptofeed_proxy_bans{exchange=binance,proxy=127.0.0.1:3,reason=banned}",
            0.0,
        ),
        (
            "cryptofeed_budget_left_units{exchange=binance,egress=127.0.0.1:3,budget=weight}",
            100.0,
        ),
        ("cryptofeed_reloads_total{outcome=applied}", 1.0),
        ("cryptofeed_reloads_total{outcome=refused}", 1.0),
    ] {
        assert_eq!(after.get(series), Some(&value), "{series}: {after:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_brings_other_proxies_all_the_time_brings_no_series_without_end() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recorder = metrics::set_default_local_recorder(&recorder);
    let (injector, _scope) = binance(&[3]);
    for round in 0..40_u16 {
        let ports: Vec<_> = (0..100).map(|number| 1000 + 100 * round + number).collect();
        injector.reload(settings(&ports)).unwrap();
        injector.record_metrics();
    }
    let recorded = recorded(&snapshotter);
    let of_proxies = recorded
        .keys()
        .filter(|key| key.starts_with("cryptofeed_proxy_leases"));
    assert_eq!(of_proxies.count(), 1024 + 1);
    // Those of now are counted, although they have no name.
    let closed = "cryptofeed_pool_members{proxy=other,state=closed}";
    assert_eq!(recorded[closed], 100.0);
}
