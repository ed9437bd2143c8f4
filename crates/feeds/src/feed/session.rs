//! One WebSocket connection and all that follow it.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use transport::{Draw, Message, Secrets, WebSocket, WsDialer, WsError, WsErrorKind, through};

use super::HEALTHY_AFTER;
use super::backoff::Backoff;
use super::books::{Books, Due, Order};
use super::convert::{ticker_event, trade_event};
use super::event_sender::{EventSender, Stopped};
use super::failure::{Failure, Pace};
use super::outgoing::{Outgoing, Progress, progress};
use super::request_queue::RequestQueue;
use super::requests::Requests;
use super::trades::{Novelty, Trades};
use super::wait::wait;
use super::words::words;
use crate::channel::Channel;
use crate::event::FeedEventKind;
use crate::exchange::{
    Decoder, Exchange, ExchangeMessage, Frame, Malformed, RequestIds, Stream, Time,
};
use crate::instruments::Instruments;
use crate::symbol::Symbol;

/// How long an exchange has to answer a farewell (RFC 6455, section 7.1.1).
const FAREWELL: Duration = Duration::from_secs(1);

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

/// One connection.
struct Connection {
    socket: WebSocket,
    decoder: Box<dyn Decoder>,
    queue: RequestQueue,
    /// What is being sent.
    outgoing: Option<Outgoing>,
    ids: RequestIds,
    /// What has been asked for and not answered.
    requests: Requests,
    opened_at: Instant,
    has_data: bool,
    /// The exchange's endpoint, and the proxies on the way to it.
    way: String,
    /// What nothing that is quoted may show.
    secrets: Secrets,
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
            leave(connection.socket).await;
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
        let mut ids = RequestIds::default();
        let plan = self.exchange.plan(&self.streams, &mut ids)?;
        let mut queue = RequestQueue::new(self.exchange.limits());
        for request in plan.requests {
            queue.push(request);
        }
        let mut dial = plan.socket;
        dial.ping_interval = Some(self.exchange.limits().ping_interval.unwrap_or_default());
        // A quiet stream would otherwise end again and again for want of an answer.
        dial.ping_timeout = (self.answers_pings == Some(false)).then_some(Duration::ZERO);
        let first = queue.take_ready();
        dial.first_messages
            .extend(first.iter().map(|request| request.message.clone()));
        let dials = self.exchange.limits().dials;
        dial.draws = dials
            .map(|window| Draw { window, units: 1 })
            .into_iter()
            .collect();
        let endpoint = dial.target().endpoint().clone();
        let socket = self.ws.dial(dial).await?;
        queue.note_sent_now();
        self.events.begin_connection();
        let mut requests = Requests::default();
        for request in first {
            requests.note(request);
        }
        self.trades.begin_connection();
        self.books.begin_connection();
        // What is neither sent nor waits to be, the URL has asked for.
        for stream in &self.streams {
            if stream.channel == Channel::L2Book && !queue.is_waiting_for(stream) {
                self.books.asked(stream.instrument.symbol());
            }
        }
        Ok(Connection {
            decoder: self.exchange.decoder(),
            queue,
            outgoing: None,
            ids,
            requests,
            opened_at: Instant::now(),
            has_data: false,
            way: format!("{endpoint}{}", through(socket.info().hops())),
            secrets: socket.info().secrets().clone(),
            socket,
        })
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
            let sending_since = connection.outgoing.as_ref().map(Outgoing::since);
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
                () = overdue(sending_since, self.silence_limit) => {
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

    /// Takes what the socket yields. Tells why the connection ended, if it did.
    async fn receive(
        &mut self,
        message: Option<Result<Message, WsError>>,
        connection: &mut Connection,
    ) -> Result<Option<Failure>, Stopped> {
        let secrets = &connection.secrets;
        let message = match message {
            // Signs of life, and no more. The transport answers pings.
            Some(Ok(Message::Ping(_))) => return Ok(None),
            Some(Ok(Message::Pong(_))) => {
                self.answers_pings = Some(true);
                return Ok(None);
            }
            Some(Ok(Message::Close(frame))) => return Ok(Some(closed(frame, secrets))),
            Some(Ok(message)) => message,
            Some(Err(error)) => {
                self.note_failure(&error, connection);
                return Ok(Some(error.into()));
            }
            None => {
                return Ok(Some(Failure::new(
                    "the connection ended without a close frame",
                )));
            }
        };
        let received_ns = self.events.now_ns();
        let mut messages = std::mem::take(&mut self.messages);
        messages.clear();
        let decoded = self.decode(&message, &mut *connection.decoder, &mut messages);
        if let Err(malformed) = decoded {
            self.messages = messages;
            let malformed = FeedEventKind::Malformed {
                reason: connection.secrets.seal_text(malformed.reason().to_owned()),
                excerpt: excerpt(&message, &connection.secrets),
            };
            self.events.send(malformed, received_ns).await?;
            self.books.note_loss(true, received_ns).await?;
            return Ok(None);
        }
        for said in messages.drain(..) {
            let end = self.take(said, &message, connection, received_ns).await?;
            if end.is_some() {
                return Ok(end);
            }
        }
        self.messages = messages;
        Ok(None)
    }

    fn decode(
        &self,
        message: &Message,
        decoder: &mut dyn Decoder,
        messages: &mut Vec<ExchangeMessage>,
    ) -> Result<(), Malformed> {
        let (Message::Text(bytes) | Message::Binary(bytes)) = message else {
            return Ok(());
        };
        let limit = self.exchange.limits().frame;
        if bytes.len() > limit {
            return Err(Malformed::new(format!("more than {limit} bytes")));
        }
        let frame = match message {
            Message::Binary(bytes) => Frame::Binary(bytes),
            _ => Frame::Text(
                message
                    .as_text()
                    .ok_or_else(|| Malformed::new("not utf-8"))?,
            ),
        };
        decoder.decode(frame, &self.instruments, messages)
    }

    /// Takes one thing that `frame` says, and quotes it without any of the connection's secrets. Tells
    /// why the connection ended, if it did.
    async fn take(
        &mut self,
        said: ExchangeMessage,
        frame: &Message,
        connection: &mut Connection,
        received_ns: i64,
    ) -> Result<Option<Failure>, Stopped> {
        let secrets = &connection.secrets;
        let event = match said {
            ExchangeMessage::Book(change) => {
                self.note_data(connection);
                self.note_time(&change.symbol, Channel::L2Book, change.time, received_ns)
                    .await?;
                // Emitted by the book, if it is true, and never past it.
                self.books.update(change, received_ns).await?;
                return Ok(None);
            }
            ExchangeMessage::Trade(trade) => {
                self.note_data(connection);
                self.note_time(&trade.symbol, Channel::Trades, trade.time, received_ns)
                    .await?;
                match self.trades.note(&trade) {
                    Novelty::Known => return Ok(None),
                    Novelty::New => {}
                    Novelty::AfterHole { from, to } => {
                        let symbol = trade.symbol.clone();
                        let gap = FeedEventKind::TradeGap { symbol, from, to };
                        self.events.send(gap, received_ns).await?;
                    }
                    Novelty::Restarted => {
                        let restarted = FeedEventKind::NumberingRestarted {
                            symbol: trade.symbol.clone(),
                        };
                        self.events.send(restarted, received_ns).await?;
                    }
                }
                trade_event(trade)
            }
            ExchangeMessage::Ticker(ticker) => {
                self.note_data(connection);
                self.note_time(&ticker.symbol, Channel::Ticker, ticker.time, received_ns)
                    .await?;
                ticker_event(ticker)
            }
            ExchangeMessage::Alive => return Ok(None),
            ExchangeMessage::Ping { answer } => {
                connection.queue.push_sign_of_life(answer);
                return Ok(None);
            }
            ExchangeMessage::Acknowledged(reply) => {
                connection.requests.answered(&reply);
                return Ok(None);
            }
            ExchangeMessage::Missed => {
                let missed = FeedEventKind::MessagesMissed;
                self.events.send(missed, received_ns).await?;
                self.books.note_loss(false, received_ns).await?;
                return Ok(None);
            }
            ExchangeMessage::ShutdownAnnounced { .. } => {
                let announced = FeedEventKind::ShutdownAnnounced;
                self.events.send(announced, received_ns).await?;
                // Without waiting for the close, which may come at once or much later.
                let end = Failure::new("the exchange announced a shutdown").with_pace(Pace::AtOnce);
                return Ok(Some(end));
            }
            ExchangeMessage::Refused(refusal) => {
                let symbols = connection.requests.answered(&refusal.reply);
                for symbol in &symbols {
                    self.books.refused(symbol);
                }
                FeedEventKind::Rejected {
                    symbols,
                    code: refusal.code.map(|code| words(code, secrets)),
                    message: words(refusal.message, secrets),
                }
            }
            ExchangeMessage::Notice { text } => FeedEventKind::Notice {
                text: words(text, secrets),
            },
            ExchangeMessage::Unknown { kind } => FeedEventKind::Unknown {
                kind: words(kind, secrets),
                excerpt: excerpt(frame, secrets),
            },
        };
        self.events.send(event, received_ns).await?;
        Ok(None)
    }

    /// Tells of a time that cannot be, once for each stream.
    async fn note_time(
        &mut self,
        symbol: &Symbol,
        channel: Channel,
        time: Time,
        received_ns: i64,
    ) -> Result<(), Stopped> {
        if time != Time::Impossible || !self.without_time.insert((symbol.clone(), channel)) {
            return Ok(());
        }
        let event = FeedEventKind::ImpossibleTime {
            symbol: symbol.clone(),
            channel,
        };
        self.events.send(event, received_ns).await
    }

    /// Data on a connection that has lasted for a while ends a series of failures.
    fn note_data(&mut self, connection: &mut Connection) {
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
    fn note_failure(&mut self, error: &WsError, connection: &Connection) {
        if error.kind() == WsErrorKind::Unresponsive && connection.has_data {
            self.answers_pings.get_or_insert(false);
        }
    }
}

fn closed(frame: Option<(u16, String)>, secrets: &Secrets) -> Failure {
    Failure::new(match frame {
        Some((code, reason)) if reason.is_empty() => format!("closed by the exchange: {code}"),
        Some((code, reason)) => {
            let reason = secrets.quote(reason.as_bytes());
            format!("closed by the exchange: {code} {reason}")
        }
        None => "closed by the exchange without a code".to_owned(),
    })
}

/// Ends when it has been tried for `limit` to send something.
async fn overdue(since: Option<Instant>, limit: Duration) {
    match since.and_then(|since| since.checked_add(limit)) {
        Some(end) => sleep_until(end).await,
        None => std::future::pending().await,
    }
}

/// Says farewell, and waits for the answer.
async fn leave(mut socket: WebSocket) {
    let farewell = async {
        if socket.close().await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    // Whoever does not answer is left all the same.
    let _ = timeout(FAREWELL, farewell).await;
}

fn excerpt(message: &Message, secrets: &Secrets) -> String {
    match message {
        Message::Text(bytes) | Message::Binary(bytes) => secrets.quote(bytes).as_str().to_owned(),
        _ => String::new(),
    }
}
