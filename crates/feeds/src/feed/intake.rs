//! What arrives on a connection, and what becomes of it.

use std::vec::Drain;

use tokio::task::coop::{consume_budget, has_budget_remaining};
use transport::{Message, Secrets, WsError};

use super::changes::is_settled;
use super::connection::Connection;
use super::convert::ticker_event;
use super::event_sender::Stopped;
use super::failure::Failure;
use super::lines::Useless;
use super::session::{Session, symbols};
use super::words::words;
use crate::channel::Channel;
use crate::event::FeedEventKind;
use crate::exchange::{BookChange, Decoder, ExchangeMessage, Frame, Malformed, Time, Trade};
use crate::instruments::Instruments;
use crate::symbol::Symbol;

/// How many messages are taken in a row, at most.
const ROW: usize = 128;

/// What market data is interrupted by.
enum Interruption {
    /// The exchange says something else.
    Word(ExchangeMessage),
    /// What it has said shows that a line is of no use.
    Useless(Useless),
}

/// What a message says beside market data, or behind something else.
enum Rest {
    /// It cannot be understood.
    Malformed(FeedEventKind),
    /// Market data was interrupted, and this follows.
    Interrupted(Interruption, Vec<ExchangeMessage>),
}

/// What is left of a message that came at `received_ns`.
struct Left {
    rest: Box<Rest>,
    message: Message,
    received_ns: i64,
}

