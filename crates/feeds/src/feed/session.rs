//! One row of WebSocket connections, of which each follows the one before.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{BoxFuture, Either, FutureExt, select};
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio::task::coop::consume_budget;
use tokio::time::Instant;
use transport::{WsDialer, WsError, WsErrorKind};

use super::backfill::Backfill;
use super::books::{self, Books, Due};
use super::changes::{self, Order, catch_up};
use super::connection::{Connection, Opening, Step};
use super::event_sender::{EventSender, Stopped};
use super::failure::{Failure, Pace};
use super::lines::{held, of_age};
use super::pacing::Pacing;
use super::resumption::Resumption;
use super::retries::Retries;
use super::second_line::{self, SecondLine};
use super::standby::Standby;
use super::successor::{Left, Overlap, Successor, Turn};
use super::tickers::Tickers;
use super::trades::Trades;
use super::wait::wait;
use super::watch::Watch;
use crate::channel::Channel;
use crate::event::FeedEventKind;
use crate::exchange::{Exchange, ExchangeMessage, Renewal, Stream, StreamRequest};
use crate::instruments::Instruments;
use crate::merge::Merge;
use crate::symbol::Symbol;

//     dial --open--> Connected --> stream --end--> Disconnected --> BookInvalid --> wait --> dial
//       |                            |               ^
//       +----------- failed ---------|---------------+
//                                    |
//                                    +-- a second connection takes over --> Connected --> stream
//
//     how it ends                                    the next dial
//     a dial fails, or a connection is cut           as `Pacing` has it
//     what a person must mend: login, certificate    after a minute
//     new settings lead another way                  at once, and failures are forgotten
//     the exchange asks to wait                      not before that
//
//     what calls for a second connection
//     the age at which the exchange ends the first, or an announcement that it will
//     a book or a stream that only another connection can bring back
//
// Nothing ends a session but its subscriber, or that nothing is left to stream.
/// Streams the channels of some instruments over one connection at a time.
pub(super) struct Session {
    pub(super) exchange: Arc<dyn Exchange>,
    pub(super) ws: Arc<dyn WsDialer>,
    pub(super) events: EventSender,
    pub(super) silence_limit: Duration,
    pub(super) streams: Vec<Stream>,
    /// Changes of `streams`.
    pub(super) orders: mpsc::UnboundedReceiver<Order>,
    /// What the connection has been asked for and is not wanted, or not settled again.
    pub(super) left: changes::Left,
    /// What messages may be about: the instruments of `streams` and of `left`, by name.
    pub(super) instruments: Instruments,
    pub(super) books: Books,
    pub(super) trades: Trades,
    pub(super) backfill: Backfill,
    pub(super) resumption: Resumption,
    pub(super) tickers: Tickers,
    pub(super) watch: Watch,
    /// The streams whose times cannot be.
    pub(super) without_time: HashSet<(Symbol, Channel)>,
    /// What one frame says; kept for its memory.
    pub(super) messages: Vec<ExchangeMessage>,
    /// Whether the exchange answers pings, once that is known.
    pub(super) answers_pings: Option<bool>,
    pub(super) pacing: Pacing,
    pub(super) retries: Retries,
    pub(super) successor: Successor,
    /// The two lines, where there shall be two.
    pub(super) merge: Option<Merge>,
    pub(super) second: SecondLine,
    pub(super) standby: Standby,
    /// The number of the connection, while it is open.
    pub(super) number: Option<u64>,
    /// A line has come of age, and is left as soon as there is another one.
    pub(super) is_replacement_due: bool,
    /// Why the connection shall be left for the one beside it.
    pub(super) fault: Option<Failure>,
    /// The dial of a second connection that the first one has not lived to see.
    pub(super) under_way: Option<BoxFuture<'static, Result<Connection, Failure>>>,
    /// Connections that others have taken over from.
    pub(super) farewells: FuturesUnordered<BoxFuture<'static, ()>>,
}

