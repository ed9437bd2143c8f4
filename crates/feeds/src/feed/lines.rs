//! What a session does with a second connection, and how one stream is made of both.

use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::sleep;
use transport::Message;

use super::changes::catch_up;
use super::connection::{Connection, Step};
use super::event_sender::{EventSender, Stopped};
use super::failure::{Failure, Pace};
use super::intake::{read, told};
use super::second_line::{Second, Turn};
use super::session::{Session, resubscribe, symbols};
use super::words::words;
use crate::channel::Channel;
use crate::event::FeedEventKind;
use crate::exchange::{BookChange, ExchangeMessage, Stream};
use crate::merge::{Line, Merge};
use crate::symbol::Symbol;

/// That a line is of no use any longer, although its connection is open.
pub(super) struct Useless {
    line: Line,
    failure: Failure,
}

impl Session {
    /// Does what is due for the second connection. Tells why the first one ends, if it does.
    pub(super) async fn take_second(
        &mut self,
        turn: Turn,
        connection: &mut Connection,
    ) -> Result<Option<Failure>, Stopped> {
        match turn {
            Turn::Dial => {
                let mut opening = self.opening();
                opening.apart_from.push(connection.egress().clone());
                // A host that cannot be reached is tried every other time.
                let is_odd = self.second.failed_dials() % 2 == 1;
                opening.elsewhere = connection.is_elsewhere() == is_odd;
                self.second.dial(opening, self.ws());
                Ok(None)
            }
            Turn::Opened(mut second) => {
                catch_up(&*self.exchange, &self.streams, &mut second);
                self.second.open(*second, self.events.number_beside());
                if let Some(merge) = &mut self.merge {
                    merge.open(merge.leading().other());
                }
                Ok(None)
            }
            Turn::Settled => {
                let Some(Second {
                    connection: second,
                    number,
                    ..
                }) = self.second.get()
                else {
                    return Ok(None);
                };
                let line_up = FeedEventKind::LineUp {
                    proxies: second.proxies(),
                    is_apart: second.egress() != connection.egress(),
                };
                self.events.speak_of(*number);
                self.events.send_now(line_up).await?;
                Ok(self.is_replacement_due.then(of_age))
            }
            Turn::Step(step) => self.take_step(step).await,
            Turn::Failed(failure, retry_in) => {
                self.tell_not_replaced(failure, retry_in).await?;
                Ok(None)
            }
        }
    }

    async fn take_step(&mut self, step: Step) -> Result<Option<Failure>, Stopped> {
        let failure = match step {
            Step::Received(message) => {
                if let Some(Err(error)) = &message
                    && let Some(second) = self.second.get()
                {
                    let has_data = second.connection.has_data;
                    self.note_failure(error, has_data);
                }
                let Some(second) = self.second.get() else {
                    return Ok(None);
                };
                match second.connection.message(message) {
                    Ok(message) => {
                        let end = self.take_beside(&message).await;
                        if let Some(second) = self.second.get() {
                            second.connection.note_heard();
                        }
                        return end;
                    }
                    Err(failure) => failure,
                }
            }
            Step::Sent(_) => return Ok(None),
            Step::Unanswered(_) => Failure::new("a request was not answered"),
            Step::Failed(failure) => failure,
        };
        self.lose_second(failure).await?;
        Ok(None)
    }

    /// Takes what the second connection says. Tells why the first one ends, if it does.
    async fn take_beside(&mut self, message: &Message) -> Result<Option<Failure>, Stopped> {
        let (Some(second), Some(merge)) = (self.second.get(), &self.merge) else {
            return Ok(None);
        };
        let line = merge.leading().other();
        let received_ns = self.events.now_ns();
        self.events.speak_of(second.number);
        let mut messages = std::mem::take(&mut self.messages);
        messages.clear();
        let limit = self.exchange.limits().frame;
        let connection = &mut second.connection;
        if let Some(malformed) = read(message, limit, connection, &self.instruments, &mut messages)
        {
            self.messages = messages;
            self.events.send(malformed, received_ns).await?;
            self.standby.note_loss(received_ns);
            return Ok(None);
        }
        let mut end = None;
        for said in messages.drain(..) {
            if self.is_left(&said) {
                continue;
            }
            match said.stream() {
                Some(_) => {
                    if let Some(second) = self.second.get() {
                        second.connection.has_data = true;
                    }
                    if let Some(useless) = self.deliver(line, said, received_ns) {
                        if useless.line == line {
                            self.lose_second(useless.failure).await?;
                            break;
                        }
                        end = Some(useless.failure);
                    }
                }
                None => {
                    if !self.take_word(said, message, received_ns).await? {
                        break;
                    }
                }
            }
        }
        messages.clear();
        self.messages = messages;
        Ok(end)
    }

