//! Feeds end to end: metadata, snapshots and streams of both exchanges, through their proxies.

use std::collections::HashMap;

use feeds::{FeedEventKind, OrderBook};
use proxy_config::{ConnectionProxies, ExchangeId, ProxySettings};
use testkit::{ExchangeTransport, Fault, MockProxy, ProxyKind};

use crate::running::Running;
use crate::world::{BACKPACK, BINANCE, DIRECT, Injected, World, config, egress, soon};

fn through(world: &World, proxy: &MockProxy) -> Injected {
    let rules = ConnectionProxies::both(config(proxy));
    world.injector(ProxySettings::enabled().with_default(rules))
}

#[tokio::test]
async fn both_feeds_stream_all_channels_through_defaults_and_overrides() {
    let world = World::start().await;
    let default = world.proxy(ProxyKind::Socks5h, 2).start().await.unwrap();
    let binance_ws = world.proxy(ProxyKind::Http, 3).start().await.unwrap();
    let backpack_rest = world.proxy(ProxyKind::Https, 4).start().await.unwrap();
    let settings = ProxySettings::enabled()
        .with_default(ConnectionProxies::both(config(&default)))
        .with_exchange(
            ExchangeId::new("binance").unwrap(),
            ConnectionProxies::default().with_websocket(config(&binance_ws)),
        )
        .with_exchange(
            ExchangeId::new("backpack").unwrap(),
            ConnectionProxies::default().with_http(config(&backpack_rest)),
        );
    let injected = world.injector(settings);
    let mut binance = Running::start(&world, &injected, BINANCE, &["BTC-USDT", "ETH-USDT"]);
    let mut backpack = Running::start(&world, &injected, BACKPACK, &["SOL-USDC"]);
    binance.until_everything_flows().await;
    backpack.until_everything_flows().await;

    assert_eq!(world.seen(BINANCE, ExchangeTransport::Rest), [egress(2)]);
    assert_eq!(
        world.seen(BINANCE, ExchangeTransport::WebSocket),
        [egress(3)]
    );
    assert_eq!(world.seen(BACKPACK, ExchangeTransport::Rest), [egress(4)]);
    assert_eq!(
        world.seen(BACKPACK, ExchangeTransport::WebSocket),
        [egress(2)]
    );
}

#[tokio::test]
async fn the_first_call_for_metadata_goes_through_the_proxy_too() {
    let world = World::start().await;
    let proxy = world.proxy(ProxyKind::Socks4a, 2).start().await.unwrap();
    let injected = through(&world, &proxy);
    let mut feed = Running::start(&world, &injected, BINANCE, &["BTC-USDT"]);
    feed.until(|event| matches!(event, FeedEventKind::L2Snapshot(_)))
        .await;
    let rest = world.connections(BINANCE, ExchangeTransport::Rest);
    let paths: Vec<_> = rest
        .iter()
        .flat_map(|connection| &connection.requests)
        .map(|request| request.path.split('?').next().unwrap().to_owned())
        .collect();
    assert_eq!(paths, ["/api/v3/exchangeInfo", "/api/v3/depth"]);
    assert_eq!(world.seen(BINANCE, ExchangeTransport::Rest), [egress(2)]);
}

#[tokio::test]
async fn a_cut_stream_comes_back_through_the_proxy() {
    let world = World::start().await;
    let proxy = world.proxy(ProxyKind::Socks5h, 2).start().await.unwrap();
    let injected = through(&world, &proxy);
    let mut feed = Running::start(&world, &injected, BINANCE, &["BTC-USDT"]);
    for _ in 0..2 {
        feed.until_everything_flows().await;
        world.binance.cut_streams().await;
        feed.until(|event| matches!(event, FeedEventKind::Disconnected { .. }))
            .await;
    }
    feed.until_everything_flows().await;
    assert_eq!(
        world
            .connections(BINANCE, ExchangeTransport::WebSocket)
            .len(),
        3
    );
    assert_eq!(
        world.seen(BINANCE, ExchangeTransport::WebSocket),
        [egress(2)]
    );
    assert_eq!(injected.asked_for(), [proxy.address().to_string()]);
}

#[tokio::test]
async fn while_its_proxy_is_down_a_feed_waits_and_never_goes_around_it() {
    let world = World::start().await;
    let proxy = world.proxy(ProxyKind::Http, 2).start().await.unwrap();
    let injected = through(&world, &proxy);
    let mut feed = Running::start(&world, &injected, BACKPACK, &["SOL-USDC"]);
    feed.until_everything_flows().await;

    proxy.stop().await;
    let mut refused = 0;
    feed.until(|event| {
        if let FeedEventKind::Disconnected { reason, .. } = event {
            let expected = format!("connect to proxy {}: connection refused", proxy.address());
            refused += usize::from(reason.contains(&expected));
        }
        refused == 2
    })
    .await;

    proxy.restart().await.unwrap();
    feed.until_everything_flows().await;
    assert_eq!(
        world.seen(BACKPACK, ExchangeTransport::WebSocket),
        [egress(2)]
    );
    assert_eq!(world.seen(BACKPACK, ExchangeTransport::Rest), [egress(2)]);
    assert_eq!(injected.asked_for(), [proxy.address().to_string()]);
}

