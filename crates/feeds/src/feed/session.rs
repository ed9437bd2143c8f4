//! One WebSocket connection and all that follow it.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, sleep};
use transport::{Message, WsDialer, WsError, WsErrorKind};

use super::HEALTHY_AFTER;
use super::backoff::Backoff;
use super::books::{Books, Due, Order};
use super::connection::Connection;
use super::event_sender::{EventSender, Stopped};
use super::failure::Failure;
use super::outgoing::{Outgoing, Progress, progress};
use super::trades::Trades;
use super::wait::wait;
use crate::channel::Channel;
use crate::event::FeedEventKind;
use crate::exchange::{Exchange, ExchangeMessage, Stream};
use crate::instruments::Instruments;
use crate::symbol::Symbol;

//     dial --open--> Connected --> stream --end--> Disconnected --> BookInvalid --> wait --> dial
//       |                                               ^
//       +------------------- failed --------------------+
//
//     how it ends                                    the next dial
//     a cut, a close, silence, a refused dial        after the growing delay
//     what a person must mend: login, certificate    after a minute
//     the exchange announces a shutdown              at once, if it is the first failure in a row
//     new settings lead another way                  at once, and failures are forgotten
//     the exchange asks to wait                      not before that
//
// Nothing ends a session but its subscriber.
/// Streams the channels of some instruments over one connection at a time.
pub(super) struct Session {
    pub(super) exchange: Arc<dyn Exchange>,
    pub(super) ws: Arc<dyn WsDialer>,
    pub(super) events: EventSender,
    pub(super) silence_limit: Duration,
    pub(super) streams: Vec<Stream>,
    /// What messages may be about: the instruments of `streams`, by name.
    pub(super) instruments: Instruments,
    pub(super) books: Books,
    pub(super) trades: Trades,
    /// The streams whose times cannot be.
    pub(super) without_time: HashSet<(Symbol, Channel)>,
    /// What one frame says; kept for its memory.
    pub(super) messages: Vec<ExchangeMessage>,
    /// Whether the exchange answers pings, once that is known.
    pub(super) answers_pings: Option<bool>,
    pub(super) backoff: Backoff,
}

impl Session {
    /// Connects, streams, and connects again, until the subscriber is gone. Says farewell then.
    pub(super) async fn run(mut self) {
        let events = self.events.clone();
        let mut open = None;
        tokio::select! {
            _stopped = self.stream_for_ever(&mut open) => {}
            // Also while there is nothing to send, as during a long wait.
            () = events.closed() => {}
        }
        if let Some(connection) = open {
            connection.leave().await;
        }
    }

    async fn stream_for_ever(&mut self, open: &mut Option<Connection>) -> Stopped {
        loop {
            if let Err(stopped) = self.connect_once(open).await {
                return stopped;
            }
        }
    }

    /// Streams over one connection until it ends, and waits until the time for the next has come. The
    /// connection is in `open` as long as it lasts.
    async fn connect_once(&mut self, open: &mut Option<Connection>) -> Result<(), Stopped> {
        // From before the dial on: a reload that comes while it fails may have mended it.
        let mut reloads = self.ws.reloads();
        let failure = match self.dial().await {
            Ok(connection) => {
                let connection = open.insert(connection);
                let way = connection.way.clone();
                let end = self.stream(connection).await?;
                self.note_end(connection);
                *open = None;
                // The stream has outlived those before.
                reloads = self.ws.reloads();
                end.on(&way)
            }
            Err(failure) => failure,
        };
        let retry_in = self.backoff.delay_after(&failure);
        let attempt = self.backoff.attempt();
        let imposed = failure.imposed();
        let disconnected = FeedEventKind::Disconnected {
            reason: failure.reason,
            retry_in,
            attempt,
        };
        self.events.send_now(disconnected).await?;
        // After `Disconnected`, so that a subscriber learns why its books are invalid before they
        // are.
        self.books.restart().await?;
        if wait(retry_in, imposed, &mut reloads).await {
            self.backoff.reset();
        }
        Ok(())
    }

    async fn dial(&mut self) -> Result<Connection, Failure> {
        let (exchange, ws) = (Arc::clone(&self.exchange), Arc::clone(&self.ws));
        let streams = self.streams.clone();
        let connection = Connection::open(exchange, ws, streams, self.answers_pings).await?;
        self.begin(&connection);
        Ok(connection)
    }

    /// Goes on with `connection`.
    fn begin(&mut self, connection: &Connection) {
        self.events.begin_connection();
        self.trades.begin_connection();
        self.books.begin_connection();
        // What is neither sent nor waits to be, the URL has asked for.
        for stream in &self.streams {
            if stream.channel == Channel::L2Book && !connection.queue.is_waiting_for(stream) {
                self.books.asked(stream.instrument.symbol());
            }
        }
    }