    /// Takes what the second connection says beside market data. Returns whether it goes on.
    async fn take_word(
        &mut self,
        said: ExchangeMessage,
        frame: &Message,
        received_ns: i64,
    ) -> Result<bool, Stopped> {
        let Some(Second { connection, .. }) = self.second.get() else {
            return Ok(false);
        };
        let event = match said {
            ExchangeMessage::Ping { answer } => {
                connection.queue.push_sign_of_life(answer);
                return Ok(true);
            }
            ExchangeMessage::Acknowledged(reply) => {
                connection.requests.answered(&reply);
                return Ok(true);
            }
            ExchangeMessage::Missed => {
                self.standby.note_loss(received_ns);
                FeedEventKind::MessagesMissed
            }
            ExchangeMessage::ShutdownAnnounced { .. } => {
                let announced = FeedEventKind::ShutdownAnnounced;
                self.events.send(announced, received_ns).await?;
                let announced = Failure::new("the exchange is about to close the connection");
                self.lose_second(announced.with_pace(Pace::AtOnce)).await?;
                return Ok(false);
            }
            // What the first connection has and this one has not is found by counting.
            ExchangeMessage::Refused(refusal) => {
                let streams = connection.requests.answered(&refusal.reply);
                FeedEventKind::Rejected {
                    symbols: match refusal.reply.symbol {
                        Some(symbol) => vec![symbol],
                        None => symbols(&streams),
                    },
                    retry_in: None,
                    code: refusal.code.map(|code| words(code, &connection.secrets)),
                    message: words(refusal.message, &connection.secrets),
                }
            }
            said => match told(said, frame, &connection.secrets) {
                Some(event) => event,
                None => return Ok(true),
            },
        };
        self.events.send(event, received_ns).await?;
        Ok(true)
    }

    /// Takes the market data that `line` brings, as far as it is news. Tells if a line is of no use.
    pub(super) fn deliver(
        &mut self,
        line: Line,
        said: ExchangeMessage,
        received_ns: i64,
    ) -> Option<Useless> {
        let Some(merge) = &mut self.merge else {
            self.take_data(said, received_ns);
            return None;
        };
        let mute = merge.count(line, &said, received_ns);
        let mut useless = None;
        match said {
            ExchangeMessage::Book(change)
                if line != merge.leading() && self.exchange.rules().books.is_streamed() =>
            {
                let symbol = change.symbol.clone();
                if self.standby.update(change, received_ns) {
                    self.renew_standby(&symbol);
                }
            }
            said => {
                if let Some(said) = merge.take(line, said, received_ns) {
                    self.take_data(said, received_ns);
                }
                self.release(received_ns);
                useless = self.fault.take().map(|failure| Useless { line, failure });
            }
        }
        let silent = mute.map(|(symbol, channel)| Useless {
            line: line.other(),
            failure: Failure::new(format!(
                "{symbol} {channel} is silent, and not on the other connection"
            )),
        });
        // The first connection is left for one that is as good.
        let is_usable = |it: &Useless| match &self.merge {
            Some(merge) if it.line == merge.leading() => self.second.is_settled(),
            _ => true,
        };
        useless.or(silent).filter(is_usable)
    }

    /// Takes the market data that the first connection brings. Tells if a line is of no use.
    pub(super) fn deliver_first(
        &mut self,
        said: ExchangeMessage,
        received_ns: i64,
    ) -> Option<Useless> {
        let line = self.merge.as_ref().map_or(Line::A, Merge::leading);
        self.deliver(line, said, received_ns)
    }

    /// Leaves a line that is of no use. Tells why the first connection ends, if it is that.
    pub(super) async fn leave_useless(
        &mut self,
        Useless { line, failure }: Useless,
    ) -> Result<Option<Failure>, Stopped> {
        if line == self.merge.as_ref().map_or(Line::A, Merge::leading) {
            return Ok(Some(failure));
        }
        self.lose_second(failure).await?;
        Ok(None)
    }

    /// Takes a change of a book of the first connection. If the book is wrong then, and that of the second
    /// one is true, the first one shall be left for it.
    #[inline(always)]
    pub(super) fn take_change(&mut self, change: BookChange, received_ns: i64) {
        match self.second.is_settled() {
            true => self.take_change_beside(change, received_ns),
            false => self.books.update(change, received_ns),
        }
    }

    /// As [`take_change`](Self::take_change), while there is a second connection.
    #[inline(never)]
    fn take_change_beside(&mut self, change: BookChange, received_ns: i64) {
        if !self.standby.is_true(&change.symbol) {
            return self.books.update(change, received_ns);
        }
        let symbol = change.symbol.clone();
        if self.books.check(change, received_ns) {
            return self.books.carry_out(&symbol);
        }
        let problem = format!("its book of {symbol} is not the exchange's any longer");
        self.fault = Some(Failure::new(problem));
    }

    /// Takes what is held and due.
    pub(super) fn release(&mut self, now_ns: i64) {
        while let Some(said) = self.merge.as_mut().and_then(|merge| merge.release(now_ns)) {
            self.take_data(said, now_ns);
        }
    }

