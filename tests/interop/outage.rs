//! Three servers in one pool, of which the one that carries the stream is killed.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use feeds::audit::{Audit, Counts};
use feeds::{
    Binance, Channel, Events, Exchange, Feed, FeedEvent, FeedEventKind, QueueLimits, Redundancy,
    Subscription, Symbol, SymbolPattern, event_queue,
};
use proxy_config::{
    ConnectionProxies, ExchangeId, PoolConfig, PoolMember, ProxySettings, ProxyUrl,
};
use proxy_injector::ProxyInjector;
use testkit::{MockExchange, TestCa};
use tokio::task::{JoinHandle, JoinSet, spawn_blocking};
use transport_tls::TlsTrust;
use transport_ws::Hooks;

use super::arrivals::{Arrivals, worst};
use super::server::{Server, installed};
use super::{dante, microsocks, squid};
use crate::world::soon;

/// How many symbols are traded: enough for one connection.
const SYMBOLS: usize = 100;

/// As many as a large exchange has. They take several connections.
const WHOLE_MARKET: usize = 1500;

/// How many messages come in a second, of all symbols together.
const RATE: f64 = 1000.0;

/// How often the book is compared with the market's, which takes longer than an event.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Servers, by where they listen.
type Servers = HashMap<SocketAddr, Server>;

/// A pool of three, and a feed through it.
struct Stage {
    servers: Servers,
    exchange: MockExchange,
    symbol: Symbol,
    exchange_symbol: String,
    events: Events,
    audit: Audit,
    arrivals: Arrivals,
    looked_at: Instant,
    _task: JoinSet<()>,
}

/// Servers with these numbers; `None` where one is not installed.
async fn pool(numbers: [u8; 3]) -> Option<(Servers, PoolConfig)> {
    let programs = ["microsocks", "danted", "squid"].map(installed);
    let [Some(microsocks), Some(dante), Some(squid)] = &programs else {
        return None;
    };
    let mut servers = numbers.map(Server::new);
    let [first, second, third] = &mut servers;
    let [address] = first.free_addresses();
    microsocks::start(first, microsocks, address, false).await;
    let addresses = [
        address,
        dante::start(second, dante).await,
        squid::start_open(third, squid).await,
    ];
    let schemes = ["socks5h", "socks5h", "http"];
    let members = schemes.iter().zip(addresses).map(|(scheme, address)| {
        PoolMember::new(ProxyUrl::parse(&format!("{scheme}://{address}")).unwrap())
    });
    let pool = PoolConfig::new(members).unwrap();
    Some((addresses.into_iter().zip(servers).collect(), pool))
}

impl Stage {
    async fn start(numbers: [u8; 3], redundancy: Redundancy, symbols: usize) -> Option<Self> {
        let (servers, pool) = pool(numbers).await?;
        let ca = TestCa::new().unwrap();
        let exchange = Binance::mock()
            .symbols(symbols)
            .rate(RATE)
            .tls(ca.server_config(&["localhost"]).unwrap());
        let exchange = exchange.start().await.unwrap();
        let settings = ProxySettings::enabled()
            .with_strict(true)
            .with_default(ConnectionProxies::both(pool));
        let trust = TlsTrust::platform().with_ca_pem(ca.pem().as_bytes());
        let injector = ProxyInjector::new(settings).with_trust(trust.unwrap());
        let scope = Arc::new(injector).exchange(ExchangeId::new("binance").unwrap());
        let (rest, ws) = (exchange.rest_addr().port(), exchange.ws_addr().port());
        let codec = Binance::new(
            &format!("https://localhost:{rest}"),
            &format!("wss://localhost:{ws}"),
        );
        let codec = Arc::new(codec.unwrap());
        let audit = Audit::new(codec.rules().trades);
        let arrivals = Arrivals::default();
        let hooks = Hooks::default().with_observer(Arc::new(arrivals.clone()));
        let everything = SymbolPattern::parse("*").unwrap();
        let channels = [Channel::Trades, Channel::Ticker, Channel::L2Book];
        let feed = Feed::new(
            codec,
            Subscription::new([everything], channels).unwrap(),
            Arc::new(scope.http()),
            Arc::new(scope.websocket().with_hooks(hooks)),
        );
        let feed = feed.with_redundancy(redundancy);
        let (queue, events) = event_queue(QueueLimits::default());
        let mut task = JoinSet::new();
        task.spawn(async move { feed.run(queue).await.unwrap() });
        let instruments = exchange.market().instruments();
        let instrument = instruments.iter().find(|it| it.open).unwrap();
        Some(Self {
            servers,
            symbol: instrument.pair().parse().unwrap(),
            exchange_symbol: instrument.symbol.clone(),
            exchange,
            events,
            audit,
            arrivals,
            looked_at: Instant::now(),
            _task: task,
        })
    }

