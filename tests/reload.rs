//! New settings while everything runs.

use std::collections::BTreeSet;

use feeds::{FeedEventKind, L2Delta};
use proxy_config::{ConnectionProxies, ExchangeId, ProxySettings};
use testkit::{ExchangeTransport, MockProxy, ProxyKind};

use crate::running::Running;
use crate::world::{BACKPACK, BINANCE, World, config, egress};

fn settings(default: &MockProxy, binance: &MockProxy) -> ProxySettings {
    ProxySettings::enabled()
        .with_default(ConnectionProxies::both(config(default)))
        .with_exchange(
            ExchangeId::new("binance").unwrap(),
            ConnectionProxies::both(config(binance)),
        )
}

/// Fails unless each change follows to the one before.
#[derive(Default)]
struct Gapless(Option<u64>);

impl Gapless {
    fn note(&mut self, delta: &L2Delta) {
        if let Some(last) = self.0 {
            assert_eq!(delta.first_id, Some(last + 1), "a change is missing");
        }
        self.0 = delta.last_id;
    }
}

#[tokio::test]
async fn a_stream_whose_route_changed_moves_and_the_others_are_not_touched() {
    let world = World::start().await;
    let old = world.proxy(ProxyKind::Socks5h, 2).start().await.unwrap();
    let new = world.proxy(ProxyKind::Http, 3).start().await.unwrap();
    let injected = world.injector(settings(&old, &old));
    let mut binance = Running::start(&world, &injected, BINANCE, &["BTC-USDT"]);
    let mut backpack = Running::start(&world, &injected, BACKPACK, &["SOL-USDC"]);
    binance.until_everything_flows().await;

    let mut gapless = Gapless::default();
    let mut changes = 0;
    backpack
        .until(|event| {
            if let FeedEventKind::L2Delta(delta) = event {
                gapless.note(delta);
                changes += 1;
                if changes == 20 {
                    injected.injector.reload(settings(&old, &new)).unwrap();
                }
            }
            assert!(!matches!(event, FeedEventKind::Disconnected { .. }));
            changes == 100
        })
        .await;
    assert_eq!(
        world
            .connections(BACKPACK, ExchangeTransport::WebSocket)
            .len(),
        1
    );

    let event = binance
        .until(|event| matches!(event, FeedEventKind::Disconnected { .. }))
        .await;
    let FeedEventKind::Disconnected {
        reason, retry_in, ..
    } = event
    else {
        unreachable!("it was looked for");
    };
    assert!(reason.contains("its route has changed"), "{reason}");
    assert!(retry_in.is_zero());
    binance.until_everything_flows().await;
    assert_eq!(
        world.seen(BINANCE, ExchangeTransport::WebSocket),
        [egress(2), egress(3)]
    );
    assert_eq!(
        world.seen(BINANCE, ExchangeTransport::Rest),
        [egress(2), egress(3)]
    );
}

#[tokio::test]
async fn settings_that_lead_the_same_way_touch_no_stream() {
    let world = World::start().await;
    let proxy = world.proxy(ProxyKind::Socks5h, 2).start().await.unwrap();
    let injected = world.injector(settings(&proxy, &proxy));
    let mut feed = Running::start(&world, &injected, BINANCE, &["BTC-USDT"]);
    feed.until_everything_flows().await;
    let slower = config(&proxy).with_timeout_seconds(60).unwrap();
    let rules = ConnectionProxies::both(slower);
    injected
        .injector
        .reload(ProxySettings::enabled().with_default(rules))
        .unwrap();
    let mut changes = 0;
    feed.until(|event| {
        assert!(!matches!(event, FeedEventKind::Disconnected { .. }));
        changes += usize::from(matches!(event, FeedEventKind::L2Delta(_)));
        changes == 50
    })
    .await;
    assert_eq!(
        world
            .connections(BINANCE, ExchangeTransport::WebSocket)
            .len(),
        1
    );
}

#[tokio::test]
async fn no_request_fails_while_routes_change_under_load() {
    let world = World::start().await;
    let one = world.proxy(ProxyKind::Http, 2).start().await.unwrap();
    let two = world.proxy(ProxyKind::Socks5h, 3).start().await.unwrap();
    let injected = world.injector(settings(&one, &one));
    let session = injected.exchange("binance").http();
    let load = async {
        for _ in 0..100 {
            let burst = (0..4).map(|_| world.echo(&session, BINANCE));
            for answer in futures_util::future::join_all(burst).await {
                assert_eq!(answer.unwrap().status(), 200);
            }
        }
    };
    let reloads = async {
        for round in 0..50 {
            let proxy = if round % 2 == 0 { &two } else { &one };
            injected.injector.reload(settings(&one, proxy)).unwrap();
            tokio::task::yield_now().await;
            world.echo(&session, BINANCE).await.unwrap();
        }
    };
    tokio::join!(load, reloads);
    let seen: BTreeSet<_> = world
        .seen(BINANCE, ExchangeTransport::Rest)
        .into_iter()
        .collect();
    assert_eq!(seen, BTreeSet::from([egress(2), egress(3)]));
}
