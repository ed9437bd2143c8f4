//! An exchange never sees a stream of ours break off because we want no more of it.

use std::sync::Arc;

use feeds::{
    Binance, Channel, Events, Feed, FeedEventKind, QueueLimits, Subscription, Symbol, event_queue,
};
use futures_util::StreamExt;
use proxy_config::{ConnectionProxies, ProxyRule, ProxySettings};
use testkit::{MockProxy, ProxyKind};
use tokio::task::yield_now;
use transport::{WsDialer, WsErrorKind};

use crate::parting::Parting;
use crate::world::{Injected, World, config, soon, ws_request};

/// A normal closure (RFC 6455, section 7.4.1).
const NORMAL: u16 = 1000;

async fn through(world: &World, kind: ProxyKind) -> (MockProxy, Injected) {
    let proxy = world.proxy(kind, 2).start().await.unwrap();
    let rules = ConnectionProxies::both(config(&proxy));
    let injected = world.injector(ProxySettings::enabled().with_default(rules));
    (proxy, injected)
}

#[tokio::test]
async fn a_reload_says_farewell_whether_the_stream_is_read_or_not() {
    let world = World::start().await;
    for kind in [ProxyKind::Http, ProxyKind::Https, ProxyKind::Socks5h] {
        for is_read in [true, false] {
            let mut exchange = Parting::start().await;
            let (_proxy, injected) = through(&world, kind).await;
            let streams = injected.exchange("binance").websocket();
            let request = ws_request(&format!("ws://{}/", exchange.address()));
            let mut socket = soon(streams.dial(request)).await.unwrap();
            let reading = async {
                let error = socket.next().await.unwrap().unwrap_err();
                assert_eq!(error.kind(), WsErrorKind::RouteChanged);
            };
            let reloading = async {
                yield_now().await;
                let direct = ConnectionProxies::both(ProxyRule::Direct);
                let settings = ProxySettings::enabled().with_default(direct);
                injected.injector.reload(settings).unwrap();
                soon(exchange.code()).await
            };
            let code = if is_read {
                soon(async { tokio::join!(reading, reloading) }).await.1
            } else {
                reloading.await
            };
            assert_eq!(code, NORMAL, "{kind:?} {is_read}");
        }
    }
}

fn feed(injected: &Injected, exchange: &Parting) -> Feed {
    let address = exchange.address();
    let (rest, ws) = (format!("http://{address}"), format!("ws://{address}"));
    let symbol = Symbol::parse("BTC-USDT").unwrap();
    let scope = injected.exchange("binance");
    Feed::new(
        Arc::new(Binance::new(&rest, &ws).unwrap()),
        Subscription::new([symbol], [Channel::Trades]).unwrap(),
        Arc::new(scope.http()),
        Arc::new(scope.websocket()),
    )
}

/// Lets a feed stream until `leave` has done with its task and its events.
async fn code_after(
    world: &World,
    leave: impl AsyncFnOnce(tokio::task::JoinHandle<()>, Events),
) -> u16 {
    let mut exchange = Parting::start().await;
    let (_proxy, injected) = through(world, ProxyKind::Socks5h).await;
    let feed = feed(&injected, &exchange);
    let (queue, mut events) = event_queue(QueueLimits::default());
    let running = tokio::spawn(async move { feed.run(queue).await.unwrap() });
    let first = soon(events.recv()).await.unwrap().kind;
    assert!(matches!(first, FeedEventKind::Connected { .. }));
    leave(running, events).await;
    soon(exchange.code()).await
}

#[tokio::test]
async fn whoever_wants_no_more_events_says_farewell() {
    let world = World::start().await;
    let code = code_after(&world, async |running, events| {
        drop(events);
        soon(running).await.unwrap();
    });
    assert_eq!(code.await, NORMAL);
    let code = code_after(&world, async |running, _events| {
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
    });
    assert_eq!(code.await, NORMAL);
}
