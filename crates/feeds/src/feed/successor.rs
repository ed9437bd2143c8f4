//! The connection that takes over from another one, without a loss.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use tokio::time::{Instant, Sleep, sleep};
use transport::{Message, WsDialer};

use super::backoff::Backoff;
use super::changes::key;
use super::connection::{Connection, Opening, Step};
use super::event_sender::EventSender;
use super::failure::{Failure, Pace};
use super::pacing::LASTING;
use super::wait::reached;
use crate::channel::Channel;
use crate::exchange::Stream;
use crate::symbol::Symbol;

/// How long both connections are read, from when everything is asked for on the second one. What one of
/// them is behind the other is far less.
const OVERLAP: Duration = Duration::from_secs(2);

/// The most bytes of messages that wait for the second connection to take over. With more, it is given
/// up, and tried again later.
const MOST: usize = 32 << 20;

/// Of the age at which an exchange ends a connection, the part that is left for replacing it.
//     24 h    between 22 h 30 min and 23 h 30 min: connections that were opened together part ways
const MARGIN: u32 = 48;

//     state          what happens                                          next
//     Waiting        the age is reached, or another one is asked for       Dialing
//     Dialing        it is open                                            Overlapping
//     Dialing        it fails                                              Waiting, for a growing delay
//     Overlapping    everything is asked for, and 2 s have passed          it takes over
//     Overlapping    it ends, or what it says is too much                  Waiting, for a growing delay
//
// What the second connection says waits until it takes over. What the first one has brought by then is
// known by its ids.
/// What shall take over from a connection.
pub(super) struct Successor {
    /// When to dial, while it is waited for.
    due: Pin<Box<Sleep>>,
    state: State,
    is_hastened: bool,
    backoff: Backoff,
    /// The end of what the exchange asked to wait.
    imposed_until: Instant,
}

enum State {
    Waiting,
    Dialing(BoxFuture<'static, Result<Connection, Failure>>),
    Overlapping(Box<Overlap>),
}

/// A second connection, while the first one is still read.
pub(super) struct Overlap {
    pub(super) connection: Connection,
    /// What it has said, and when.
    pub(super) heard: VecDeque<(Message, i64)>,
    /// After how many messages a stream was asked for again that had been left: what came of it until then
    /// is of the earlier subscription.
    pub(super) since: HashMap<(Symbol, Channel), usize>,
    bytes: usize,
    /// Since when everything has been asked for.
    asked_at: Option<Instant>,
}

/// What there is of a second connection.
pub(super) enum Left {
    /// Its dial.
    Dialing(BoxFuture<'static, Result<Connection, Failure>>),
    /// The connection.
    Open(Box<Overlap>),
}

/// What is to be done about the second connection.
pub(super) enum Turn {
    /// Open it.
    Dial,
    /// It is open. Ask it for what has been changed meanwhile.
    Opened,
    /// Have it take over.
    TakeOver(Box<Overlap>),
    /// Tell that it failed, and when the next one is tried.
    Failed(Failure, Duration),
}

impl Successor {
    /// That of no connection.
    pub(super) fn new() -> Self {
        Self {
            due: Box::pin(sleep(Duration::MAX)),
            state: State::Waiting,
            is_hastened: false,
            backoff: Backoff::new(),
            imposed_until: Instant::now(),
        }
    }

    /// From now on, it is that of a connection which the exchange ends at the age `rollover`.
    pub(super) fn begin(&mut self, rollover: Option<Duration>) {
        self.due = Box::pin(sleep(before(rollover)));
        self.state = State::Waiting;
        self.is_hastened = false;
        self.imposed_until = Instant::now();
    }

    /// One is needed now, after a connection of this age.
    pub(super) fn hasten(&mut self, age: Duration) {
        if self.is_hastened || !matches!(self.state, State::Waiting) {
            return;
        }
        self.is_hastened = true;
        // An exchange that wants another one again and again is not dialed in a loop.
        let delay = match age >= LASTING {
            true => {
                self.backoff.reset();
                Duration::ZERO
            }
            false => self.backoff.growing(),
        };
        let due = (Instant::now() + delay).max(self.imposed_until);
        self.due.as_mut().reset(due);
    }

    /// The first connection has ended, as `end` tells. What the exchange asked to wait is waited for all the
    /// same, unless there is another way.
    pub(super) fn imposed_on(&self, end: Failure) -> Failure {
        let left = self.imposed_until.saturating_duration_since(Instant::now());
        if left.is_zero() || end.pace == Pace::Rerouted {
            return end;
        }
        let wait = end.retry_after.max(Some(left));
        end.with_retry_after(wait)
    }

