//! Runs a codec over the transports.

mod backfill;
mod backoff;
mod books;
mod changes;
mod connection;
mod connections;
mod convert;
mod event_sender;
mod failure;
mod handle;
mod intake;
mod lines;
mod listing;
mod liveness;
mod outgoing;
mod pacing;
mod permits;
mod pulse;
mod redundancy;
mod request_queue;
mod requests;
mod rest;
mod resumption;
mod retries;
mod second_line;
mod session;
mod settling;
mod standby;
mod status;
mod successor;
mod supervisor;
mod tickers;
mod trade_intake;
mod trades;
mod wait;
mod wanted;
mod watch;
mod words;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use transport::{HttpTransport, WsDialer};

pub use self::handle::FeedHandle;
pub use self::redundancy::Redundancy;
pub use self::status::{
    BookStatus, ChannelStatus, ConnectionStatus, FeedStatus, OutageStatus, SymbolStatus,
};

use self::connections::{Connections, Source};
use self::event_sender::EventSender;
use self::listing::Listing;
use self::pulse::Pulse;
use self::rest::Rest;
use self::session::Session;
use self::supervisor::Supervisor;
use crate::channel::Channel;
use crate::exchange::Exchange;
use crate::queue::{Backpressure, EventQueue};
use crate::subscription::Subscription;

/// How long a book must last for what failed before it to be forgotten.
// What lasts for less gets a deeper snapshot. What lasts for as long may be renewed for ever.
const HEALTHY_AFTER: Duration = Duration::from_secs(10);

/// How long after one connection the next one is begun: all at once would be a burst of handshakes.
const STAGGER: Duration = Duration::from_millis(200);

/// The market data of one exchange: what is subscribed to, and the transports to use.
///
/// Everything goes through the two transports: the list of instruments and the snapshots of books
/// through the one, the streams through the other. For every connection and every reconnect the
/// [`WsDialer`] is asked anew, so it decides about the route each time.
pub struct Feed {
    exchange: Arc<dyn Exchange>,
    subscription: Subscription,
    rest: Arc<Rest>,
    ws: Arc<dyn WsDialer>,
    silence_limit: Duration,
    backpressure: Backpressure,
    redundancy: Redundancy,
    handle: FeedHandle,
}

impl Feed {
    /// A feed of `subscription` from `exchange`.
    #[must_use]
    pub fn new(
        exchange: Arc<dyn Exchange>,
        subscription: Subscription,
        http: Arc<dyn HttpTransport>,
        ws: Arc<dyn WsDialer>,
    ) -> Self {
        Self {
            silence_limit: exchange.limits().silence,
            rest: Arc::new(Rest::new(Arc::clone(&exchange), http)),
            handle: FeedHandle::new(Arc::clone(&exchange), &subscription),
            exchange,
            subscription,
            ws,
            backpressure: Backpressure::default(),
            redundancy: Redundancy::default(),
        }
    }

    /// The same feed, with another limit for how long a connection may be silent, without even a
    /// ping, until it counts as lost. The default is the
    /// exchange's, from its [`limits`](Exchange::limits).
    #[must_use]
    pub fn with_silence_limit(mut self, limit: Duration) -> Self {
        self.silence_limit = limit;
        self
    }

    /// The same feed, with another answer to a subscriber that is behind. The default is
    /// [`Backpressure::Slow`].
    #[must_use]
    pub fn with_backpressure(mut self, backpressure: Backpressure) -> Self {
        self.backpressure = backpressure;
        self
    }

    /// The same feed, with so many connections that carry the same. One is the default.
    #[must_use]
    pub fn with_redundancy(mut self, redundancy: Redundancy) -> Self {
        self.redundancy = redundancy;
        self
    }

    /// What changes the feed while it runs, and tells its state.
    #[must_use]
    pub fn handle(&self) -> FeedHandle {
        self.handle.clone()
    }