    async fn next(&mut self) -> FeedEvent {
        let event = soon(self.events.recv()).await.unwrap();
        self.audit.take(&event);
        if self.looked_at.elapsed() >= LOOK_EVERY {
            let market = self.exchange.market();
            self.audit.look(market, &self.symbol, &self.exchange_symbol);
            self.looked_at = Instant::now();
        }
        event
    }

    /// Goes on until a connection is open, and tells through which server.
    async fn carrier(&mut self) -> SocketAddr {
        loop {
            if let Some(proxy) = proxy_of(&self.next().await) {
                return proxy;
            }
        }
    }

    /// Goes on until the book has been found to be the market's so many times more.
    async fn until_right(&mut self, times: u64) {
        let before = self.audit.counts().true_books;
        soon(async {
            while self.audit.counts().true_books < before + times {
                self.next().await;
            }
        })
        .await;
    }
}

impl Stage {
    /// Goes on until every book has come, over as many lines as there are.
    async fn until_live(&mut self, redundancy: Redundancy) -> HashMap<SocketAddr, usize> {
        let mut carriers: HashMap<SocketAddr, usize> = HashMap::new();
        let (mut books, mut connections, mut lines) = (HashSet::new(), 0, 0);
        let lines_for_each = usize::from(redundancy == Redundancy::TwoLines);
        while books.len() < WHOLE_MARKET || lines < connections * lines_for_each {
            let event = self.next().await;
            if let Some(proxy) = proxy_of(&event) {
                connections += 1;
                *carriers.entry(proxy).or_default() += 1;
            }
            match event.kind {
                FeedEventKind::L2Snapshot(snapshot) => _ = books.insert(snapshot.symbol),
                FeedEventKind::LineUp { .. } => lines += 1,
                _ => {}
            }
        }
        carriers
    }

    /// Goes on for a while. Returns what came, and how long after it had come first each trade was told.
    async fn watch(&mut self, time: Duration) -> (Vec<FeedEventKind>, Vec<Duration>) {
        let (mut others, mut ages) = (Vec::new(), Vec::new());
        let end = Instant::now() + time;
        while Instant::now() < end {
            match self.next().await.kind {
                FeedEventKind::Trade(trade) if !trade.backfilled => {
                    ages.extend(self.arrivals.age(&trade));
                }
                FeedEventKind::Trade(_)
                | FeedEventKind::Ticker(_)
                | FeedEventKind::L2Delta(_)
                | FeedEventKind::L2Snapshot(_) => {}
                other => others.push(other),
            }
        }
        (others, ages)
    }
}

impl Stage {
    /// Kills a server, which takes a moment.
    fn kill(&mut self, server: SocketAddr) -> JoinHandle<()> {
        let killed = self.servers.remove(&server).unwrap();
        spawn_blocking(move || drop(killed))
    }

    fn assert_nothing_is_lost_since(&self, before: Counts) {
        let after = self.audit.counts();
        assert_eq!(after.invalid_books, before.invalid_books);
        assert_eq!(after.missing, before.missing);
        self.assert_all_is_told();
    }

    fn assert_all_is_told(&self) {
        assert_eq!(self.audit.findings(), [""; 0]);
        assert!(self.audit.untold(&self.symbol).is_empty());
    }
}

/// The server with the most connections, and how many these are.
fn busiest(carriers: &HashMap<SocketAddr, usize>) -> (SocketAddr, usize) {
    let most = carriers.iter().max_by_key(|(_, connections)| **connections);
    most.map(|(server, connections)| (*server, *connections))
        .unwrap()
}