    /// Streams until the connection ends, and tells why it did.
    async fn stream(&mut self, connection: &mut Connection) -> Result<Failure, Stopped> {
        let hops = connection.socket.info().hops().iter();
        let connected = FeedEventKind::Connected {
            proxies: hops.map(ToString::to_string).collect(),
            symbols: self.instruments.len(),
        };
        self.events.send_now(connected).await?;
        let mut heard_at = connection.opened_at;
        // Not moved for each message; when it fires, it looks at how long the silence really was.
        let mut silence = pin!(sleep(self.silence_limit));
        let keep_alive = self.exchange.limits().keep_alive;
        let every = keep_alive.map_or(Duration::MAX, |it| it.every);
        let mut unsaid = pin!(sleep(every));
        loop {
            let overdue = connection.overdue(self.silence_limit);
            tokio::select! {
                // In this order, an exchange that is busy cannot starve the few snapshots, and what it
                // has sent counts before its silence.
                biased;
                // Off while nothing is due: a stream that ends does not match.
                Some(due) = self.books.dues.next() => {
                    if let Some(end) = self.take_due(due, connection, &mut heard_at).await? {
                        return Ok(end);
                    }
                }
                progress = progress(&mut connection.socket, connection.outgoing.as_mut()) => {
                    match progress {
                        Progress::Received(message) => {
                            if let Some(end) = self.receive(message, connection).await? {
                                return Ok(end);
                            }
                            // After the message was dealt with, which may have meant waiting for the
                            // subscriber.
                            heard_at = Instant::now();
                        }
                        Progress::Sent(Ok(())) => self.note_sent(connection),
                        Progress::Sent(Err(error)) => return Ok(error.into()),
                    }
                }
                Some(due) = self.books.silences.next() => {
                    if let Some(end) = self.take_due(due, connection, &mut heard_at).await? {
                        return Ok(end);
                    }
                }
                request = connection.queue.next(), if connection.outgoing.is_none() => {
                    connection.outgoing = Some(Outgoing::new(request));
                }
                () = overdue => {
                    let limit = self.silence_limit;
                    return Ok(Failure::new(format!("nothing could be sent for {limit:?}")));
                }
                () = &mut silence => {
                    if heard_at.elapsed() >= self.silence_limit {
                        let limit = self.silence_limit;
                        return Ok(Failure::new(format!("nothing received for {limit:?}")));
                    }
                    silence.as_mut().reset(heard_at + self.silence_limit);
                }
                () = &mut unsaid, if keep_alive.is_some() => {
                    if let Some(keep_alive) = keep_alive {
                        connection.queue.push_sign_of_life(Message::text(keep_alive.text));
                    }
                    unsaid.as_mut().reset(Instant::now() + every);
                }
            }
        }
    }

    /// Takes what is due for a book. Tells why the connection ends, if it does.
    async fn take_due(
        &mut self,
        due: Due,
        connection: &mut Connection,
        heard_at: &mut Instant,
    ) -> Result<Option<Failure>, Stopped> {
        let began_at = Instant::now();
        match self.books.take_due(due).await? {
            Some((symbol, Order::Resubscribe)) => self.resubscribe(&symbol, connection),
            Some((symbol, Order::Reconnect)) => {
                let reason = format!("{symbol} needs another connection");
                return Ok(Some(Failure::new(reason)));
            }
            None => {}
        }
        // Time in which nobody read is not the exchange's silence.
        *heard_at += began_at.elapsed();
        Ok(None)
    }

    /// Has the book of `symbol` begin anew in the stream.
    fn resubscribe(&mut self, symbol: &Symbol, connection: &mut Connection) {
        let Some(instrument) = self.books.instrument(symbol).cloned() else {
            return;
        };
        let stream = [Stream {
            instrument,
            channel: Channel::L2Book,
        }];
        let Connection { ids, queue, .. } = connection;
        let left = self.exchange.unsubscribe(&stream, ids);
        let asked = self.exchange.subscribe(&stream, ids);
        for request in left.into_iter().chain(asked) {
            queue.push(request);
        }
    }

    fn note_sent(&mut self, connection: &mut Connection) {
        let Some(request) = connection.outgoing.take().map(Outgoing::into_request) else {
            return;
        };
        for stream in &request.streams {
            if stream.channel == Channel::L2Book {
                self.books.asked(stream.instrument.symbol());
            }
        }
        connection.requests.note(request);
    }

    /// Data on a connection that has lasted for a while ends a series of failures.
    pub(super) fn note_data(&mut self, connection: &mut Connection) {
        connection.has_data = true;
        if self.backoff.attempt() > 0 {
            self.note_end(connection);
        }
    }

    /// So does the end of one that has had data.
    fn note_end(&mut self, connection: &Connection) {
        if connection.has_data && connection.opened_at.elapsed() >= HEALTHY_AFTER {
            self.backoff.reset();
        }
    }

    /// Learns from a failure whether the exchange answers pings: not if it has sent data, and never a
    /// pong.
    pub(super) fn note_failure(&mut self, error: &WsError, connection: &Connection) {
        if error.kind() == WsErrorKind::Unresponsive && connection.has_data {
            self.answers_pings.get_or_insert(false);
        }
    }
}
