//! One WebSocket connection and all that follow it.

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::time::{Instant, sleep, timeout};
use transport::{Message, Secrets, WebSocket, WsDialer, WsError};

use super::HEALTHY_AFTER;
use super::backoff::Backoff;
use super::books::Books;
use super::convert::{delta_event, ticker_event, trade_event};
use super::event_sender::{EventSender, Stopped, now_ns};
use super::failure::{Failure, Pace};
use super::outbox::Outbox;
use super::wait::wait;
use crate::channel::Channel;
use crate::event::FeedEvent;
use crate::exchange::{
    Decoder, Exchange, ExchangeMessage, Frame, Malformed, RequestIds, Stream, Time, Trade, TradeId,
};
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
    pub(super) last_trades: HashMap<Symbol, u64>,
    /// The streams whose times cannot be.
    pub(super) without_time: HashSet<(Symbol, Channel)>,
    /// What one frame says; kept for its memory.
    pub(super) messages: Vec<ExchangeMessage>,
    pub(super) backoff: Backoff,
}

/// One connection.
struct Connection {
    socket: WebSocket,
    decoder: Box<dyn Decoder>,
    outbox: Outbox,
    opened_at: Instant,
    /// What nothing that is quoted may show.
    secrets: Secrets,
}

impl Session {
    /// Connects, streams, and connects again, until the subscriber is gone.
    pub(super) async fn run(mut self) -> Stopped {
        loop {
            if let Err(stopped) = self.connect_once().await {
                return stopped;
            }
        }
    }

    /// Streams over one connection until it ends, and waits until the time for the next has come.
    async fn connect_once(&mut self) -> Result<(), Stopped> {
        // From before the dial on: a reload that comes while it fails may have mended it.
        let mut reloads = self.ws.reloads();
        let failure = match self.dial().await {
            Ok(connection) => {
                let end = self.stream(connection).await?;
                // The stream has outlived those before.
                reloads = self.ws.reloads();
                end
            }
            Err(failure) => failure,
        };
        let retry_in = self.backoff.delay_after(&failure);
        let attempt = self.backoff.attempt();
        let imposed = failure.imposed();
        self.events
            .send(FeedEvent::Disconnected {
                exchange: self.exchange.id(),
                reason: failure.reason,
                retry_in,
                attempt,
                received_ns: now_ns(),
            })
            .await?;
        // After `Disconnected`, so that a subscriber learns why its books are invalid before they
        // are.
        self.books.restart().await?;
        if wait(retry_in, imposed, &mut reloads).await {
            self.backoff.reset();
        }
        Ok(())
    }

    async fn dial(&mut self) -> Result<Connection, Failure> {
        let plan = self
            .exchange
            .plan(&self.streams, &mut RequestIds::default())?;
        let mut outbox = Outbox::new(self.exchange.limits());
        for request in plan.requests {
            outbox.push(request);
        }
        let mut request = plan.socket;
        let first = outbox.take_ready().into_iter();
        request.first_messages.extend(first.map(|it| it.message));
        let socket = self.ws.dial(request).await?;
        outbox.note_sent_now();
        Ok(Connection {
            decoder: self.exchange.decoder(),
            outbox,
            opened_at: Instant::now(),
            secrets: socket.info().secrets().clone(),
            socket,
        })
    }

    /// Streams until the connection ends, and tells why it did.
    async fn stream(&mut self, mut connection: Connection) -> Result<Failure, Stopped> {
        let hops = connection.socket.info().hops().iter();
        self.events
            .send(FeedEvent::Connected {
                exchange: self.exchange.id(),
                proxies: hops.map(ToString::to_string).collect(),
                received_ns: now_ns(),
            })
            .await?;
        let mut heard_at = connection.opened_at;
        // Not moved for each message; when it fires, it looks at how long the silence really was.
        let mut silence = pin!(sleep(self.silence_limit));
        loop {
            tokio::select! {
                // In this order, an exchange that is busy cannot starve the few snapshots, and what it
                // has sent counts before its silence.
                biased;
                // Off while no snapshot is on its way: a stream that ends does not match.
                Some(fetched) = self.books.next() => {
                    let began_at = Instant::now();
                    self.books.fetched(fetched).await?;
                    // Time in which nobody read is not the exchange's silence.
                    heard_at += began_at.elapsed();
                }
                message = connection.socket.next() => {
                    if let Some(end) = self.receive(message, &mut connection).await? {
                        return Ok(end);
                    }
                    // After the message was dealt with, which may have meant waiting for the
                    // subscriber.
                    heard_at = Instant::now();
                }
                request = connection.outbox.next() => {
                    let sent = connection.socket.send(request.message);
                    match timeout(self.silence_limit, sent).await {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => return Ok(error.into()),
                        Err(_) => {
                            let limit = self.silence_limit;
                            return Ok(Failure::new(format!("nothing could be sent for {limit:?}")));
                        }
                    }
                }
                () = &mut silence => {
                    if heard_at.elapsed() >= self.silence_limit {
                        let limit = self.silence_limit;
                        return Ok(Failure::new(format!("nothing received for {limit:?}")));
                    }
                    silence.as_mut().reset(heard_at + self.silence_limit);
                }
            }
        }
    }

