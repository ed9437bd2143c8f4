//! Running feeds and their events.

mod running;
mod share;

use std::sync::Arc;

use ::status::Board;
use feeds::{
    Events, ExchangeName, FeedEvent, FeedEventKind, FeedStatus, QueueLimits, Symbol, Trade,
    event_queue,
};
use proxy_injector::ProxyInjector;
use tokio::time::{Instant, timeout_at};
use transport::ResponseLimits;

use self::running::Running;
pub(crate) use self::share::Share;
use crate::configuration::ConfiguredFeed;
use crate::failure::Failure;

/// The most events of one batch.
const BATCH: usize = 1024;

/// Feeds, which run until this is dropped.
#[derive(Debug)]
pub(crate) struct Streams {
    events: Events,
    /// Events that have come out of it. Their memory is used again.
    batch: Vec<FeedEvent>,
    /// How many of these have been [taken](Self::take).
    taken: usize,
    is_closed: bool,
    feeds: Running,
    outlook: Outlook,
}

/// Whether anything can be streamed at all, as far as that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outlook {
    Unknown,
    /// A symbol is not trading. Perhaps none is.
    Doubtful,
    /// There has been a connection.
    Good,
}

impl Streams {
    /// Starts `feeds` over the transports of `injector`. What waits to be taken has the limits `memory`, and
    /// answers to REST requests have the limits `answers`. A `board` knows each of them. Of a `share`, only
    /// its symbols are streamed.
    pub(crate) fn start(
        injector: &Arc<ProxyInjector>,
        feeds: Vec<ConfiguredFeed>,
        memory: QueueLimits,
        answers: ResponseLimits,
        board: Option<Board>,
        share: Option<Share>,
    ) -> Self {
        let (queue, events) = event_queue(memory);
        let mut running = Running::new(Arc::clone(injector), answers, queue, board, share);
        for feed in feeds {
            running.start(feed);
        }
        Self {
            events,
            batch: Vec::with_capacity(BATCH),
            taken: 0,
            is_closed: false,
            feeds: running,
            outlook: Outlook::Unknown,
        }
    }

    /// Runs `feeds`, and no others. What is the same as before is not touched.
    pub(crate) fn change(&mut self, feeds: Vec<ConfiguredFeed>) {
        self.feeds.change(feeds);
    }

    /// Streams what `share` has of it all.
    pub(crate) fn limit_to(&mut self, share: Share) {
        self.feeds.limit_to(share);
    }

    /// Has no trade of a symbol be missing behind the one that is `stored`.
    pub(crate) fn backfill(&self, exchange: &ExchangeName, symbol: Symbol, stored: &Trade) {
        self.feeds.backfill(exchange, symbol, stored);
    }

    /// The states of all feeds.
    pub(crate) fn statuses(&self) -> Vec<FeedStatus> {
        self.feeds.statuses()
    }

    /// Waits until there is an event to take.
    ///
    /// # Errors
    /// [`Failure::Configuration`] if the lists of all exchanges have come, and none of the symbols is
    /// trading.
    pub(crate) async fn arrived(&mut self) -> Result<(), Failure> {
        while self.untaken() == 0 {
            if self.outlook == Outlook::Doubtful {
                self.outlook = Outlook::Unknown;
                self.feeds.check_symbols()?;
            }
            self.forget_taken();
            tokio::select! {
                _ = self.events.recv_many(&mut self.batch, BATCH) => {}
                ended = self.feeds.ended() => ended?,
            }
        }
        Ok(())
    }

    /// Waits until a feed fails.
    pub(crate) async fn failed(&mut self) -> Failure {
        // Those that are told to end do not fail.
        if self.is_closed {
            std::future::pending::<()>().await;
        }
        loop {
            if let Err(failure) = self.feeds.ended().await {
                return failure;
            }
        }
    }

    /// The next of the events that have arrived.
    pub(crate) fn take(&mut self) -> Option<&mut FeedEvent> {
        if self.untaken() == 0 {
            self.forget_taken();
        }
        let event = self.batch.get_mut(self.taken)?;
        self.taken += 1;
        match event.kind {
            FeedEventKind::Connected { .. } => self.outlook = Outlook::Good,
            FeedEventKind::NotTrading { .. } if self.outlook == Outlook::Unknown => {
                self.outlook = Outlook::Doubtful;
            }
            _ => {}
        }
        Some(event)
    }

    fn forget_taken(&mut self) {
        self.batch.clear();
        self.taken = 0;
    }

    fn untaken(&self) -> usize {
        self.batch.len() - self.taken
    }

    /// How many events wait to be taken.
    pub(crate) fn waiting(&self) -> usize {
        self.untaken() + self.events.len()
    }

    /// Tells the feeds to end.
    pub(crate) fn close(&mut self) {
        self.is_closed = true;
        self.events.close();
    }

    /// The next of the events that waited when the feeds were told to end.
    pub(crate) async fn take_rest(&mut self) -> Option<&mut FeedEvent> {
        if self.untaken() == 0 && !self.events.is_empty() {
            self.forget_taken();
            self.events.recv_many(&mut self.batch, BATCH).await;
        }
        self.take()
    }

    /// Waits until `end` for the feeds, which say farewell to their exchanges when they are told to end.
    pub(crate) async fn leave(&mut self, end: Instant) {
        // A feed that takes longer is dropped.
        let _ = timeout_at(end, self.feeds.all_ended()).await;
    }
}
