//! Changing a feed while it runs.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::Unavailable;
use super::resumption::Mark;
use super::status::{Board, FeedStatus};
use super::wanted::Wanted;
use crate::exchange::{Exchange, TradeId};
use crate::filter::SymbolFilter;
use crate::pattern::SymbolPattern;
use crate::subscription::Subscription;
use crate::symbol::Symbol;

/// Changes what a feed delivers while it runs, and tells its state. Clones are about the same feed.
///
/// Every change is only noted and returns at once; the feed makes it, without touching anything else,
/// and tells what comes of it as events. What is changed before the feed runs counts from its start.
#[derive(Clone)]
pub struct FeedHandle(Arc<Shared>);

/// What a feed and its handles share. Locks are held for a look only, never while anything is awaited.
pub(super) struct Shared {
    exchange: Arc<dyn Exchange>,
    wanted: Mutex<Wanted>,
    /// The last trades that are known from elsewhere, and have not been passed on.
    marks: Mutex<Vec<(Symbol, Mark)>>,
    is_ending: AtomicBool,
    pub(super) changed: Notify,
    /// What need not be made at once.
    pub(super) limited: Notify,
    pub(super) board: Arc<Mutex<Board>>,
}

impl FeedHandle {
    pub(super) fn new(exchange: Arc<dyn Exchange>, subscription: &Subscription) -> Self {
        Self(Arc::new(Shared {
            exchange,
            wanted: Mutex::new(Wanted::new(subscription)),
            marks: Mutex::default(),
            is_ending: AtomicBool::new(false),
            changed: Notify::new(),
            limited: Notify::new(),
            board: Arc::default(),
        }))
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }

    /// Has the feed deliver these symbols, too, or all that a pattern has. A symbol that is not trading is
    /// told as [`NotTrading`](crate::FeedEventKind::NotTrading), and looked for again.
    pub fn subscribe<S: Into<SymbolPattern>>(&self, symbols: impl IntoIterator<Item = S>) {
        let mut wanted = self.0.wanted.lock();
        for pattern in symbols {
            wanted.add(pattern.into());
        }
        drop(wanted);
        self.0.changed.notify_one();
    }

    /// Has the feed no longer deliver these symbols, or those that a pattern has, also if another pattern
    /// has them. When that is done, each is told as
    /// [`Unsubscribed`](crate::FeedEventKind::Unsubscribed).
    pub fn unsubscribe<S: Into<SymbolPattern>>(&self, symbols: impl IntoIterator<Item = S>) {
        let mut wanted = self.0.wanted.lock();
        for pattern in symbols {
            wanted.remove(pattern.into());
        }
        drop(wanted);
        self.0.changed.notify_one();
    }

    /// Has the feed deliver the symbols and channels of `subscription`, and no others. What is delivered
    /// already is not touched, books keep the depth that they have had from the start, and what the feed is
    /// [limited to](Self::limit_to) stays.
    ///
    /// # Errors
    /// [`Unavailable`] if the exchange does not have a channel of it. Nothing is changed then.
    pub fn replace(&self, subscription: &Subscription) -> Result<(), Unavailable> {
        Unavailable::check(&*self.0.exchange, subscription.channels())?;
        self.0.wanted.lock().replace(subscription);
        self.0.changed.notify_one();
        Ok(())
    }

    /// Of what it is asked for, now and later, has the feed deliver only the symbols that `filter` has, as one of
    /// several programs that share them. What is delivered already and what `filter` has is not touched.
    ///
    /// A symbol that `filter` lacks is as one that nobody has asked for. If it was delivered or missing, it is told
    /// as [`Unsubscribed`](crate::FeedEventKind::Unsubscribed); else nothing is told of it. If nothing is left, the
    /// feed goes on without a connection. While the feed runs, filters that come within a quarter of a second of
    /// each other are applied together, a second after the first at the latest.
    pub fn limit_to(&self, filter: SymbolFilter) {
        self.0.wanted.lock().limit_to(filter);
        self.0.limited.notify_one();
    }

    /// Has no trade be missing after the last one that is stored, as that of a program that has died: what is
    /// between it and the first trade that the feed has had is told as a
    /// [`TradeGap`](crate::FeedEventKind::TradeGap), asked for, and delivered as
    /// [`backfilled`](crate::Trade::backfilled) or told [lost](crate::FeedEventKind::TradesLost), as after a cut.
    ///
    /// `after` is the id of that trade, and `after_ns` its time at the exchange in nanoseconds since 1970, UTC.
    /// Kraken finds trades by their time only: without it, those are found that are among its newest.
    ///
    /// If the feed has had no trade of `symbol`, the first one shows what is missing. While none comes, the exchange
    /// is asked once. If `after` is among or behind what the feed has had, nothing happens; nor if `symbol` is
    /// not wanted, so it is to be [subscribed to](Self::subscribe) or [shared](Self::limit_to) before. Where ids
    /// have holes of their own ([`TradeIds::Growing`](crate::exchange::TradeIds::Growing)), what there is is
    /// delivered, and nothing is told to be missing; where they are no numbers, nothing happens.
    pub fn backfill(&self, symbol: Symbol, after: &TradeId, after_ns: Option<i64>) {
        let TradeId::Number(id) = *after else {
            return;
        };
        let mark = Mark {
            id,
            time_ns: after_ns,
        };
        self.0.marks.lock().push((symbol, mark));
        self.0.limited.notify_one();
    }

    /// Whether the feed is [limited](Self::limit_to): what it delivers is not all that it is asked for.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.0.wanted.lock().is_limited()
    }

    /// The state of the feed now.
    #[must_use]
    pub fn status(&self) -> FeedStatus {
        self.0.board.lock().status(self.0.exchange.id())
    }

    /// Has the feed end: everything is unsubscribed from, which is told, and each connection says
    /// farewell and has a second for the exchange's answer. Then [`Feed::run`](crate::Feed::run) returns.
    pub fn shutdown(&self) {
        self.0.is_ending.store(true, Ordering::Release);
        self.0.changed.notify_one();
    }
}

impl Shared {
    /// What is wanted now.
    pub(super) fn wanted(&self) -> Wanted {
        self.wanted.lock().clone()
    }

    /// The last trades that are known from elsewhere, for the first time.
    pub(super) fn take_marks(&self) -> Vec<(Symbol, Mark)> {
        std::mem::take(&mut *self.marks.lock())
    }

    /// Whether the feed shall end.
    pub(super) fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::Acquire)
    }
}

impl fmt::Debug for FeedHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeedHandle")
            .field("exchange", &self.0.exchange)
            .field("wanted", &*self.0.wanted.lock())
            .finish_non_exhaustive()
    }
}