impl Session {
    /// Connects, streams, and connects again, until the subscriber is gone or nothing is left to stream.
    /// Says farewell then.
    pub(super) async fn run(mut self) {
        let events = self.events.clone();
        let mut open = None;
        tokio::select! {
            _stopped = self.stream_for_ever(&mut open) => {}
            // Also while there is nothing to send, as during a long wait.
            () = events.closed() => {}
        }
        if let Some(connection) = open {
            self.farewells.push(connection.leave().boxed());
        }
        if let Some(Left::Open(overlap)) = self.successor.take() {
            self.farewells.push(overlap.connection.leave().boxed());
        }
        if let Some(second) = self.second.close() {
            self.farewells.push(second.connection.leave().boxed());
        }
        while self.farewells.next().await.is_some() {}
    }

    async fn stream_for_ever(&mut self, open: &mut Option<Connection>) -> Stopped {
        loop {
            if let Err(stopped) = self.connect_once(open).await {
                return stopped;
            }
        }
    }

    /// Streams over one connection, and those that take over from it, until it ends, and waits until the
    /// time for the next has come. The connection is in `open` as long as it lasts.
    async fn connect_once(&mut self, open: &mut Option<Connection>) -> Result<(), Stopped> {
        // From before the dial on: a reload that comes while it fails may have mended it.
        let mut reloads = self.ws.reloads();
        let dial = self.under_way.take();
        let dial = dial.unwrap_or_else(|| Connection::open(self.opening(), self.ws()).boxed());
        let (failure, retry_in) = match self.backfill_until(dial).await? {
            Ok(connection) => {
                let connection = open.insert(connection);
                catch_up(&*self.exchange, &self.streams, connection);
                self.begin(connection, None).await?;
                let mut end = self.stream(connection).await?;
                let delay = self.pacing.after_end(&mut end, connection.age());
                let end = end.on(connection.way());
                *open = None;
                // The stream has outlived those before.
                reloads = self.ws.reloads();
                match self.under_way {
                    Some(_) => (end, Duration::ZERO),
                    None => (end, delay),
                }
            }
            Err(failure) => {
                let delay = self.pacing.after_dial(&failure);
                (failure, delay)
            }
        };
        self.events.send_blocked(&failure).await?;
        let imposed = failure.imposed();
        let planned = failure.pace == Pace::Rerouted || self.under_way.is_some();
        let disconnected = FeedEventKind::Disconnected {
            reason: failure.reason,
            retry_in,
            attempt: self.pacing.attempt(),
            planned,
        };
        self.events.send_now(disconnected).await?;
        // After `Disconnected`, so that a subscriber learns why its books are invalid before they
        // are.
        self.books.restart().await?;
        self.retries.clear();
        self.watch.end_connection();
        let waiting = wait(retry_in, imposed, &mut reloads);
        if self.backfill_until(waiting).await? {
            self.pacing.reset();
        }
        Ok(())
    }

    pub(super) fn ws(&self) -> Arc<dyn WsDialer> {
        Arc::clone(&self.ws)
    }

    pub(super) fn opening(&self) -> Opening {
        Opening {
            exchange: Arc::clone(&self.exchange),
            streams: self.streams.clone(),
            silence_limit: self.silence_limit,
            answers_pings: self.answers_pings,
            apart_from: Vec::new(),
            elsewhere: false,
        }
    }