    /// Has the second connection go on in place of `connection`, which has ended by `end`. Returns the failure
    /// if there is none.
    pub(super) async fn promote(
        &mut self,
        connection: &mut Connection,
        mut end: Failure,
    ) -> Result<Option<Failure>, Stopped> {
        let planned = is_planned(&end);
        let Some((second, retry_in)) = self.second.take(&mut end, connection.age()) else {
            return Ok(Some(end));
        };
        let Second {
            connection: next,
            number,
            is_settled,
            ..
        } = *second;
        let before = std::mem::replace(connection, next);
        let replaces = self.number.replace(number);
        if let Some(number) = replaces {
            self.events.speak_of(number);
        }
        self.events.send_blocked(&end).await?;
        let event = match is_settled {
            true => FeedEventKind::LineDown {
                reason: end.on(before.way()).reason,
                retry_in,
                planned,
            },
            // It has never been told.
            false => {
                self.events.speak_of(number);
                FeedEventKind::Connected {
                    proxies: connection.proxies(),
                    symbols: self.symbols(),
                    replaces,
                }
            }
        };
        self.events.send_now(event).await?;
        self.events.speak_of(number);
        self.farewells.push(before.leave().boxed());
        self.note_left(connection);
        self.retries.clear();
        self.is_replacement_due = false;
        let rollover = self.exchange.limits().rollover;
        let left = rollover.map(|rollover| rollover.saturating_sub(connection.age()));
        self.successor.begin(left);
        if let Some(merge) = &mut self.merge {
            merge.close(merge.leading());
        }
        let now_ns = self.events.now_ns();
        self.release(now_ns);
        self.pass_books(connection).await?;
        Ok(None)
    }

    /// Has the books go on by what `connection` brings.
    async fn pass_books(&mut self, connection: &mut Connection) -> Result<(), Stopped> {
        for stream in connection.queue.waiting() {
            if stream.channel == Channel::L2Book {
                self.books.lose(stream.instrument.symbol()).await?;
            }
        }
        if !self.exchange.rules().books.is_streamed() {
            return Ok(());
        }
        let books = |it: &&Stream| it.channel == Channel::L2Book;
        let streams: Vec<_> = self.streams.iter().filter(books).cloned().collect();
        let mut void = Vec::new();
        for stream in streams {
            let symbol = stream.instrument.symbol();
            match self.standby.take(symbol) {
                Some((book, snapshot)) => self.books.replace(symbol, book, snapshot).await?,
                None => {
                    self.books.lose(symbol).await?;
                    void.push(stream);
                }
            }
        }
        self.standby.clear();
        resubscribe(&*self.exchange, &void, connection);
        Ok(())
    }

    /// The second connection is of no use any longer.
    async fn lose_second(&mut self, mut failure: Failure) -> Result<(), Stopped> {
        let planned = is_planned(&failure);
        let age = self.second.get().map(|it| it.connection.age());
        let taken = self.second.take(&mut failure, age.unwrap_or_default());
        let Some((second, retry_in)) = taken else {
            return Ok(());
        };
        if let Some(merge) = &mut self.merge {
            let leading = merge.leading();
            merge.close(leading.other());
        }
        self.standby.clear();
        self.events.speak_of(second.number);
        self.events.send_blocked(&failure).await?;
        let reason = failure.on(second.connection.way()).reason;
        let event = match second.is_settled {
            true => FeedEventKind::LineDown {
                reason,
                retry_in,
                planned,
            },
            false => FeedEventKind::ReplacementFailed { reason, retry_in },
        };
        self.events.send_now(event).await?;
        self.farewells.push(second.connection.leave().boxed());
        let now_ns = self.events.now_ns();
        self.release(now_ns);
        self.events.hand_over_due().await
    }

    fn renew_standby(&mut self, symbol: &Symbol) {
        let stream = self.books.instrument(symbol).map(|instrument| Stream {
            instrument: instrument.clone(),
            channel: Channel::L2Book,
        });
        if let (Some(stream), Some(second)) = (stream, self.second.get()) {
            resubscribe(&*self.exchange, &[stream], &mut second.connection);
        }
    }
}

/// Why a connection is replaced by the one beside it, before the exchange ends it.
pub(super) fn of_age() -> Failure {
    Failure::new("another connection is due").with_pace(Pace::AtOnce)
}

/// Whether a line ends for no failure.
fn is_planned(end: &Failure) -> bool {
    matches!(end.pace, Pace::AtOnce | Pace::Rerouted)
}

/// Ends when something that is held is due.
pub(super) async fn held(merge: Option<&Merge>, events: &EventSender) {
    match merge.and_then(Merge::due_ns) {
        Some(due_ns) => {
            let left_ns = due_ns.saturating_sub(events.now_ns());
            let left = u64::try_from(left_ns).unwrap_or_default();
            sleep(Duration::from_nanos(left)).await;
        }
        None => std::future::pending().await,
    }
}
