//! What is sent to an exchange keeps to its budgets at each exit, and every answer tells its exit.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use feeds::{Binance, Channel, Feed, FeedEventKind, Subscription, Symbol};
use http::{Request, Response};
use proxy_config::{
    ConnectionProxies, ExchangeId, PoolConfig, PoolMember, ProxyRule, ProxySettings,
};
use proxy_injector::{HttpSession, ProxyInjector};
use testkit::{ExchangeTransport, ProxyKind};
use tokio::time::Instant;
use transport::{
    Connection, ConnectionInfo, DialError, DialErrorKind, Dialer, Draw, Draws, Egress, Hop,
    HttpError, HttpTransport, Phase, Target, Window, WsDialer,
};

use crate::capture::Capture;
use crate::running::Running;
use crate::world::{BACKPACK, BINANCE, World, config, egress, ws_request};

#[tokio::test]
async fn answers_and_streams_tell_the_exit_that_they_took() {
    let world = World::start().await;
    let near = world.proxy(ProxyKind::Http, 2).start().await.unwrap();
    let exit = world.proxy(ProxyKind::Socks5h, 3).start().await.unwrap();
    let chain = config(&exit).with_via([config(&near).server().clone()]);
    let settings = ProxySettings::enabled()
        .with_default(ConnectionProxies::both(chain.unwrap()))
        .with_exchange(
            ExchangeId::new("backpack").unwrap(),
            ConnectionProxies::both(ProxyRule::Direct),
        );
    let injected = world.injector(settings);
    for (id, name, expected) in [
        (
            "binance",
            BINANCE,
            Egress::Proxy(exit.address().to_string().parse().unwrap()),
        ),
        ("backpack", BACKPACK, Egress::Direct),
    ] {
        let scope = injected.exchange(id);
        let answer = world.echo(&scope.http(), name).await.unwrap();
        let info: &ConnectionInfo = answer.extensions().get().unwrap();
        assert_eq!(info.egress(), expected);
        let socket = world.stream(&scope.websocket(), name).await;
        assert_eq!(socket.info().egress(), expected);
    }
}

/// Fewer units in less time than the exchange has.
const SCARCE: Window = Window::new("weight", 28, Duration::from_millis(400));

/// A session that has only [`SCARCE`] for what its requests use, and notes when how much was
/// answered.
struct Scarce {
    session: HttpSession,
    answered: Mutex<Vec<(Instant, u32)>>,
}

#[async_trait]
impl HttpTransport for Scarce {
    async fn send(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let [Draw { window, units }] = **Draws::of(request.extensions()) else {
            panic!("a request of a feed at Binance uses one budget");
        };
        assert_eq!(window.name, SCARCE.name);
        let draws = Draws::from(Draw {
            window: SCARCE,
            units,
        });
        request.extensions_mut().insert(draws);
        let answer = self.session.send(request).await?;
        self.answered.lock().unwrap().push((Instant::now(), units));
        Ok(answer)
    }
}

#[tokio::test]
async fn the_snapshots_of_a_feed_are_fetched_at_the_pace_of_the_budget() {
    let world = World::start().await;
    let proxy = world.proxy(ProxyKind::Socks5h, 2).start().await.unwrap();
    let rules = ConnectionProxies::both(config(&proxy));
    let injected = world.injector(ProxySettings::enabled().with_default(rules));
    let scope = injected.exchange("binance");
    let rest = Arc::new(Scarce {
        session: scope.http(),
        answered: Mutex::default(),
    });
    let names = ["BTC-USDT", "ETH-USDT", "SOL-USDT"];
    let symbols = names.map(|name| Symbol::parse(name).unwrap());
    let exchange = Binance::new(&world.rest_url(BINANCE), &world.ws_url(BINANCE)).unwrap();
    let start = Instant::now();
    let mut feed = Running::of(Feed::new(
        Arc::new(exchange),
        Subscription::new(symbols, [Channel::L2Book]).unwrap(),
        Arc::<Scarce>::clone(&rest),
        Arc::new(scope.websocket()),
    ));
    for _ in names {
        feed.until(|event| matches!(event, FeedEventKind::L2Snapshot(_)))
            .await;
    }
    let answered = rest.answered.lock().unwrap().clone();
    // The list of instruments, and three snapshots, of which only one has room beside it.
    let units: Vec<_> = answered.iter().map(|(_, units)| *units).collect();
    assert_eq!(units, [20, 5, 5, 5]);
    let late = answered.iter().filter(|(at, _)| *at >= start + SCARCE.per);
    assert_eq!(late.count(), 2);
    assert_eq!(world.seen(BINANCE, ExchangeTransport::Rest), [egress(2)]);
}

#[tokio::test]
async fn a_pool_makes_room_where_one_exit_has_none() {
    let world = World::start().await;
    let [a, b] = world.two_proxies().await;
    let members = [&a, &b].map(|proxy| PoolMember::new(config(proxy).server().clone()));
    let rules = ConnectionProxies::both(PoolConfig::new(members).unwrap());
    let injected = world.injector(ProxySettings::enabled().with_default(rules));
    let streams = injected.exchange("binance").websocket();
    let dials = |units| Draw {
        window: Window::new("dials", 2, Duration::from_secs(3600)),
        units,
    };
    let mut open = Vec::new();
    for units in [2, 1, 1] {
        let mut dial = ws_request(&format!("{}/ws/btcusdt@trade", world.ws_url(BINANCE)));
        dial.draws = Draws::from(dials(units));
        open.push(streams.dial(dial).await.unwrap());
    }
    let exits = [&a, &b, &b].map(|proxy| proxy.address().to_string());
    let taken: Vec<_> = open
        .iter()
        .map(|socket| socket.info().egress().to_string())
        .collect();
    assert_eq!(taken, exits);
}

/// Fails every dial.
struct Closed;

#[async_trait]
impl Dialer for Closed {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        let hop = Hop::Target(target.endpoint().clone());
        Err(DialError::new(hop, Phase::Tcp, DialErrorKind::Refused))
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_wait_is_told_once_and_a_short_one_is_not() {
    let settings =
        ProxySettings::enabled().with_default(ConnectionProxies::both(ProxyRule::Direct));
    let injector = Arc::new(ProxyInjector::new(settings).with_tcp_dialer(Arc::new(Closed)));
    let streams = injector
        .exchange(ExchangeId::new("okx").unwrap())
        .websocket();
    let (capture, _guard) = Capture::begin();
    for (name, seconds) in [("dials", 1), ("messages", 60)] {
        let per = Duration::from_secs(seconds);
        for _ in 0..2 {
            let mut dial = ws_request("ws://127.0.0.1:1/");
            dial.draws = Draws::from(Draw {
                window: Window::new(name, 1, per),
                units: 1,
            });
            streams.dial(dial).await.unwrap_err();
        }
    }
    let lines = capture.lines("INFO");
    let told: Vec<_> = lines
        .iter()
        .filter_map(|line| line.split_once("proxy_injector: "))
        .collect();
    let told: Vec<_> = told.iter().map(|(_, text)| *text).collect();
    assert_eq!(
        told,
        [
            r#"waiting for the exchange's budget transport=websocket exchange="okx" egress=direct budget="messages""#
        ]
    );
}
