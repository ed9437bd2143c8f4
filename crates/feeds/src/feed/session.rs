//! One WebSocket connection and all that follow it.

use std::collections::{BTreeSet, HashMap};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, sleep};
use transport::{Message, Secrets, WebSocket, WsDialer, WsError};

use super::HEALTHY_AFTER;
use super::backoff::Backoff;
use super::books::Books;
use super::event_sender::{EventSender, Stopped, now_ns};
use super::failure::{Failure, Pace};
use super::wait::wait;
use crate::channel::Channel;
use crate::event::{FeedEvent, Trade};
use crate::exchange::{Exchange, ExchangeMessage, Malformed};
use crate::instruments::{Instrument, Instruments};
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
    pub(super) chosen: Vec<Instrument>,
    pub(super) channels: BTreeSet<Channel>,
    /// What messages may be about: `chosen`, by name.
    pub(super) instruments: Instruments,
    pub(super) books: Books,
    pub(super) last_trades: HashMap<Symbol, u64>,
    pub(super) backoff: Backoff,
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
            Ok(socket) => {
                let end = self.stream(socket).await?;
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

    async fn dial(&mut self) -> Result<WebSocket, Failure> {
        let request = self.exchange.stream_request(&self.chosen, &self.channels)?;
        Ok(self.ws.dial(request).await?)
    }

    /// Streams until the connection ends, and tells why it did.
    async fn stream(&mut self, mut socket: WebSocket) -> Result<Failure, Stopped> {
        let proxies = socket.info().hops().iter().map(ToString::to_string);
        self.events
            .send(FeedEvent::Connected {
                exchange: self.exchange.id(),
                proxies: proxies.collect(),
                received_ns: now_ns(),
            })
            .await?;
        let secrets = socket.info().secrets().clone();
        let opened_at = Instant::now();
        let mut heard_at = opened_at;
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
                message = socket.next() => {
                    if let Some(end) = self.receive(message, opened_at, &secrets).await? {
                        return Ok(end);
                    }
                    // After the message was dealt with, which may have meant waiting for the
                    // subscriber.
                    heard_at = Instant::now();
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

    /// Takes what the socket yields, and quotes it without any of `secrets`. Tells why the connection
    /// ended, if it did.
    async fn receive(
        &mut self,
        message: Option<Result<Message, WsError>>,
        opened_at: Instant,
        secrets: &Secrets,
    ) -> Result<Option<Failure>, Stopped> {
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
        let decoded = self.decode(&message, received_ns);
        if let Ok(
            ExchangeMessage::Trade(_) | ExchangeMessage::Ticker(_) | ExchangeMessage::Depth(_),
        ) = decoded
        {
            // Not for acknowledgements or errors: an exchange that accepts every connection and
            // sends nothing on it shall not be dialed each second.
            self.note_data(opened_at);
        }
        let exchange = self.exchange.id();
        let event = match decoded {
            Ok(ExchangeMessage::Depth(delta)) => {
                // Emitted by the book, if it is true, and never past it.
                self.books.update(delta).await?;
                return Ok(None);
            }
            Ok(ExchangeMessage::Trade(trade)) if self.is_repeated(&trade) => return Ok(None),
            Ok(ExchangeMessage::Trade(trade)) => FeedEvent::Trade(trade),
            Ok(ExchangeMessage::Ticker(ticker)) => FeedEvent::Ticker(ticker),
            Ok(ExchangeMessage::Acknowledged) => return Ok(None),
            Ok(ExchangeMessage::ShutdownAnnounced) => {
                let announced = FeedEvent::ShutdownAnnounced {
                    exchange,
                    received_ns,
                };
                self.events.send(announced).await?;
                // Without waiting for the close, which may come at once or much later.
                let end = Failure::new("the exchange announced a shutdown").with_pace(Pace::AtOnce);
                return Ok(Some(end));
            }
            Ok(ExchangeMessage::Rejected { code, message }) => FeedEvent::Rejected {
                exchange,
                code,
                message: secrets.seal_text(message),
                received_ns,
            },
            Ok(ExchangeMessage::Unknown { kind }) => FeedEvent::Unknown {
                exchange,
                kind: secrets.seal_text(kind),
                excerpt: excerpt(&message, secrets),
                received_ns,
            },
            Err(malformed) => FeedEvent::Malformed {
                exchange,
                reason: secrets.seal_text(malformed.reason().to_owned()),
                excerpt: excerpt(&message, secrets),
                received_ns,
            },
        };
        self.events.send(event).await?;
        Ok(None)
    }

    fn decode(&self, message: &Message, received_ns: i64) -> Result<ExchangeMessage, Malformed> {
        let Message::Text(_) = message else {
            return Err(Malformed::new("binary, not text"));
        };
        let text = message
            .as_text()
            .ok_or_else(|| Malformed::new("not utf-8"))?;
        self.exchange.decode(text, &self.instruments, received_ns)
    }

    /// Whether the trade has been seen before, perhaps over an earlier connection.
    fn is_repeated(&mut self, trade: &Trade) -> bool {
        // For each symbol, ids of trades grow. They are kept over connections, since the next one
        // may begin with trades that the last one has brought.
        match self.last_trades.get_mut(&trade.symbol) {
            Some(last_id) if trade.id <= *last_id => return true,
            Some(last_id) => *last_id = trade.id,
            None => drop(self.last_trades.insert(trade.symbol.clone(), trade.id)),
        }
        false
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