fn proxy_of(event: &FeedEvent) -> Option<SocketAddr> {
    match &event.kind {
        FeedEventKind::Connected { proxies, .. } => proxies.first()?.parse().ok(),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stream_goes_on_through_another_member_after_one_dial() {
    let Some(mut stage) = Stage::start([9, 10, 11], Redundancy::None, SYMBOLS).await else {
        return;
    };
    let carrier = stage.carrier().await;
    stage.until_right(10).await;
    let killing = stage.kill(carrier);
    let (mut ends, mut ended_at) = (0, Instant::now());
    let other = loop {
        let event = stage.next().await;
        if let FeedEventKind::Disconnected { .. } = event.kind {
            ends += 1;
            ended_at = Instant::now();
        }
        if let Some(proxy) = proxy_of(&event) {
            break proxy;
        }
    };
    println!(
        "through another member {:?} after the end",
        ended_at.elapsed()
    );
    assert_ne!(other, carrier);
    assert_eq!(ends, 1, "a dial has failed");
    stage.until_right(10).await;
    killing.await.unwrap();
    stage.assert_all_is_told();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_two_lines_nothing_is_missing_and_no_book_is_invalid() {
    let Some(mut stage) = Stage::start([12, 13, 14], Redundancy::TwoLines, SYMBOLS).await else {
        return;
    };
    let carrier = stage.carrier().await;
    soon(async {
        while !matches!(
            stage.next().await.kind,
            FeedEventKind::LineUp { is_apart: true, .. }
        ) {}
    })
    .await;
    stage.until_right(10).await;
    let before = stage.audit.counts();
    let killing = stage.kill(carrier);
    let (mut last, mut longest, mut is_down) = (Instant::now(), Duration::ZERO, false);
    let end = Instant::now() + Duration::from_secs(4);
    while Instant::now() < end {
        let event = stage.next().await;
        assert!(
            !matches!(event.kind, FeedEventKind::Disconnected { .. }),
            "{event:?}"
        );
        is_down |= matches!(event.kind, FeedEventKind::LineDown { .. });
        longest = longest.max(last.elapsed());
        last = Instant::now();
    }
    killing.await.unwrap();
    println!("the longest pause between two events: {longest:?}");
    assert!(is_down, "no line has ended");
    stage.until_right(10).await;
    stage.assert_nothing_is_lost_since(before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_market_over_two_lines_loses_a_server_and_nothing_else() {
    let redundancy = Redundancy::TwoLines;
    let Some(mut stage) = Stage::start([15, 16, 17], redundancy, WHOLE_MARKET).await else {
        return;
    };
    let carriers = stage.until_live(redundancy).await;
    stage.until_right(5).await;
    stage.arrivals.take_apart();
    let (_, usual) = stage.watch(Duration::from_secs(3)).await;
    let apart = stage.arrivals.take_apart();
    let before = stage.audit.counts();
    let (carrier, _) = busiest(&carriers);
    let killing = stage.kill(carrier);
    let (told, ages) = stage.watch(Duration::from_secs(5)).await;
    killing.await.unwrap();
    println!(
        "trades were told after (99th percentile and longest) {:?} before and {:?} since; the lines were {:?} apart",
        worst(usual),
        worst(ages),
        worst(apart),
    );
    let is_down = |event: &FeedEventKind| matches!(event, FeedEventKind::LineDown { .. });
    assert!(told.iter().any(is_down), "no line has ended");
    let is_end = |event: &FeedEventKind| matches!(event, FeedEventKind::Disconnected { .. });
    assert!(!told.iter().any(is_end), "{told:?}");
    stage.until_right(5).await;
    stage.assert_nothing_is_lost_since(before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_market_over_one_line_goes_on_through_other_members_after_one_dial_each() {
    let redundancy = Redundancy::None;
    let Some(mut stage) = Stage::start([18, 19, 20], redundancy, WHOLE_MARKET).await else {
        return;
    };
    let carriers = stage.until_live(redundancy).await;
    stage.until_right(5).await;
    let (carrier, connections) = busiest(&carriers);
    let killing = stage.kill(carrier);
    let (mut ends, mut back, mut began_at) = (0, 0, None);
    while ends == 0 || back < ends {
        let event = stage.next().await;
        if let FeedEventKind::Disconnected { .. } = event.kind {
            ends += 1;
            began_at.get_or_insert_with(Instant::now);
        }
        if let Some(proxy) = proxy_of(&event) {
            back += 1;
            assert_ne!(proxy, carrier);
        }
    }
    println!(
        "{ends} connections through other members {:?} after the first end",
        began_at.unwrap().elapsed()
    );
    assert_eq!(ends, connections, "a dial has failed");
    stage.until_right(5).await;
    killing.await.unwrap();
    stage.assert_all_is_told();
}
