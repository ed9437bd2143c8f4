//! What arrives on a connection, and what becomes of it.

use transport::{Message, Secrets, WsError};

use super::changes::is_settled;
use super::connection::Connection;
use super::convert::ticker_event;
use super::event_sender::Stopped;
use super::failure::Failure;
use super::session::{Session, symbols};
use super::words::words;
use crate::channel::Channel;
use crate::event::FeedEventKind;
use crate::exchange::{Decoder, ExchangeMessage, Frame, Malformed, Time};
use crate::symbol::Symbol;

impl Session {
    /// Takes what the socket yields. Tells why the connection ended, if it did.
    pub(super) async fn receive(
        &mut self,
        message: Option<Result<Message, WsError>>,
        connection: &mut Connection,
    ) -> Result<Option<Failure>, Stopped> {
        if let Some(Err(error)) = &message {
            self.note_failure(error, connection);
        }
        let message = match connection.message(message) {
            // Signs of life, and no more. The transport answers pings.
            Ok(Message::Ping(_)) => return Ok(None),
            Ok(Message::Pong(_)) => {
                self.answers_pings = Some(true);
                return Ok(None);
            }
            Ok(message) => message,
            Err(end) => return Ok(Some(end)),
        };
        let received_ns = self.events.now_ns();
        self.take_message(&message, connection, received_ns).await
    }

    /// Takes what `message` says, which came at `received_ns`. Tells why the connection ended, if it did.
    pub(super) async fn take_message(
        &mut self,
        message: &Message,
        connection: &mut Connection,
        received_ns: i64,
    ) -> Result<Option<Failure>, Stopped> {
        let mut messages = std::mem::take(&mut self.messages);
        messages.clear();
        let decoded = self.decode(message, &mut *connection.decoder, &mut messages);
        if let Err(malformed) = decoded {
            self.messages = messages;
            let malformed = FeedEventKind::Malformed {
                reason: connection.secrets.seal_text(malformed.reason().to_owned()),
                excerpt: excerpt(message, &connection.secrets),
            };
            self.events.send(malformed, received_ns).await?;
            self.books.note_loss(true, received_ns).await?;
            return Ok(None);
        }
        for said in messages.drain(..) {
            if self.is_left(&said) {
                continue;
            }
            let end = self.take(said, message, connection, received_ns).await?;
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
        self.note_word(&said, received_ns).await?;
        let secrets = &connection.secrets;
        let event = match said {
            ExchangeMessage::Book(change) => {
                connection.has_data = true;
                self.note_time(&change.symbol, Channel::L2Book, change.time, received_ns)
                    .await?;
                // Emitted by the book, if it is true, and never past it.
                self.books.update(change, received_ns).await?;
                return Ok(None);
            }
            ExchangeMessage::Trade(trade) => {
                connection.has_data = true;
                self.note_time(&trade.symbol, Channel::Trades, trade.time, received_ns)
                    .await?;
                self.take_trade(trade, received_ns).await?;
                return Ok(None);
            }
            ExchangeMessage::Ticker(ticker) => {
                connection.has_data = true;
                self.note_time(&ticker.symbol, Channel::Ticker, ticker.time, received_ns)
                    .await?;
                if self.successor.is_open() {
                    self.tickers.note(&ticker, received_ns);
                } else if self.tickers.is_known(&ticker, received_ns) {
                    return Ok(None);
                }
                ticker_event(ticker)
            }
            ExchangeMessage::Alive => return Ok(None),
            ExchangeMessage::Ping { answer } => {
                connection.queue.push_sign_of_life(answer);
                return Ok(None);
            }
            ExchangeMessage::Acknowledged(reply) => {
                let streams = connection.requests.answered(&reply);
                self.note_settled(&streams, connection);
                for stream in streams.iter().filter(|it| is_settled(it, connection)) {
                    if stream.channel == Channel::L2Book {
                        self.books.answered(stream.instrument.symbol(), false);
                    }
                }
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
                self.successor.hasten(connection.age());
                return Ok(None);
            }
            ExchangeMessage::Refused(refusal) => {
                let streams = connection.requests.answered(&refusal.reply);
                self.note_settled(&streams, connection);
                let streams = self.wanted(streams);
                let symbols = match refusal.reply.symbol {
                    Some(symbol) => vec![symbol],
                    None => symbols(&streams),
                };
                for stream in &streams {
                    let (symbol, channel) = (stream.instrument.symbol(), stream.channel);
                    self.watch.liveness.refused(symbol, Some(channel));
                    if channel == Channel::L2Book {
                        self.books.answered(symbol, true);
                    }
                }
                let retry_in = (!streams.is_empty()).then(|| self.ask_again(streams));
                FeedEventKind::Rejected {
                    symbols,
                    retry_in,
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
}

fn excerpt(message: &Message, secrets: &Secrets) -> String {
    match message {
        Message::Text(bytes) | Message::Binary(bytes) => secrets.quote(bytes).as_str().to_owned(),
        _ => String::new(),
    }
}
