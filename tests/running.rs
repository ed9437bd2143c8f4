//! A feed that runs while a test looks on.

use std::collections::BTreeSet;
use std::sync::Arc;

use feeds::{
    Backpack, Binance, Channel, Events, Feed, FeedEventKind, QueueLimits, Subscription, Symbol,
    event_queue,
};
use tokio::task::JoinSet;

use crate::world::{BINANCE, Injected, World, soon};

/// A running feed.
pub(crate) struct Running {
    events: Events,
    _tasks: JoinSet<()>,
}

impl Running {
    pub(crate) fn start(world: &World, injected: &Injected, name: &str, symbols: &[&str]) -> Self {
        let (rest, ws) = (world.rest_url(name), world.ws_url(name));
        let symbols = symbols.iter().map(|symbol| Symbol::parse(symbol).unwrap());
        let channels = [Channel::Trades, Channel::Ticker, Channel::L2Book];
        let subscription = Subscription::new(symbols, channels).unwrap();
        let scope = injected.exchange(name.trim_end_matches(".test"));
        let (http, dialer) = (Arc::new(scope.http()), Arc::new(scope.websocket()));
        let feed = match name {
            BINANCE => Feed::new(
                Arc::new(Binance::new(&rest, &ws).unwrap()),
                subscription,
                http,
                dialer,
            ),
            _ => Feed::new(
                Arc::new(Backpack::new(&rest, &ws).unwrap()),
                subscription,
                http,
                dialer,
            ),
        };
        Self::of(feed)
    }

    pub(crate) fn of(feed: Feed) -> Self {
        let (queue, events) = event_queue(QueueLimits::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { feed.run(queue).await.unwrap() });
        Self {
            events,
            _tasks: tasks,
        }
    }

    /// The next event, however long that takes.
    pub(crate) async fn next(&mut self) -> FeedEventKind {
        let event = self.events.recv().await;
        event.expect("a feed does not end").kind
    }

    pub(crate) async fn until(
        &mut self,
        mut condition: impl FnMut(&FeedEventKind) -> bool,
    ) -> FeedEventKind {
        soon(async {
            loop {
                let event = self.next().await;
                if condition(&event) {
                    return event;
                }
            }
        })
        .await
    }

    /// Waits until every channel has delivered, the book with a snapshot and a delta.
    pub(crate) async fn until_everything_flows(&mut self) {
        let mut missing = BTreeSet::from(["trade", "ticker", "snapshot", "delta"]);
        self.until(|event| {
            missing.remove(match event {
                FeedEventKind::Trade(_) => "trade",
                FeedEventKind::Ticker(_) => "ticker",
                FeedEventKind::L2Snapshot(_) => "snapshot",
                FeedEventKind::L2Delta(_) => "delta",
                _ => "",
            });
            missing.is_empty()
        })
        .await;
    }
}