    /// Takes what the socket yields. Tells why the connection ended, if it did.
    async fn receive(
        &mut self,
        message: Option<Result<Message, WsError>>,
        connection: &mut Connection,
    ) -> Result<Option<Failure>, Stopped> {
        let secrets = &connection.secrets;
        let message = match message {
            // A sign of life, and no more. The transport answers pings.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Ok(None),
            Some(Ok(Message::Close(frame))) => return Ok(Some(closed(frame, secrets))),
            Some(Ok(message)) => message,
            Some(Err(error)) => return Ok(Some(error.into())),
            None => {
                return Ok(Some(Failure::new(
                    "the connection ended without a close frame",
                )));
            }
        };
        let received_ns = now_ns();
        let mut messages = std::mem::take(&mut self.messages);
        messages.clear();
        let decoded = self.decode(&message, &mut *connection.decoder, &mut messages);
        if let Err(malformed) = decoded {
            self.messages = messages;
            let malformed = FeedEvent::Malformed {
                exchange: self.exchange.id(),
                reason: connection.secrets.seal_text(malformed.reason().to_owned()),
                excerpt: excerpt(&message, &connection.secrets),
                received_ns,
            };
            self.events.send(malformed).await?;
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
        let (exchange, secrets) = (self.exchange.id(), &connection.secrets);
        let event = match said {
            ExchangeMessage::Book(change) => {
                self.note_data(connection.opened_at);
                self.note_time(&change.symbol, Channel::L2Book, change.time, received_ns)
                    .await?;
                // Emitted by the book, if it is true, and never past it.
                self.books
                    .update(delta_event(exchange, change, received_ns))
                    .await?;
                return Ok(None);
            }
            ExchangeMessage::Trade(trade) => {
                self.note_data(connection.opened_at);
                self.note_time(&trade.symbol, Channel::Trades, trade.time, received_ns)
                    .await?;
                if self.is_repeated(&trade) {
                    return Ok(None);
                }
                FeedEvent::Trade(trade_event(exchange, trade, received_ns))
            }
            ExchangeMessage::Ticker(ticker) => {
                self.note_data(connection.opened_at);
                self.note_time(&ticker.symbol, Channel::Ticker, ticker.time, received_ns)
                    .await?;
                FeedEvent::Ticker(ticker_event(exchange, ticker, received_ns))
            }
            ExchangeMessage::Acknowledged(_) | ExchangeMessage::Alive => return Ok(None),
            ExchangeMessage::Missed => {
                return Ok(Some(Failure::new("messages of the connection are missing")));
            }
            ExchangeMessage::ShutdownAnnounced { .. } => {
                let announced = FeedEvent::ShutdownAnnounced {
                    exchange,
                    received_ns,
                };
                self.events.send(announced).await?;
                // Without waiting for the close, which may come at once or much later.
                let end = Failure::new("the exchange announced a shutdown").with_pace(Pace::AtOnce);
                return Ok(Some(end));
            }
            ExchangeMessage::Refused(refusal) => FeedEvent::Rejected {
                exchange,
                code: refusal.code.map(|code| secrets.seal_text(code)),
                message: secrets.seal_text(refusal.message),
                received_ns,
            },
            ExchangeMessage::Notice { text } => FeedEvent::Notice {
                exchange,
                text: secrets.seal_text(text),
                received_ns,
            },
            ExchangeMessage::Unknown { kind } => FeedEvent::Unknown {
                exchange,
                kind: secrets.seal_text(kind),
                excerpt: excerpt(frame, secrets),
                received_ns,
            },
        };
        self.events.send(event).await?;
        Ok(None)
    }

    /// Whether the trade has been seen before, perhaps over an earlier connection.
    fn is_repeated(&mut self, trade: &Trade) -> bool {
        let Some(TradeId::Number(id)) = trade.id else {
            return false;
        };
        // For each symbol, ids of trades grow. They are kept over connections, since the next one
        // may begin with trades that the last one has brought.
        match self.last_trades.get_mut(&trade.symbol) {
            Some(last_id) if id <= *last_id => return true,
            Some(last_id) => *last_id = id,
            None => drop(self.last_trades.insert(trade.symbol.clone(), id)),
        }
        false
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
        let event = FeedEvent::ImpossibleTime {
            exchange: self.exchange.id(),
            symbol: symbol.clone(),
            channel,
            received_ns,
        };
        self.events.send(event).await
    }

    /// Data on a connection that has lasted for a while ends a series of failures.
    fn note_data(&mut self, opened_at: Instant) {
        if self.backoff.attempt() > 0 && opened_at.elapsed() >= HEALTHY_AFTER {
            self.backoff.reset();
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

fn excerpt(message: &Message, secrets: &Secrets) -> String {
    match message {
        Message::Text(bytes) | Message::Binary(bytes) => secrets.quote(bytes).to_string(),
        _ => String::new(),
    }
}