    /// Goes on with `connection`, which takes over from the one with the number `replaces`.
    async fn begin(
        &mut self,
        connection: &mut Connection,
        replaces: Option<u64>,
    ) -> Result<(), Stopped> {
        self.note_left(connection);
        self.events.begin_connection();
        self.number = self.events.connection();
        self.successor.begin(self.exchange.limits().rollover);
        if let Some(merge) = &mut self.merge {
            merge.begin();
            self.second.begin();
        }
        self.is_replacement_due = false;
        self.trades.begin_connection();
        self.resumption.begin_connection();
        self.books.begin_connection();
        // What is neither sent nor waits to be, the URL has asked for.
        let waiting: HashSet<_> = connection.queue.waiting().collect();
        let asked = || self.streams.iter().filter(|it| !waiting.contains(it));
        self.watch.begin_connection(asked());
        for stream in asked() {
            if stream.channel == Channel::L2Book {
                let is_acknowledged = connection.requests.is_open(stream);
                self.books
                    .asked(stream.instrument.symbol(), is_acknowledged);
            }
        }
        let connected = FeedEventKind::Connected {
            proxies: connection.proxies(),
            symbols: self.symbols(),
            replaces,
        };
        self.events.send_now(connected).await
    }

    /// Streams until the connection ends and none takes over from it, and tells why it did.
    async fn stream(&mut self, connection: &mut Connection) -> Result<Failure, Stopped> {
        let mut is_second_next = false;
        loop {
            let end = tokio::select! {
                // In this order, an exchange that is busy cannot starve the few snapshots, and what it
                // has sent counts before its silence.
                biased;
                Some(order) = self.orders.recv() => {
                    let began_at = Instant::now();
                    self.change(order, Some(&mut *connection)).await?;
                    connection.note_unread(began_at);
                    None
                }
                // Off while nothing is due: a stream that ends does not match.
                Some(due) = self.books.dues.next() => {
                    self.take_due(due, connection).await?;
                    None
                }
                found = self.backfill.next(), if self.backfill.is_open() => {
                    let began_at = Instant::now();
                    self.tell_found(found, self.events.now_ns());
                    self.events.hand_over_due().await?;
                    connection.note_unread(began_at);
                    None
                }
                event = either(connection, &mut self.second, is_second_next) => match event {
                    Either::Right(turn) => {
                        consume_budget().await;
                        is_second_next = false;
                        let began_at = Instant::now();
                        let end = self.take_second(turn, connection).await?;
                        connection.note_unread(began_at);
                        end
                    }
                    Either::Left(Step::Received(message)) => {
                        is_second_next = true;
                        let began_at = self.second.is_open().then(Instant::now);
                        let end = self.receive_many(message, connection).await?;
                        connection.note_heard();
                        if let Some(began_at) = began_at {
                            self.second.note_unread(began_at);
                        }
                        end
                    }
                    Either::Left(Step::Sent(request)) => {
                        self.note_sent(request, connection);
                        None
                    }
                    Either::Left(Step::Unanswered(streams)) => {
                        self.note_settled(&streams, connection);
                        let streams = self.wanted(streams);
                        if !streams.is_empty() {
                            let symbols = symbols(&streams);
                            let retry_in = self.ask_again(streams);
                            let unanswered = FeedEventKind::Unanswered { symbols, retry_in };
                            self.events.send_now(unanswered).await?;
                        }
                        None
                    }
                    Either::Left(Step::Failed(failure)) => Some(failure),
                },
                turn = self.resumption.next(), if self.resumption.is_open() => {
                    self.take_resumption(turn, connection);
                    self.events.hand_over_due().await?;
                    None
                }
                Some(due) = self.books.silences.next() => {
                    self.take_due(due, connection).await?;
                    None
                }
                () = held(self.merge.as_ref(), &self.events) => {
                    self.release(self.events.now_ns());
                    self.events.hand_over_due().await?;
                    None
                }
                turn = self.successor.next(&self.events) => self.turn(turn, connection).await?,
                Some(streams) = self.retries.next() => {
                    self.subscribe(&streams, connection);
                    None
                }
                due = self.watch.next() => {
                    self.take_watch(due, connection).await?;
                    None
                }
                // When nothing more is there to be read.
                () = self.events.gathered() => {
                    let began_at = Instant::now();
                    self.events.hand_over().await?;
                    connection.note_unread(began_at);
                    None
                }
                Some(()) = self.farewells.next() => None,
            };
            let Some(end) = end else {
                continue;
            };
            match self.successor.take() {
                // It has all that has come since it is open.
                Some(Left::Open(overlap)) => {
                    if let Some(end) = self.replace(connection, overlap).await? {
                        return Ok(end);
                    }
                }
                Some(Left::Dialing(dial)) => {
                    self.under_way = Some(dial);
                    return Ok(end);
                }
                None => {
                    if let Some(end) = self.promote(connection, end).await? {
                        self.under_way = self.second.stop();
                        return Ok(self.successor.imposed_on(end));
                    }
                }
            }
        }
    }