#[tokio::test]
async fn a_disabled_system_streams_directly_and_touches_no_proxy() {
    let world = World::start().await;
    let proxy = world.proxy(ProxyKind::Http, 2).start().await.unwrap();
    let rules = ConnectionProxies::both(config(&proxy));
    let injected = world.injector(ProxySettings::disabled().with_default(rules));
    let mut feed = Running::start(&world, &injected, BINANCE, &["BTC-USDT"]);
    feed.until_everything_flows().await;
    assert_eq!(world.seen(BINANCE, ExchangeTransport::Rest), [DIRECT]);
    assert_eq!(world.seen(BINANCE, ExchangeTransport::WebSocket), [DIRECT]);
    assert!(proxy.ledger().connections().is_empty());
}

/// The exchange quotes the best prices of the very states that the deltas lead to.
#[tokio::test]
async fn a_book_kept_from_snapshot_and_deltas_agrees_with_the_ticker() {
    let world = World::start().await;
    let proxy = world.proxy(ProxyKind::Socks5, 2).start().await.unwrap();
    let injected = through(&world, &proxy);
    for (name, symbol) in [(BINANCE, "ETH-USDT"), (BACKPACK, "SOL-USDC")] {
        let mut feed = Running::start(&world, &injected, name, &[symbol]);
        let mut book = OrderBook::new();
        let mut states = HashMap::new();
        let mut quotes = HashMap::new();
        let mut compared = 0;
        while compared < 50 {
            match soon(feed.next()).await {
                FeedEventKind::L2Snapshot(snapshot) => book.apply_snapshot(&snapshot),
                FeedEventKind::L2Delta(delta) => {
                    book.apply_delta(&delta).unwrap();
                    states.insert(delta.last_id, (book.best_bid(), book.best_ask()));
                }
                FeedEventKind::Ticker(ticker) => {
                    quotes.insert(ticker.last_id, (ticker.bid, ticker.bid_size, ticker.ask));
                }
                _ => {}
            }
            quotes.retain(|id, (bid, size, ask)| match states.get(id) {
                Some((best_bid, best_ask)) => {
                    let best_bid = best_bid.as_ref().unwrap();
                    assert_eq!((*bid, *size), (Some(best_bid.price), Some(best_bid.size)));
                    assert_eq!(*ask, best_ask.as_ref().map(|level| level.price));
                    compared += 1;
                    false
                }
                None => true,
            });
        }
    }
}

#[tokio::test]
async fn a_lost_change_voids_the_book_until_a_new_snapshot() {
    let world = World::start().await;
    let proxy = world.proxy(ProxyKind::Http, 2).start().await.unwrap();
    let injected = through(&world, &proxy);
    let mut feed = Running::start(&world, &injected, BINANCE, &["BTC-USDT"]);
    feed.until(|event| matches!(event, FeedEventKind::L2Delta(_)))
        .await;
    world.binance.inject(Fault::DropDepth(1));
    feed.until(|event| matches!(event, FeedEventKind::BookInvalid { .. }))
        .await;
    let next = feed
        .until(|event| {
            matches!(
                event,
                FeedEventKind::L2Delta(_) | FeedEventKind::L2Snapshot(_)
            )
        })
        .await;
    assert!(matches!(next, FeedEventKind::L2Snapshot(_)));
}

#[tokio::test]
async fn a_blocked_region_is_named_with_what_the_exchange_said() {
    let world = World::start().await;
    let proxy = world.proxy(ProxyKind::Http, 2).start().await.unwrap();
    let injected = through(&world, &proxy);
    world.binance.inject(Fault::UpgradeStatus {
        status: 451,
        body: r#"{"code":0,"msg":"Service unavailable from a restricted location"}"#.to_owned(),
        count: 1,
    });
    let mut feed = Running::start(&world, &injected, BINANCE, &["BTC-USDT"]);
    let event = feed
        .until(|event| matches!(event, FeedEventKind::Disconnected { .. }))
        .await;
    let FeedEventKind::Disconnected { reason, .. } = event else {
        unreachable!("it was looked for");
    };
    assert!(
        reason.contains("451 Unavailable For Legal Reasons"),
        "{reason}"
    );
    assert!(reason.contains("restricted location"), "{reason}");
}
