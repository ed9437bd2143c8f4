//! The feeds that run, and changing them.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::sync::Arc;

use ::status::Board;
use feeds::{
    EventQueue, ExchangeName, FeedHandle, FeedStatus, Subscription, Symbol, SymbolStatus, Trade,
    Unavailable,
};
use proxy_config::ExchangeId;
use proxy_injector::ProxyInjector;
use tokio::runtime::Handle;
use tokio::task::{Id, JoinSet};
use transport::ResponseLimits;

use super::share::Share;
use crate::configuration::ConfiguredFeed;
use crate::failure::Failure;

/// How many names of what has changed are logged.
const NAMES: usize = 10;

/// The feeds, by their exchanges.
#[derive(Debug)]
pub(super) struct Running {
    injector: Arc<ProxyInjector>,
    answers: ResponseLimits,
    queue: EventQueue,
    runtime: Handle,
    board: Option<Board>,
    /// What is streamed of it all, if others stream the rest.
    share: Option<Share>,
    tasks: JoinSet<Result<(), Unavailable>>,
    feeds: BTreeMap<ExchangeId, RunningFeed>,
    /// Those that have been told to end.
    ending: HashMap<Id, ExchangeId>,
    /// Those that start when the one before has ended: two at a time could not be told apart.
    waiting: BTreeMap<ExchangeId, ConfiguredFeed>,
}

#[derive(Debug)]
struct RunningFeed {
    configured: ConfiguredFeed,
    handle: FeedHandle,
    task: Id,
}

impl Running {
    /// No feed yet. Those to come run on the current runtime.
    pub(super) fn new(
        injector: Arc<ProxyInjector>,
        answers: ResponseLimits,
        queue: EventQueue,
        board: Option<Board>,
        share: Option<Share>,
    ) -> Self {
        Self {
            injector,
            answers,
            queue,
            runtime: Handle::current(),
            board,
            share,
            tasks: JoinSet::new(),
            feeds: BTreeMap::new(),
            ending: HashMap::new(),
            waiting: BTreeMap::new(),
        }
    }

    /// Starts `feed`, as soon as none of its exchange is ending.
    pub(super) fn start(&mut self, feed: ConfiguredFeed) {
        let id = feed.id.clone();
        if self.ending.values().any(|ending| *ending == id) {
            self.waiting.insert(id, feed);
            return;
        }
        let configured = feed.clone();
        let feed = feed.into_feed(&self.injector, self.answers);
        let handle = feed.handle();
        if let Some(share) = &self.share {
            handle.limit_to(share.of(configured.exchange.name().into()));
        }
        if let Some(board) = &self.board {
            board.watch(handle.clone());
        }
        let running = feed.run(self.queue.clone());
        let task = self.tasks.spawn_on(running, &self.runtime).id();
        self.feeds.insert(
            id,
            RunningFeed {
                configured,
                handle,
                task,
            },
        );
    }

    /// Streams what `share` has of it all.
    pub(super) fn limit_to(&mut self, share: Share) {
        for feed in self.feeds.values() {
            let exchange = feed.configured.exchange.name().into();
            feed.handle.limit_to(share.of(exchange));
        }
        self.share = Some(share);
    }

    /// Has no trade of a symbol be missing behind the one that is `stored`.
    pub(super) fn backfill(&self, exchange: &ExchangeName, symbol: Symbol, stored: &Trade) {
        let mut feeds = self.feeds.values();
        let feed = feeds.find(|feed| *exchange == *feed.configured.exchange.name());
        if let (Some(feed), Some(id)) = (feed, &stored.id) {
            feed.handle.backfill(symbol, id, stored.timestamp_ns);
        }
    }

    /// The states of all feeds.
    pub(super) fn statuses(&self) -> Vec<FeedStatus> {
        let feeds = self.feeds.values();
        feeds.map(|feed| feed.handle.status()).collect()
    }

    fn stop(&mut self, id: &ExchangeId) {
        self.waiting.remove(id);
        if let Some(feed) = self.feeds.remove(id) {
            feed.handle.shutdown();
            if let Some(board) = &self.board {
                board.forget(feed.configured.exchange.name());
            }
            self.ending.insert(feed.task, id.clone());
        }
    }

    //     a feed             what is done
    //     is new             it starts
    //     is gone            it ends: all of its symbols are told as unsubscribed
    //     has other URLs     it ends, and another starts
    //     or another depth
    //     or redundancy
    //     has other symbols  they are added and removed on its connections
    //     or channels
    //     is the same        nothing
    /// Runs `feeds`, and no others.
    pub(super) fn change(&mut self, feeds: Vec<ConfiguredFeed>) {
        let is_gone = |id: &&ExchangeId| !feeds.iter().any(|feed| feed.id == **id);
        let known = self.feeds.keys().chain(self.waiting.keys());
        let gone: Vec<_> = known.filter(is_gone).cloned().collect();
        for exchange in gone {
            self.stop(&exchange);
            tracing::info!(%exchange, "feed removed");
        }
        for feed in feeds {
            let exchange = feed.id.clone();
            match self.feeds.get_mut(&exchange) {
                Some(running) if running.configured == feed => {}
                Some(running) if running.is_alike(&feed) => {
                    running.change(feed);
                }
                Some(_) => {
                    self.stop(&exchange);
                    self.start(feed);
                    tracing::info!(%exchange, "feed restarts: it has other addresses, another depth or another redundancy");
                }
                None => {
                    self.start(feed);
                    tracing::info!(%exchange, "feed added");
                }
            }
        }
    }