    /// Does what is due for the second connection. Tells why the connection ends, if it does.
    async fn turn(
        &mut self,
        turn: Turn,
        connection: &mut Connection,
    ) -> Result<Option<Failure>, Stopped> {
        match turn {
            Turn::Dial if self.merge.is_some() => {
                self.is_replacement_due = true;
                self.second.hasten();
                Ok(self.second.is_settled().then(of_age))
            }
            Turn::Dial => {
                let (opening, ws) = (self.opening(), self.ws());
                self.successor.dial(opening, ws);
                Ok(None)
            }
            Turn::Opened => {
                self.tickers.clear();
                if let Some(next) = self.successor.connection() {
                    catch_up(&*self.exchange, &self.streams, next);
                }
                Ok(None)
            }
            Turn::TakeOver(overlap) => self.replace(connection, overlap).await,
            Turn::Failed(failure, retry_in) => {
                self.tell_not_replaced(failure, retry_in).await?;
                Ok(None)
            }
        }
    }

    /// Tells that a connection beside the one that streams could not be opened, or not kept until it counts.
    pub(super) async fn tell_not_replaced(
        &mut self,
        failure: Failure,
        retry_in: Duration,
    ) -> Result<(), Stopped> {
        self.events.send_blocked(&failure).await?;
        let failed = FeedEventKind::ReplacementFailed {
            reason: failure.reason,
            retry_in,
        };
        self.events.send_now(failed).await
    }

    /// Has the second connection take over from `connection`, which it becomes. Tells why that ends, if
    /// it does.
    async fn replace(
        &mut self,
        connection: &mut Connection,
        overlap: Box<Overlap>,
    ) -> Result<Option<Failure>, Stopped> {
        let Overlap {
            connection: next,
            heard,
            mut since,
            ..
        } = *overlap;
        let before = std::mem::replace(connection, next);
        self.farewells.push(before.leave().boxed());
        // A first connection that was cut: these are on neither.
        for stream in connection.queue.waiting() {
            if stream.channel == Channel::L2Book {
                self.books.lose(stream.instrument.symbol()).await?;
            }
        }
        let (replaces, clock_ns) = (self.events.connection(), self.events.now_ns());
        self.begin(connection, replaces).await?;
        // Both by the clock of the new connection.
        let ahead_ns = self.events.now_ns().saturating_sub(clock_ns);
        self.tickers.shift(ahead_ns);
        self.retries.clear();
        self.books.begin_replay();
        let mut end = None;
        self.left.extend(since.keys().map(|it| (it.clone(), false)));
        for (at, (message, received_ns)) in heard.into_iter().enumerate() {
            for (stream, _) in since.extract_if(|_, from| *from <= at) {
                self.left.remove(&stream);
            }
            let received_ns = received_ns.saturating_add(ahead_ns);
            end = self.take_message(&message, connection, received_ns).await?;
            self.events.hand_over_due().await?;
            if end.is_some() {
                break;
            }
        }
        since.keys().for_each(|stream| {
            self.left.remove(stream);
        });
        self.books.end_replay().await?;
        connection.requests.are_read(true);
        Ok(end)
    }

    /// Takes what is due for a book.
    async fn take_due(&mut self, due: Due, connection: &mut Connection) -> Result<(), Stopped> {
        let began_at = Instant::now();
        match self.books.take_due(due).await? {
            Some((symbol, books::Order::Resubscribe)) => self.renew_book(&symbol, connection),
            Some((_, books::Order::Reconnect)) => self.successor.hasten(connection.age()),
            None => {}
        }
        connection.note_unread(began_at);
        Ok(())
    }

