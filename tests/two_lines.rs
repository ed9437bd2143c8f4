//! Feeds over two connections at once, through two members of a pool, of which one dies.

use std::sync::Arc;
use std::time::Duration;

use feeds::audit::Audit;
use feeds::{
    Channel, EXCHANGES, Events, Feed, FeedEvent, FeedEventKind, QueueLimits, Redundancy,
    Registration, Subscription, Symbol, event_queue,
};
use futures_util::future::join_all;
use proxy_config::{ConnectionProxies, PoolConfig, PoolMember, ProxySettings};
use testkit::mock::MarketKind;
use testkit::{MockExchange, MockProxy};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::world::{World, config, soon};

/// A feed of one exchange over two lines, and what is found of it.
struct Watched {
    mock: MockExchange,
    events: Events,
    audit: Audit,
    symbols: Vec<(Symbol, String)>,
    /// Connections that were lost without another one.
    disconnected: usize,
    _tasks: JoinSet<()>,
}

impl Watched {
    async fn start(world: &World, registration: &Registration, members: [&MockProxy; 2]) -> Self {
        let mock = (registration.mock)().start().await.unwrap();
        let members = members.map(|proxy| PoolMember::new(config(proxy).server().clone()));
        let pool = PoolConfig::new(members).unwrap();
        let settings = ProxySettings::enabled().with_default(ConnectionProxies::both(pool));
        let scope = world.injector(settings).exchange(registration.id);
        let exchange = (registration.at)(&mock.rest_url(), &mock.ws_url()).unwrap();
        let instruments = mock.market().instruments().into_iter();
        let traded = instruments.filter(|it| it.open && it.kind == MarketKind::Spot);
        let symbols = traded.map(|it| (it.pair().parse().unwrap(), it.symbol.clone()));
        let symbols: Vec<_> = symbols.take(2).collect();
        let names = symbols
            .iter()
            .map(|(symbol, _): &(Symbol, _)| symbol.clone());
        let channels = [Channel::Trades, Channel::Ticker, Channel::L2Book];
        let audit = Audit::new(exchange.rules().trades);
        let feed = Feed::new(
            exchange,
            Subscription::new(names, channels).unwrap(),
            Arc::new(scope.http()),
            Arc::new(scope.websocket()),
        );
        let (queue, events) = event_queue(QueueLimits::default());
        let mut tasks = JoinSet::new();
        let feed = feed.with_redundancy(Redundancy::TwoLines);
        tasks.spawn(async move { feed.run(queue).await.unwrap() });
        Self {
            mock,
            events,
            audit,
            symbols,
            disconnected: 0,
            _tasks: tasks,
        }
    }

    async fn next(&mut self) -> FeedEvent {
        let event = self.events.recv().await.unwrap();
        self.audit.take(&event);
        if matches!(event.kind, FeedEventKind::Disconnected { .. }) {
            self.disconnected += 1;
        }
        for (symbol, name) in &self.symbols {
            self.audit.look(self.mock.market(), symbol, name);
        }
        event
    }

    /// Waits for an event that `wanted` takes.
    async fn find<T>(&mut self, wanted: impl Fn(&FeedEvent) -> Option<T>) -> T {
        soon(async {
            loop {
                let event = self.next().await;
                if let Some(found) = wanted(&event) {
                    return found;
                }
            }
        })
        .await
    }

    /// Reads on for so long.
    async fn read_for(&mut self, span: Duration) {
        let end = Instant::now() + span;
        loop {
            tokio::select! {
                _ = self.next() => {}
                () = sleep(end - Instant::now()) => break,
            }
        }
    }
}

fn proxies_of_line(event: &FeedEvent) -> Option<Vec<String>> {
    match &event.kind {
        FeedEventKind::LineUp { proxies, is_apart } => {
            assert!(is_apart, "{event:?}");
            Some(proxies.clone())
        }
        _ => None,
    }
}

async fn one_dies_and_then_the_other(registration: &Registration) {
    let world = World::start().await;
    let [a, b] = world.two_proxies().await;
    let mut feed = Watched::start(&world, registration, [&a, &b]).await;
    let of = |proxies: &[String]| match proxies == [a.address().to_string()] {
        true => &a,
        false => &b,
    };
    let first = feed.find(|event| match &event.kind {
        FeedEventKind::Connected { proxies, .. } => Some(proxies.clone()),
        _ => None,
    });
    let mut leading = first.await;
    let mut second = feed.find(proxies_of_line).await;
    for _ in 0..2 {
        assert_ne!(leading, second);
        feed.read_for(Duration::from_millis(500)).await;
        of(&leading).stop().await;
        let down = |event: &FeedEvent| match event.kind {
            FeedEventKind::LineDown { .. } => Some(()),
            _ => None,
        };
        feed.find(down).await;
        of(&leading).restart().await.unwrap();
        let up = feed.find(proxies_of_line).await;
        (leading, second) = (second, up);
    }
    feed.read_for(Duration::from_millis(500)).await;
    let (id, counts) = (registration.id, feed.audit.counts());
    assert_eq!(feed.audit.findings(), [""; 0], "{id}");
    assert_eq!(counts.invalid_books, 0, "{id}");
    assert_eq!(
        (counts.missing, counts.backfilled, counts.lost),
        (0, 0, 0),
        "{id}"
    );
    assert_eq!(feed.disconnected, 0, "{id}");
    assert!(
        counts.trades > 100 && counts.true_books > 20,
        "{id}: {counts:?}"
    );
    for (symbol, _) in &feed.symbols {
        assert_eq!(feed.audit.untold(symbol), [], "{id} {symbol}");
    }
}

#[tokio::test]
async fn when_the_proxy_of_one_line_dies_no_trade_is_missing_and_no_book_is_invalid() {
    // Side by side: most of the time is spent waiting for lines.
    join_all(EXCHANGES.iter().map(one_dies_and_then_the_other)).await;
}
