//! Runs a codec over the transports.

mod backfill;
mod backoff;
mod books;
mod connection;
mod convert;
mod event_sender;
mod failure;
mod intake;
mod liveness;
mod outgoing;
mod pacing;
mod pulse;
mod request_queue;
mod requests;
mod rest;
mod retries;
mod session;
mod successor;
mod tickers;
mod trade_intake;
mod trades;
mod wait;
mod watch;
mod words;

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use transport::{HttpTransport, WsDialer};

use self::backfill::Backfill;
use self::backoff::Backoff;
use self::books::Books;
use self::event_sender::{EventSender, Stopped};
use self::failure::Failure;
use self::pacing::Pacing;
use self::pulse::Pulse;
use self::rest::Rest;
use self::retries::Retries;
use self::session::Session;
use self::successor::Successor;
use self::tickers::Tickers;
use self::trades::Trades;
use self::wait::wait;
use self::watch::Watch;
use crate::channel::Channel;
use crate::event::FeedEventKind;
use crate::exchange::{Exchange, Limits, RequestIds, Stream};
use crate::instruments::{Instrument, Instruments, UnknownSymbol};
use crate::queue::EventQueue;
use crate::subscription::Subscription;

/// How long a book must last for what failed before it to be forgotten.
const HEALTHY_AFTER: Duration = Duration::from_secs(30);

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
            exchange,
            subscription,
            ws,
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

    /// Streams into `events` until their receiver is dropped, or this future is.
    ///
    /// Whatever fails is tried again, with a growing delay, and told as an event; exchanges that close
    /// connections from time to time are no reason to end. A subscription of more streams than one
    /// connection may carry is spread over several.
    ///
    /// Memory is bounded by the [limits](crate::QueueLimits) of the queue: a subscriber that is behind holds
    /// up the reading of the socket, and so the exchange. One that is behind for too long is disconnected by the exchange, which shows as an
    /// event, as does the new beginning after it.
    ///
    /// # Cancellation
    /// When the receiver is dropped or closed, each connection says farewell and has a second for the
    /// exchange's answer, and then this ends. If the future is dropped, the farewell is said without
    /// waiting for an answer.
    ///
    /// # Errors
    /// [`Unavailable`] if something is subscribed to that the exchange does not have: a channel, or a
    /// symbol that it does not list as trading when the feed starts. Nothing has been streamed then.
    pub async fn run(self, events: EventQueue) -> Result<(), Unavailable> {
        self.check_channels()?;
        let events = EventSender::new(self.exchange.id(), events);
        let listed = tokio::select! {
            listed = self.load_instruments(&events) => listed,
            () = events.closed() => Err(Stopped),
        };
        let Ok(listed) = listed else {
            return Ok(());
        };
        let chosen = listed.select(self.subscription.symbols())?;
        // Thousands of instruments, of which a feed needs a few.
        drop(listed);
        let (exchange, rest) = (Arc::clone(&self.exchange), Arc::clone(&self.rest));
        let pulse = Arc::new(Pulse::new(exchange, rest, &chosen));
        let sessions = self
            .connections(&chosen)
            .into_iter()
            .map(|chosen| self.session(chosen, &events, &pulse).run());
        join_all(sessions).await;
        Ok(())
    }

    fn check_channels(&self) -> Result<(), Unavailable> {
        let offered = self.exchange.channels();
        let mut channels = self.subscription.channels().iter();
        match channels.find(|channel| !offered.contains(channel)) {
            Some(channel) => Err(Unavailable::Channel {
                exchange: self.exchange.id(),
                channel: *channel,
            }),
            None => Ok(()),
        }
    }

    /// The instruments of each connection, as the limits of the exchange want it.
    fn connections<'a>(&self, chosen: &'a [Instrument]) -> Vec<&'a [Instrument]> {
        let mut parts: Vec<_> = chosen.chunks(self.symbols_per_connection()).rev().collect();
        let mut connections = Vec::new();
        while let Some(part) = parts.pop() {
            if part.len() > 1 && self.is_url_too_long(part) {
                let (first, second) = part.split_at(part.len() / 2);
                parts.extend([second, first]);
            } else {
                connections.push(part);
            }
        }
        connections
    }

    fn is_url_too_long(&self, chosen: &[Instrument]) -> bool {
        let Some(limit) = self.exchange.limits().url else {
            return false;
        };
        let plan = self
            .exchange
            .plan(&self.streams(chosen), &mut RequestIds::default());
        plan.is_ok_and(|plan| {
            let path = plan.socket.uri().path_and_query();
            path.is_some_and(|path| path.as_str().len() > limit)
        })
    }

    /// All channels of each of `chosen`, symbol by symbol.
    fn streams(&self, chosen: &[Instrument]) -> Vec<Stream> {
        let channels = self.subscription.channels();
        let of = |instrument: &Instrument| {
            let instrument = instrument.clone();
            channels.iter().map(move |channel| Stream {
                instrument: instrument.clone(),
                channel: *channel,
            })
        };
        chosen.iter().flat_map(of).collect()
    }

    /// How many symbols one connection carries. All channels of a symbol stay on one connection, in
    /// one order, as far as the exchange keeps one.
    fn symbols_per_connection(&self) -> usize {
        let Limits {
            streams, symbols, ..
        } = self.exchange.limits();
        let channels = self.subscription.channels().len();
        let number = |limit: u32| usize::try_from(limit).unwrap_or(usize::MAX);
        let by_streams = streams.map(|streams| number(streams) / channels);
        let by_symbols = symbols.map(number);
        let least = by_streams.into_iter().chain(by_symbols).min();
        least.map_or(usize::MAX, |symbols| symbols.max(1))
    }

    async fn load_instruments(&self, events: &EventSender) -> Result<Instruments, Stopped> {
        let mut backoff = Backoff::new();
        loop {
            let mut reloads = self.rest.reloads();
            let failure = match self.try_load_instruments().await {
                Ok(instruments) => return Ok(instruments),
                Err(failure) => failure,
            };
            let retry_in = backoff.delay_after(&failure);
            events.send_blocked(&failure).await?;
            let disconnected = FeedEventKind::Disconnected {
                reason: format!("no list of instruments: {}", failure.reason),
                retry_in,
                attempt: backoff.attempt(),
                planned: false,
            };
            events.send_now(disconnected).await?;
            if wait(retry_in, failure.imposed(), &mut reloads).await {
                backoff.reset();
            }
        }
    }

    async fn try_load_instruments(&self) -> Result<Instruments, Failure> {
        let request = self.exchange.metadata_request()?;
        let read = |body: &[u8]| self.exchange.parse_metadata(body);
        let instruments = self.rest.fetch(request, read).await?;
        if instruments.is_empty() {
            // Maintenance, not a mistake in the subscription.
            return Err(Failure::new("nothing is trading"));
        }
        Ok(instruments)
    }

    fn session(&self, chosen: &[Instrument], events: &EventSender, pulse: &Arc<Pulse>) -> Session {
        let channels = self.subscription.channels();
        let with_books = if channels.contains(&Channel::L2Book) {
            chosen
        } else {
            &[]
        };
        let (exchange, rest) = (Arc::clone(&self.exchange), Arc::clone(&self.rest));
        let events = events.for_other_connections();
        let streams = self.streams(chosen);
        Session {
            exchange: Arc::clone(&self.exchange),
            ws: Arc::clone(&self.ws),
            silence_limit: self.silence_limit,
            watch: Watch::new(Arc::clone(pulse), events.clone(), &streams),
            streams,
            instruments: chosen.iter().cloned().collect(),
            backfill: Backfill::new(Arc::clone(&exchange), Arc::clone(&rest)),
            books: Books::new(
                exchange,
                rest,
                events.clone(),
                with_books,
                self.subscription.depth(),
            ),
            events,
            trades: Trades::new(self.exchange.rules().trades),
            tickers: Tickers::default(),
            without_time: HashSet::new(),
            messages: Vec::new(),
            answers_pings: None,
            pacing: Pacing::new(),
            retries: Retries::default(),
            successor: Successor::new(),
            under_way: None,
            farewells: FuturesUnordered::new(),
        }
    }
}

/// Something that is subscribed to, and that the exchange does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// A symbol.
    #[error(transparent)]
    Symbol(#[from] UnknownSymbol),
    /// A channel.
    #[error("{exchange} has no channel {channel}")]
    Channel {
        /// The exchange.
        exchange: &'static str,
        /// The channel.
        channel: Channel,
    },
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