    /// Opens it.
    pub(super) fn dial(&mut self, opening: Opening, ws: Arc<dyn WsDialer>) {
        self.state = State::Dialing(Connection::open(opening, ws).boxed());
    }

    /// Whether it is open, and the first connection is still read.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Overlapping(_))
    }

    /// The connection, if it is open, to ask for something else: it takes over when that is done.
    pub(super) fn connection(&mut self) -> Option<&mut Connection> {
        match &mut self.state {
            State::Overlapping(overlap) => {
                overlap.asked_at = None;
                Some(&mut overlap.connection)
            }
            _ => None,
        }
    }

    /// These streams will be asked for, of which some may have been left before.
    pub(super) fn note_return(&mut self, streams: &[Stream]) {
        if let State::Overlapping(overlap) = &mut self.state {
            let (asked, count) = (&overlap.connection.asked, overlap.heard.len());
            let returning = streams.iter().filter(|it| asked.contains(it));
            overlap.since.extend(returning.map(|it| (key(it), count)));
        }
    }

    /// What there is of it, now that the first connection has ended.
    pub(super) fn take(&mut self) -> Option<Left> {
        match std::mem::replace(&mut self.state, State::Waiting) {
            State::Waiting => None,
            State::Dialing(dial) => Some(Left::Dialing(dial)),
            State::Overlapping(overlap) => Some(Left::Open(overlap)),
        }
    }

    /// Goes on. Dropping the future loses nothing.
    pub(super) async fn next(&mut self, events: &EventSender) -> Turn {
        loop {
            let failure = match &mut self.state {
                State::Waiting => {
                    self.due.as_mut().await;
                    return Turn::Dial;
                }
                State::Dialing(dial) => match dial.await {
                    Ok(connection) => {
                        self.state = State::Overlapping(Box::new(Overlap::of(connection)));
                        return Turn::Opened;
                    }
                    Err(failure) => failure,
                },
                State::Overlapping(overlap) => match overlap.go_on(events).await {
                    Ok(()) => {
                        if let Some(Left::Open(overlap)) = self.take() {
                            return Turn::TakeOver(overlap);
                        }
                        continue;
                    }
                    Err(failure) => failure.on(overlap.connection.way()),
                },
            };
            self.state = State::Waiting;
            let retry_in = self.backoff.delay_after(&failure);
            self.imposed_until = Instant::now() + failure.imposed();
            self.due.as_mut().reset(Instant::now() + retry_in);
            return Turn::Failed(failure, retry_in);
        }
    }
}

impl Overlap {
    fn of(mut connection: Connection) -> Self {
        connection.requests.are_read(false);
        Self {
            connection,
            heard: VecDeque::new(),
            since: HashMap::new(),
            bytes: 0,
            asked_at: None,
        }
    }

    /// Takes what the connection says, until it can take over.
    async fn go_on(&mut self, events: &EventSender) -> Result<(), Failure> {
        loop {
            if self.asked_at.is_none() && self.connection.is_all_said() {
                self.asked_at = Some(Instant::now());
            }
            let end = self.asked_at.map(|asked_at| asked_at + OVERLAP);
            tokio::select! {
                biased;
                step = self.connection.step() => match step {
                    Step::Received(message) => {
                        self.connection.note_heard();
                        let message = self.connection.message(message)?;
                        self.keep(message, events.now_ns())?;
                    }
                    Step::Sent(_) => {}
                    Step::Unanswered(_) => {
                        return Err(Failure::new("a request was not answered"));
                    }
                    Step::Failed(failure) => return Err(failure),
                },
                () = reached(end) => return Ok(()),
            }
        }
    }

    fn keep(&mut self, message: Message, received_ns: i64) -> Result<(), Failure> {
        match &message {
            Message::Text(bytes) | Message::Binary(bytes) => self.bytes += bytes.len(),
            _ => return Ok(()),
        }
        if self.bytes > MOST {
            let problem = format!("more than {MOST} bytes came before everything was asked for");
            return Err(Failure::new(problem));
        }
        self.heard.push_back((message, received_ns));
        Ok(())
    }
}

/// A time before the age at which the exchange ends a connection.
fn before(rollover: Option<Duration>) -> Duration {
    let Some(rollover) = rollover else {
        return Duration::MAX;
    };
    let margin = rollover / MARGIN;
    let stagger = margin.mul_f64(2.0 * fastrand::f64());
    rollover - margin - stagger
}
