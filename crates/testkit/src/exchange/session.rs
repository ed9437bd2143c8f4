//! An open WebSocket connection of an exchange.

use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::io::AsyncWriteExt;
use tokio::sync::broadcast::Receiver;
use tokio::task::unconstrained;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use transport::{BoxError, Io};

use super::Setup;
use super::fault::Copies;
use super::feed::Feed;
use super::frame::Frame;
use super::guard::{Client, millis};
use super::market::now;
use super::protocol::{Breach, Source, StreamProtocol};
use super::record::ExchangeConnection;
use crate::ledger::{Entry, push_bounded};

/// How long a client has to answer a close frame.
// An answer on one machine takes no time; this is for a client that never gives one.
const FAREWELL: Duration = Duration::from_secs(1);

/// "Going away" (RFC 6455, section 7.4.1).
const AWAY: u16 = 1001;

/// What every connection shall do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Close with this code.
    Close(u16),
    /// Say that the server will go away, or close where the exchange says nothing.
    Notice,
    /// The same, and close as long after it as the exchange does.
    Shutdown,
}

//     what happens                                 what is done
//     the start                                    the exchange's greeting, if it has one
//     a message                                    the protocol's answers, if it has any
//     a pong that repeats a ping's payload         the deadline is over
//     too many messages, or one too long           close as the protocol does
//     a tick of the market                         its frames, unless the exchange is muted
//     time for a ping                              ping, and a deadline if there is none;
//                                                  or the exchange's own heartbeat
//     a ping was not answered in time              close as the protocol does, unless something is unread
//     nothing was sent for the time that is idle   the same
//     the connection will soon be that old         the protocol's notice, if it has one
//     the connection is as old as it may be        close as the protocol does
//     the order to close                           close with the code that was ordered
//     the order to shut down                       the protocol's notice, then the end of its age; or
//                                                  close 1001 without one
//     the client is too slow, or gone              end
/// What a connection does next.
enum Action {
    Nothing,
    Send(Vec<Frame>),
    Ping,
    Close(u16, &'static str),
    End,
}

/// One connection.
pub(super) struct Session<'a> {
    setup: &'a Setup,
    peer: SocketAddr,
    socket: WebSocketStream<Box<dyn Io>>,
    protocol: Box<dyn StreamProtocol>,
    entry: Entry<ExchangeConnection>,
    /// The pings since the last pong that answered one.
    unanswered: Vec<Bytes>,
    /// By when the first of them must be answered.
    deadline: Option<Instant>,
    /// When the last message was sent, or the connection opened.
    last_sent: Instant,
    /// When the end is announced.
    notice: Option<Instant>,
    /// When the connection is as old as it may be.
    end: Option<Instant>,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        setup: &'a Setup,
        socket: WebSocketStream<Box<dyn Io>>,
        protocol: Box<dyn StreamProtocol>,
        entry: Entry<ExchangeConnection>,
        peer: SocketAddr,
    ) -> Self {
        let opened = Instant::now();
        let age = setup.conduct.rollover;
        // In time for what lives shorter than the notice is long.
        let notice = age.map(|age| opened + (age - setup.conduct.notice.min(age / 2)));
        Self {
            setup,
            peer,
            socket,
            protocol,
            entry,
            unanswered: Vec::new(),
            deadline: None,
            last_sent: opened,
            notice,
            end: age.map(|age| opened + age),
        }
    }

    /// Serves the connection until it is closed.
    pub(super) async fn run(mut self, feed: Feed, orders: Receiver<Order>) -> Result<(), BoxError> {
        self.talk(feed, orders).await?;
        self.socket.get_mut().shutdown().await?;
        Ok(())
    }

    async fn talk(&mut self, mut feed: Feed, mut orders: Receiver<Order>) -> Result<(), BoxError> {
        let mut pings = self.setup.conduct.ping_every.map(|period| {
            let mut pings = interval_at(Instant::now() + period, period);
            pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
            pings
        });
        // A recording has its own.
        if self.setup.replay.is_none()
            && let Some(greeting) = self.protocol.greeting()
        {
            self.send(vec![Frame::control(greeting)]).await?;
        }
        loop {
            // Copied: the branches below borrow the session.
            let (elapsed, notice, end) = (self.deadline, self.notice, self.end);
            let idle = self.setup.conduct.idle.map(|idle| self.last_sent + idle);
            let action = tokio::select! {
                message = self.socket.next() => match message {
                    Some(message) => self.receive(message?),
                    None => Action::End,
                },
                // Taken from the feed even when muted, so that the events are lost and not late.
                frames = feed.next(&mut *self.protocol, &self.setup.faults) => {
                    let frames = frames?;
                    match self.setup.faults.is_muted() {
                        true => Action::Nothing,
                        false => Action::Send(self.audible(frames)),
                    }
                }
                order = orders.recv() => match order {
                    Ok(Order::Close(code)) => Action::Close(code, ""),
                    Ok(Order::Notice) => self.announce(),
                    Ok(Order::Shutdown) => self.shut_down(),
                    Err(_) => Action::End,
                },
                () = next_tick(pings.as_mut()) => self.beat(),
                // What has come and is not read yet may be the pong. A task that has used up its share
                // would not see it.
                () = reached(elapsed) => match unconstrained(self.socket.next()).now_or_never() {
                    Some(Some(message)) => self.receive(message?),
                    Some(None) => Action::End,
                    None => self.deaf(),
                },
                () = reached(idle) => self.idle(),
                () = reached(notice) => self.remind(),
                // However late it is: the notice comes first.
                () = reached(end) => match self.notice {
                    Some(_) => self.remind(),
                    None => self.part(Breach::Age),
                },
            };
            match action {
                Action::Nothing => {}
                Action::Send(frames) => self.send(frames).await?,
                Action::Ping => self.ping().await?,
                Action::Close(code, reason) => return self.close(code, reason).await,
                Action::End => return Ok(()),
            }
        }
    }

    fn receive(&mut self, message: Message) -> Action {
        let answers_ping = match &message {
            // RFC 6455, section 5.5.3: a client may answer only the latest of several pings. A pong
            // that nobody asked for keeps nothing alive.
            Message::Pong(payload) => self.unanswered.contains(payload),
            _ => false,
        };
        if answers_ping {
            self.unanswered.clear();
            self.deadline = None;
        }
        let counts = !answers_ping || self.setup.counts_pongs;
        if counts && let Some(breach) = self.breach(&message) {
            return self.part(breach);
        }
        match message {
            Message::Text(text) => {
                let received = text.as_str().to_owned();
                self.entry.update(|record| {
                    push_bounded(&mut record.messages_received, received);
                });
                let frames = self.protocol.receive(&text, self.source());
                Action::Send(self.audible(frames))
            }
            _ => Action::Nothing,
        }
    }

    /// What is not muted.
    fn audible(&self, mut frames: Vec<Frame>) -> Vec<Frame> {
        let is_muted = |stream: &String| self.setup.faults.mutes(stream);
        frames.retain(|frame| !frame.stream.as_ref().is_some_and(is_muted));
        frames
    }

    /// Counts a message from the client, and says what is wrong with it.
    fn breach(&mut self, message: &Message) -> Option<Breach> {
        let conduct = &self.setup.conduct;
        let client = self.client();
        // An acknowledgement of the close frame is no message.
        if let Some(window) = conduct.messages
            && !message.is_close()
            && client.spend_here(window, 1).refused.is_some()
        {
            client.closed();
            return Some(Breach::Messages);
        }
        let is_too_long = conduct
            .message_size
            .is_some_and(|limit| client.exceeds("request", message.len(), limit));
        is_too_long.then_some(Breach::MessageSize)
    }

    /// A ping was not answered in time.
    fn deaf(&mut self) -> Action {
        self.deadline = None;
        self.neglect("pong", self.setup.conduct.pong_within, Breach::Pong)
    }

    /// Nothing was sent for too long.
    fn idle(&mut self) -> Action {
        self.last_sent = Instant::now();
        let allowed = self.setup.conduct.idle.unwrap_or_default();
        self.neglect("idle", allowed, Breach::Idle)
    }

    fn neglect(&self, limit: &'static str, allowed: Duration, breach: Breach) -> Action {
        let allowed = usize::try_from(millis(allowed)).unwrap_or(usize::MAX);
        if self
            .client()
            .exceeds(limit, allowed.saturating_add(1), allowed)
        {
            self.part(breach)
        } else {
            Action::Nothing
        }
    }

    fn part(&self, breach: Breach) -> Action {
        let (code, reason) = self.protocol.farewell(breach);
        Action::Close(code, reason)
    }

    fn beat(&self) -> Action {
        match self.protocol.heartbeat() {
            None => Action::Ping,
            // A recording has its own.
            Some(_) if self.setup.replay.is_some() => Action::Nothing,
            Some(frames) => Action::Send(frames),
        }
    }

    fn announce(&self) -> Action {
        self.notice().unwrap_or(Action::Close(AWAY, ""))
    }

    fn shut_down(&mut self) -> Action {
        self.notice = None;
        let soon = Instant::now() + self.setup.conduct.notice;
        self.end = Some(self.end.map_or(soon, |end| end.min(soon)));
        self.announce()
    }

    /// Announces the end of the connection's age.
    fn remind(&mut self) -> Action {
        self.notice = None;
        self.notice().unwrap_or(Action::Nothing)
    }

    fn notice(&self) -> Option<Action> {
        let notice = self.protocol.shutdown_notice()?;
        Some(Action::Send(vec![Frame::control(notice)]))
    }

    fn client(&self) -> Client<'a> {
        self.source().client
    }

    fn source(&self) -> Source<'a> {
        self.setup.source(self.peer)
    }

    async fn send(&mut self, frames: Vec<Frame>) -> Result<(), BoxError> {
        let mut sent = 0;
        for mut frame in frames {
            self.setup.faults.broken(&mut frame.text);
            let copies = match frame.is_depth {
                true => self.setup.faults.take_depth(),
                false => Copies::One,
            };
            let copies = match copies {
                Copies::None => 0,
                Copies::One => 1,
                Copies::Two => 2,
            };
            for _ in 0..copies {
                self.socket.feed(Message::text(frame.text.clone())).await?;
            }
            sent += copies;
        }
        // Once for all frames of a tick, so that they leave together.
        self.socket.flush().await?;
        if sent > 0 {
            self.last_sent = Instant::now();
            self.entry.update(|record| record.messages_sent += sent);
        }
        Ok(())
    }

    async fn ping(&mut self) -> Result<(), BoxError> {
        let payload = Bytes::from((now() / 1000).to_string());
        // The deadline is that of the oldest ping without an answer.
        if self.deadline.is_none() {
            self.deadline = Some(Instant::now() + self.setup.conduct.pong_within);
        }
        self.unanswered.push(payload.clone());
        self.socket.send(Message::Ping(payload)).await?;
        Ok(())
    }

    async fn close(&mut self, code: u16, reason: &'static str) -> Result<(), BoxError> {
        let frame = CloseFrame {
            code: code.into(),
            reason: reason.into(),
        };
        self.socket.close(Some(frame)).await?;
        // Reads on, since a socket that is dropped with unread bytes is reset, and the reset may
        // overtake the close frame.
        let silence = async { while let Some(Ok(_)) = self.socket.next().await {} };
        // An error says that the client did not answer in time.
        let _ = timeout(FAREWELL, silence).await;
        Ok(())
    }
}

/// Waits for the next tick, or for ever without a clock.
async fn next_tick(clock: Option<&mut Interval>) {
    match clock {
        Some(clock) => drop(clock.tick().await),
        None => pending().await,
    }
}

/// Waits for a point in time, or for ever without one.
async fn reached(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}