impl Session {
    /// Takes what the socket yields, and as much of what has come with it as is taken in a row. Tells why the
    /// connection ended, if it did.
    pub(super) async fn receive_many(
        &mut self,
        first: Option<Result<Message, WsError>>,
        connection: &mut Connection,
    ) -> Result<Option<Failure>, Stopped> {
        let mut next = first;
        let dues = self.books.dues.len();
        self.events.begin_row();
        for left in (0..ROW).rev() {
            // One read may have brought hundreds: the others have their turns, too.
            if !has_budget_remaining() {
                self.events.begin_row();
            }
            consume_budget().await;
            let end = match self.receive(next, connection) {
                Ok(None) => None,
                Ok(Some(Left {
                    rest,
                    message,
                    received_ns,
                })) => {
                    self.take_rest(rest, &message, connection, received_ns)
                        .await?
                }
                Err(end) => Some(end),
            };
            if self.events.is_due() {
                self.events.hand_over().await?;
            }
            // A book that has to be mended does not wait, and two lines take turns.
            let is_interrupted = self.books.dues.len() != dues || self.second.is_open();
            if end.is_some() || left == 0 || is_interrupted {
                return Ok(end);
            }
            match connection.more().await {
                Some(more) => next = more,
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Takes what the socket yields, as long as that is market data. Returns what is left of it, or why the
    /// connection ended.
    // Without a future, which would be made and dropped for each message.
    fn receive(
        &mut self,
        message: Option<Result<Message, WsError>>,
        connection: &mut Connection,
    ) -> Result<Option<Left>, Failure> {
        if let Some(Err(error)) = &message {
            self.note_failure(error, connection.has_data);
        }
        let message = match connection.message(message)? {
            // Signs of life, and no more. The transport answers pings.
            Message::Ping(_) => return Ok(None),
            Message::Pong(_) => {
                self.answers_pings = Some(true);
                return Ok(None);
            }
            message => message,
        };
        let received_ns = self.events.arrived_ns(length(&message));
        if let (Some(_), Some(number)) = (&self.merge, self.number) {
            self.events.speak_of(number);
        }
        let rest = self.take_market_data(&message, connection, received_ns);
        Ok(rest.map(|rest| Left {
            rest,
            message,
            received_ns,
        }))
    }

    /// Takes what `message` says, which came at `received_ns`. Tells why the connection ended, if it did.
    pub(super) async fn take_message(
        &mut self,
        message: &Message,
        connection: &mut Connection,
        received_ns: i64,
    ) -> Result<Option<Failure>, Stopped> {
        match self.take_market_data(message, connection, received_ns) {
            None => Ok(None),
            Some(rest) => self.take_rest(rest, message, connection, received_ns).await,
        }
    }

    /// Takes what `message` says, as long as that is market data. Returns what is left.
    // Without a future, through which each message would be moved again and again. What is left is boxed, since it is
    // large and rare.
    fn take_market_data(
        &mut self,
        message: &Message,
        connection: &mut Connection,
        received_ns: i64,
    ) -> Option<Box<Rest>> {
        let mut messages = std::mem::take(&mut self.messages);
        messages.clear();
        let limit = self.exchange.limits().frame;
        let malformed = read(message, limit, connection, &self.instruments, &mut messages);
        if let Some(malformed) = malformed {
            self.messages = messages;
            return Some(Box::new(Rest::Malformed(malformed)));
        }
        let mut said = messages.drain(..);
        if let Some(by) = self.take_all_data(&mut said, connection, received_ns) {
            let left = said.collect();
            self.messages = messages;
            return Some(Box::new(Rest::Interrupted(by, left)));
        }
        drop(said);
        self.messages = messages;
        None
    }

    /// Takes what is left of `message`. Tells why the connection ended, if it did.
    async fn take_rest(
        &mut self,
        rest: Box<Rest>,
        message: &Message,
        connection: &mut Connection,
        received_ns: i64,
    ) -> Result<Option<Failure>, Stopped> {
        let (mut by, mut messages) = match *rest {
            Rest::Malformed(malformed) => {
                self.events.send(malformed, received_ns).await?;
                self.books.note_loss(true, received_ns).await?;
                return Ok(None);
            }
            Rest::Interrupted(by, messages) => (by, messages),
        };
        let mut said = messages.drain(..);
        loop {
            let end = match by {
                Interruption::Word(word) => {
                    self.take(word, message, connection, received_ns).await?
                }
                Interruption::Useless(useless) => self.leave_useless(useless).await?,
            };
            if end.is_some() {
                return Ok(end);
            }
            match self.take_all_data(&mut said, connection, received_ns) {
                Some(next) => by = next,
                None => return Ok(None),
            }
        }
    }

    /// Takes the market data of `messages`, until something interrupts it.
    fn take_all_data(
        &mut self,
        messages: &mut Drain<'_, ExchangeMessage>,
        connection: &mut Connection,
        received_ns: i64,
    ) -> Option<Interruption> {
        for said in messages {
            if self.is_left(&said) {
                continue;
            }
            if said.stream().is_none() {
                return Some(Interruption::Word(said));
            }
            connection.has_data = true;
            if self.merge.is_none() {
                self.take_data(said, received_ns);
            } else if let Some(useless) = self.deliver_first(said, received_ns) {
                return Some(Interruption::Useless(useless));
            }
        }
        None
    }

    /// Takes market data that is news.
    // Inlined, and looked at where it is, since what is moved after that is copied.
    #[inline(always)]
    pub(super) fn take_data(&mut self, said: ExchangeMessage, received_ns: i64) {
        self.note_word(&said, received_ns);
        match &said {
            ExchangeMessage::Book(BookChange { symbol, time, .. }) => {
                self.note_time(symbol, Channel::L2Book, *time, received_ns);
            }
            ExchangeMessage::Trade(Trade { symbol, time, .. }) => {
                self.note_time(symbol, Channel::Trades, *time, received_ns);
            }
            ExchangeMessage::Ticker(ticker) => {
                self.note_time(&ticker.symbol, Channel::Ticker, ticker.time, received_ns);
                if self.successor.is_open() {
                    self.tickers.note(ticker, received_ns);
                } else if self.tickers.is_known(ticker, received_ns) {
                    return;
                }
            }
            _ => {}
        }
        match said {
            // Emitted by the book, if it is true, and never past it.
            ExchangeMessage::Book(change) => self.take_change(change, received_ns),
            ExchangeMessage::Trade(trade) => self.take_trade(trade, received_ns),
            ExchangeMessage::Ticker(ticker) => {
                self.events.gather(ticker_event(ticker), received_ns);
            }
            _ => {}
        }
    }

    /// Takes one thing that `frame` says beside market data, and quotes it without any of the connection's
    /// secrets. Tells why the connection ended, if it did.
    async fn take(
        &mut self,
        said: ExchangeMessage,
        frame: &Message,
        connection: &mut Connection,
        received_ns: i64,
    ) -> Result<Option<Failure>, Stopped> {
        let secrets = &connection.secrets;
        let event = match said {
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
            said => match told(said, frame, secrets) {
                Some(event) => event,
                None => return Ok(None),
            },
        };
        self.events.send(event, received_ns).await?;
        Ok(None)
    }

    /// Tells of a time that cannot be, once for each stream.
    #[inline]
    fn note_time(&mut self, symbol: &Symbol, channel: Channel, time: Time, received_ns: i64) {
        if time != Time::Impossible || !self.without_time.insert((symbol.clone(), channel)) {
            return;
        }
        let event = FeedEventKind::ImpossibleTime {
            symbol: symbol.clone(),
            channel,
        };
        self.events.gather(event, received_ns);
    }
}

/// How many bytes a message has.
fn length(message: &Message) -> usize {
    match message {
        Message::Text(bytes) | Message::Binary(bytes) => bytes.len(),
        _ => 0,
    }
}

/// Reads what came on `connection`. Returns what is told if it cannot be understood.
pub(super) fn read(
    message: &Message,
    limit: usize,
    connection: &mut Connection,
    instruments: &Instruments,
    messages: &mut Vec<ExchangeMessage>,
) -> Option<FeedEventKind> {
    let decoder = &mut *connection.decoder;
    let decoded = decode(message, limit, decoder, instruments, messages);
    if let Message::Text(bytes) | Message::Binary(bytes) = message {
        let said = if decoded.is_ok() { &**messages } else { &[] };
        connection.traffic.note(bytes.len(), said);
    }
    let error = decoded.err()?;
    Some(FeedEventKind::Malformed {
        reason: connection.secrets.seal_text(error.reason().to_owned()),
        excerpt: excerpt(message, &connection.secrets),
    })
}

/// Reads `message`, of which as many bytes are allowed as `limit` says.
fn decode(
    message: &Message,
    limit: usize,
    decoder: &mut dyn Decoder,
    instruments: &Instruments,
    messages: &mut Vec<ExchangeMessage>,
) -> Result<(), Malformed> {
    let (Message::Text(bytes) | Message::Binary(bytes)) = message else {
        return Ok(());
    };
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
    decoder.decode(frame, instruments, messages)
}

/// What is told of something that `frame` says and that asks for nothing else.
pub(super) fn told(
    said: ExchangeMessage,
    frame: &Message,
    secrets: &Secrets,
) -> Option<FeedEventKind> {
    match said {
        ExchangeMessage::Notice { text } => Some(FeedEventKind::Notice {
            text: words(text, secrets),
        }),
        ExchangeMessage::Unknown { kind } => Some(FeedEventKind::Unknown {
            kind: words(kind, secrets),
            excerpt: excerpt(frame, secrets),
        }),
        _ => None,
    }
}

fn excerpt(message: &Message, secrets: &Secrets) -> String {
    match message {
        Message::Text(bytes) | Message::Binary(bytes) => secrets.quote(bytes).as_str().to_owned(),
        _ => String::new(),
    }
}