    /// Ends when a feed has ended that was told to, or fails when another has: none must as long as its
    /// events are received.
    pub(super) async fn ended(&mut self) -> Result<(), Failure> {
        let Some(ended) = self.tasks.join_next_with_id().await else {
            return std::future::pending().await;
        };
        let (id, failure) = match ended {
            Ok((id, Ok(()))) => (id, None),
            Ok((_, Err(Unavailable::Behind { exchange }))) => {
                return Err(Failure::Behind {
                    exchange,
                    events: 0,
                });
            }
            Ok((id, Err(unavailable))) => (id, Some(unavailable.to_string())),
            Err(error) => (error.id(), Some(error.to_string())),
        };
        match (self.ending.remove(&id), failure) {
            (Some(exchange), None) => {
                if let Some(next) = self.waiting.remove(&exchange) {
                    self.start(next);
                }
                Ok(())
            }
            (_, failure) => {
                let cause = failure.unwrap_or_else(|| "a feed ended unexpectedly".to_owned());
                Err(Failure::runtime("keep the feeds running", cause))
            }
        }
    }

    /// Waits until all feeds have ended.
    pub(super) async fn all_ended(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }

    /// Fails if every list has come, nothing that is named is trading, and there is neither a pattern nor a filter.
    //
    // Nobody knows whether a name will ever be listed. But where none at all is, they are misspelt as a rule.
    pub(super) fn check_symbols(&self) -> Result<(), Failure> {
        let mut problems = Vec::new();
        for (id, feed) in &self.feeds {
            let status = feed.handle.status();
            let mut symbols = feed.configured.subscription.symbols().iter();
            let has_pattern = symbols.any(|it| it.symbol().is_none());
            let is_trading = |it: &SymbolStatus| it.is_trading;
            // Of one share of many symbols, nobody knows what it will have.
            let may_have_more = has_pattern || feed.handle.is_limited();
            if !status.is_listed || may_have_more || status.symbols.iter().any(is_trading) {
                return Ok(());
            }
            let problem = |it: &SymbolStatus| {
                let known = match it.nearest.as_slice() {
                    [] => String::new(),
                    [nearest] => format!("; the nearest known is {nearest}"),
                    nearest => format!("; the nearest known are {}", list(nearest)),
                };
                let symbol = &it.symbol;
                format!("feeds.{id}.symbols: symbol {symbol} is unknown or not trading{known}")
            };
            problems.extend(status.symbols.iter().map(problem));
        }
        Err(Failure::Configuration(problems))
    }
}

impl RunningFeed {
    /// Whether the two differ in symbols and channels at most.
    fn is_alike(&self, feed: &ConfiguredFeed) -> bool {
        let configured = &self.configured;
        configured.exchange == feed.exchange
            && configured.subscription.depth() == feed.subscription.depth()
            && configured.backpressure == feed.backpressure
            && configured.redundancy == feed.redundancy
    }

    /// Streams what `feed` says, without touching what it has been saying.
    fn change(&mut self, feed: ConfiguredFeed) {
        let exchange = &feed.id;
        if let Err(error) = self.handle.replace(&feed.subscription) {
            let problem = error.to_string();
            tracing::error!(%exchange, problem, "feed not changed");
            return;
        }
        let (old, new) = (&self.configured.subscription, &feed.subscription);
        let symbols = Subscription::symbols;
        let channels = |it: &Subscription| it.channels().iter().copied().collect::<Vec<_>>();
        tracing::info!(
            %exchange,
            symbols_added = names(symbols(new), symbols(old)),
            symbols_removed = names(symbols(old), symbols(new)),
            channels_added = names(&channels(new), &channels(old)),
            channels_removed = names(&channels(old), &channels(new)),
            "feed changes"
        );
        self.configured = feed;
    }
}

/// How many of `these` are not among `those`, and the first of them.
fn names<T: Display + PartialEq>(these: &[T], those: &[T]) -> String {
    let mut names = these.iter().filter(|it| !those.contains(it));
    let first: Vec<_> = names.by_ref().take(NAMES).map(T::to_string).collect();
    let count = first.len() + names.count();
    match (first.len(), count) {
        (0, _) => "0".to_owned(),
        (shown, count) if shown < count => format!("{count}: {}, ...", first.join(", ")),
        _ => format!("{count}: {}", first.join(", ")),
    }
}

fn list<T: Display>(items: &[T]) -> String {
    let items: Vec<_> = items.iter().map(T::to_string).collect();
    items.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_counted_and_the_first_are_shown() {
        assert_eq!(names(&[1, 2], &[2, 1]), "0");
        assert_eq!(names(&[1, 2, 3], &[2]), "2: 1, 3");
        let many: Vec<_> = (0..1500).collect();
        assert_eq!(
            names(&many, &[0]),
            "1499: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ..."
        );
    }
}
