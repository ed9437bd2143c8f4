//! What exchanges have sent, from the exchange through a proxy to the lines that a consumer reads: in
//! once, out once, in order.
//!
//! Each recording is played by a mock over TLS, and read a second time from its own JSON, without the
//! codecs. Two kinds are left out: messages that are no stream, as all of Backpack's are, and what the
//! codec does not speak, version 1 of Kraken's WebSocket.

mod book;
mod capture;
mod check;
mod exchange;
mod follower;
mod history;
mod okx_2022;
mod reading;

use std::sync::Arc;
use std::time::Duration;

use feeds::{Feed, KrakenDepth, QueueLimits, Subscription, event_queue};
use futures_util::future::join_all;
use proxy_config::{ConnectionProxies, ExchangeId, ProxySettings};
use proxy_injector::ProxyInjector;
use testkit::{ExchangeTransport, MockProxy, ProxyKind, TestCa};
use tokio::task::JoinSet;
use tokio::time::timeout;
use transport_tls::TlsTrust;

use self::capture::{Capture, Part};
use self::check::Check;
use self::reading::{Reading, Trade};
use crate::world::{config, egress};

/// Plays the parts to one connection after the other, and has `history` over REST. Returns how many
/// trades came, and how many were told to be lost.
async fn play(
    capture: &Capture,
    parts: Vec<Part>,
    history: Vec<Trade>,
    kind: ProxyKind,
) -> (usize, usize) {
    let ca = TestCa::new().unwrap();
    let exchange = exchange::playing(capture, &parts, history);
    let exchange = exchange.tls(ca.server_config(&[]).unwrap());
    let exchange = exchange.start().await.unwrap();
    let proxy = MockProxy::builder(kind).egress(egress(2));
    let proxy = proxy.start().await.unwrap();

    let codec = capture.codec(&exchange.rest_url(), &exchange.ws_url());
    let id = ExchangeId::new(codec.id()).unwrap();
    let rules = ConnectionProxies::both(config(&proxy));
    let settings = ProxySettings::enabled()
        .with_strict(true)
        .with_exchange(id.clone(), rules);
    let trust = TlsTrust::platform().with_ca_pem(ca.pem().as_bytes());
    let injector = ProxyInjector::new(settings).with_trust(trust.unwrap());
    let scope = Arc::new(injector).exchange(id);
    let symbols = capture
        .symbols
        .iter()
        .map(|(_, symbol)| symbol.parse::<feeds::Symbol>().unwrap());
    let subscription = Subscription::new(symbols, capture.channels.iter().copied());
    let feed = Feed::new(
        codec,
        subscription.unwrap(),
        Arc::new(scope.http()),
        Arc::new(scope.websocket()),
    );
    let (queue, mut events) = event_queue(QueueLimits::default());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { feed.run(queue).await.unwrap() });

    let mut check = Check::new(capture);
    for (number, part) in parts.iter().enumerate() {
        if number > 0 {
            exchange.cut_streams().await;
        }
        check.begin(part);
        while !check.is_through() {
            let event = timeout(Duration::from_secs(20), events.recv()).await;
            let event = event.unwrap_or_else(|_| panic!("still to come: {}", check.left()));
            let line = serde_json::to_string(&event.expect("a feed does not end")).unwrap();
            check.take(&serde_json::from_str(&line).unwrap());
        }
    }

    let connections = exchange.ledger().connections();
    assert!(connections.iter().all(|it| it.peer.ip() == egress(2)));
    let streams = connections
        .iter()
        .filter(|it| it.transport == ExchangeTransport::WebSocket);
    assert_eq!(streams.count(), parts.len());
    let trades = check.trades();
    check.finish();
    trades
}

/// A recording through each kind of proxy.
macro_rules! recordings {
    ($($name:ident: $capture:expr, $trades:expr;)*) => {$(
        mod $name {
            use super::*;

            #[tokio::test]
            async fn comes_through_a_connect_proxy() {
                comes_through(&$capture, ProxyKind::Http, $trades).await;
            }

            #[tokio::test]
            async fn comes_through_a_socks5_proxy() {
                comes_through(&$capture, ProxyKind::Socks5h, $trades).await;
            }
        }
    )*};
}

const BTC: &[(&str, &str)] = &[("BTC/USD", "BTC-USD")];
const ETH: &[(&str, &str)] = &[("ETH/USD", "ETH-USD")];
const XRP: &[(&str, &str)] = &[("XRP/USD", "XRP-USD")];

// How many trades there are, and how many of them go by while nobody is connected.
recordings! {
    binance_of_2024: Capture::binance_2024(), (292, 52);
    binance_of_2021: Capture::binance_2021(), (0, 0);
    kraken_of_2026_btc_10: Capture::kraken_2026("btcusd_d10", KrakenDepth::Levels10, BTC), (0, 0);
    kraken_of_2026_btc_25: Capture::kraken_2026("btcusd_d25", KrakenDepth::Levels25, BTC), (0, 0);
    kraken_of_2026_eth_25: Capture::kraken_2026("ethusd_d25", KrakenDepth::Levels25, ETH), (0, 0);
    kraken_of_2026_xrp_25: Capture::kraken_2026("xrpusd_d25", KrakenDepth::Levels25, XRP), (0, 0);
    kraken_of_2026_trades: Capture::kraken_trades(), (18, 5);
    kraken_of_2021_converted: Capture::kraken_converted(), (0, 0);
    okx_of_2022: Capture::okx_2022(), (74, 9);
}

/// Once as it is. Three times cut in the middle: the exchange begins again, or it has gone on, and can
/// still tell the trades that were missed, or not.
async fn comes_through(capture: &Capture, kind: ProxyKind, (all, missed): (usize, usize)) {
    let history = Reading::of(capture, &capture.frames).trades();
    let gone = Reading::of(capture, &capture.frames[capture.missed()]).trades();
    let kept = history.iter().filter(|trade| !gone.contains(trade));
    let kept = kept.cloned().collect();
    let mut plays = vec![
        (capture.whole(), Vec::new(), (all, 0)),
        (capture.repeated(), Vec::new(), (all, 0)),
        (capture.continued(), history, (all, 0)),
    ];
    if missed > 0 {
        plays.push((capture.continued(), kept, (all - missed, missed)));
    }
    let plays = plays.into_iter().map(async |(parts, history, expected)| {
        assert_eq!(play(capture, parts, history, kind).await, expected);
    });
    join_all(plays).await;
}