    /// Has the book of `symbol` begin anew in the stream.
    fn renew_book(&mut self, symbol: &Symbol, connection: &mut Connection) {
        let Some(instrument) = self.books.instrument(symbol).cloned() else {
            return;
        };
        let stream = [Stream {
            instrument,
            channel: Channel::L2Book,
        }];
        resubscribe(&*self.exchange, &stream, connection);
    }

    /// Asks for `streams`, as far as they are still wanted.
    fn subscribe(&self, streams: &[Stream], connection: &mut Connection) {
        let wanted = self.wanted(streams.to_vec());
        let Connection { ids, queue, .. } = connection;
        for request in self.exchange.subscribe(&wanted, ids) {
            queue.push(request);
        }
    }

    /// Has `streams`, which were declined or not answered, asked for again. Returns the delay until then.
    pub(super) fn ask_again(&mut self, mut streams: Vec<Stream>) -> Duration {
        let mut least = Duration::ZERO;
        // Where books come in the stream, each that does not come in time is asked for again.
        if let Renewal::Resubscribe { within } | Renewal::Reconnect { within } =
            self.exchange.rules().books.renewal
        {
            for _ in streams.extract_if(.., |stream| stream.channel == Channel::L2Book) {
                least = within;
            }
        }
        self.retries.push(&streams).max(least)
    }

    fn note_sent(&mut self, request: StreamRequest, connection: &Connection) {
        self.note_settled(&request.streams, connection);
        // Not by a request to leave a stream, behind which waits one to have it.
        let mut asked = self.wanted(request.streams);
        asked.retain(|stream| !connection.queue.waiting().any(|it| it == stream));
        self.watch.asked(&asked);
        for stream in asked {
            if stream.channel == Channel::L2Book {
                let is_acknowledged = connection.requests.is_open(&stream);
                self.books
                    .asked(stream.instrument.symbol(), is_acknowledged);
            }
        }
    }

    /// Learns from a failure whether the exchange answers pings: not if it has sent data, and never a
    /// pong.
    pub(super) fn note_failure(&mut self, error: &WsError, has_data: bool) {
        if error.kind() == WsErrorKind::Unresponsive && has_data {
            self.answers_pings.get_or_insert(false);
        }
    }
}

/// Leaves `streams`, and asks for them again.
pub(super) fn resubscribe(
    exchange: &dyn Exchange,
    streams: &[Stream],
    connection: &mut Connection,
) {
    if streams.is_empty() {
        return;
    }
    let Connection { ids, queue, .. } = connection;
    for request in exchange.unsubscribe(streams, ids) {
        queue.push_unanswered(request);
    }
    for request in exchange.subscribe(streams, ids) {
        queue.push(request);
    }
}

/// What happens next on one of two connections. Dropping the future loses nothing.
// By turns: a line that brings much must not starve the other one.
async fn either(
    connection: &mut Connection,
    second: &mut SecondLine,
    is_second_first: bool,
) -> Either<Step, second_line::Turn> {
    let (step, turn) = (pin!(connection.step()), pin!(second.next()));
    match is_second_first {
        true => match select(turn, step).await {
            Either::Left((turn, _)) => Either::Right(turn),
            Either::Right((step, _)) => Either::Left(step),
        },
        false => match select(step, turn).await {
            Either::Left((step, _)) => Either::Left(step),
            Either::Right((turn, _)) => Either::Right(turn),
        },
    }
}

/// The symbols of `streams`, each once where they stand together.
pub(super) fn symbols(streams: &[Stream]) -> Vec<Symbol> {
    let mut symbols: Vec<_> = streams
        .iter()
        .map(|stream| stream.instrument.symbol().clone())
        .collect();
    symbols.dedup();
    symbols
}