    /// Streams into `events` until their receiver is dropped, [`FeedHandle::shutdown`] is called, or this
    /// future is dropped.
    ///
    /// Whatever fails is tried again, with a growing delay, and told as an event; exchanges that close
    /// connections from time to time are no reason to end. A subscription of more streams than one
    /// connection may carry is spread over several.
    ///
    /// A symbol that is not trading stops nothing else: it is told as
    /// [`NotTrading`](crate::FeedEventKind::NotTrading), once, and streamed as soon as it is. The list of
    /// what is trading is loaded every five minutes, and sooner while something in it is missing. What has
    /// left it counts as not trading when two lists in a row, 30 seconds apart, do not have it and nothing
    /// has come of it in between. A list of less than half as many as the one before is not believed.
    ///
    /// Memory is bounded by the [limits](crate::QueueLimits) of the queue. What happens when a subscriber is
    /// behind is [to be chosen](Self::with_backpressure): by default it holds up the reading of the socket,
    /// and so the exchange. One that is behind for too long is disconnected by the exchange, which shows as
    /// an event, as does the new beginning after it.
    ///
    /// # Cancellation
    /// When the receiver is dropped or closed, each connection says farewell and has a second for the
    /// exchange's answer, and then this ends. If the future is dropped, the farewell is said without
    /// waiting for an answer.
    ///
    /// # Errors
    /// [`Unavailable`] if the exchange does not have a channel that is subscribed to. Nothing has been
    /// streamed then. Or if the subscriber is behind, and the feed was to [stop](Backpressure::Stop) then.
    pub async fn run(self, events: EventQueue) -> Result<(), Unavailable> {
        Unavailable::check(&*self.exchange, self.subscription.channels())?;
        let (shared, id) = (Arc::clone(self.handle.shared()), self.exchange.id());
        let events = EventSender::new(id, events, Arc::clone(&shared.board), self.backpressure);
        let (starts, started) = mpsc::unbounded_channel();
        let listing = Listing::new(Arc::clone(&self.exchange), Arc::clone(&self.rest));
        let (exchange, rest) = (Arc::clone(&self.exchange), Arc::clone(&self.rest));
        let source = Source {
            exchange: self.exchange,
            pulse: Arc::new(Pulse::new(exchange, rest)),
            rest: self.rest,
            ws: self.ws,
            silence_limit: self.silence_limit,
            redundancy: self.redundancy,
            depth: self.subscription.depth(),
        };
        let connections = Connections::new(source, Arc::clone(&shared), events.clone(), starts);
        let supervisor = Supervisor::new(shared, events.clone(), listing, connections);
        // Side by side: each waits for room in the queue, and who gets it must be able to take it.
        tokio::join!(supervisor.run(), run_all(started));
        match events.is_behind() {
            true => Err(Unavailable::Behind { exchange: id }),
            false => Ok(()),
        }
    }
}

/// Runs the sessions that come out of `started`, until there are no more and all have ended.
async fn run_all(mut started: mpsc::UnboundedReceiver<Session>) {
    let mut sessions = FuturesUnordered::new();
    let mut next = Instant::now();
    let mut is_over = false;
    while !(is_over && sessions.is_empty()) {
        let start = async {
            // At the end, nothing is opened.
            if !started.is_closed() {
                sleep_until(next).await;
            }
            started.recv().await
        };
        tokio::select! {
            session = start, if !is_over => match session {
                Some(session) => {
                    next = Instant::now() + STAGGER;
                    sessions.push(session.run());
                }
                None => is_over = true,
            },
            Some(()) = sessions.next() => {}
        }
    }
}

/// Why a feed has ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// A channel that the exchange does not have.
    #[error("{exchange} has no channel {channel}")]
    Channel {
        /// The exchange.
        exchange: &'static str,
        /// The channel.
        channel: Channel,
    },
    /// The subscriber is behind, and the feed was to [stop](Backpressure::Stop) then.
    #[error("{exchange} sends more than is taken")]
    Behind {
        /// The exchange.
        exchange: &'static str,
    },
}

impl Unavailable {
    /// Looks for a channel that `exchange` does not have.
    fn check(exchange: &dyn Exchange, channels: &BTreeSet<Channel>) -> Result<(), Self> {
        let offered = exchange.channels();
        match channels.iter().find(|channel| !offered.contains(channel)) {
            Some(channel) => Err(Self::Channel {
                exchange: exchange.id(),
                channel: *channel,
            }),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed")
            .field("exchange", &self.exchange)
            .field("subscription", &self.subscription)
            .field("silence_limit", &self.silence_limit)
            .finish_non_exhaustive()
    }
}
