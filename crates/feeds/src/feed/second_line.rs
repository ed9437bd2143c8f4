//! The connection beside another one that carries the same.

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use tokio::time::{Instant, Sleep, sleep};
use transport::WsDialer;

use super::connection::{Connection, Opening, Step};
use super::failure::Failure;
use super::pacing::Pacing;
use super::wait::reached;

/// How long after the first connection the second one is opened, so that they do not begin, and are not
/// ended by the exchange, together.
const STAGGER: Duration = Duration::from_secs(1);

/// How long the second connection is read, from when everything is asked for on it, until it counts as a
/// line. What one line is behind the other is far less.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

//     state      what happens                                     next
//     Off        the first connection begins                      Waiting
//     Waiting    the time has come                                Dialing
//     Dialing    it fails                                         Waiting, as `Pacing` has it
//     Dialing    it is open                                       Open
//     Open       everything is asked for, and 2 s have passed     Open, and settled
//     Open       it ends                                          Waiting, as `Pacing` has it
//     Open       the first connection ends: it becomes the first  Waiting
//     others     the first connection ends                        Off
/// What is held beside a connection.
pub(super) struct SecondLine {
    due: Pin<Box<Sleep>>,
    state: State,
    pacing: Pacing,
    failed_dials: u32,
}

enum State {
    Off,
    Waiting,
    Dialing(BoxFuture<'static, Result<Connection, Failure>>),
    Open(Box<Second>),
}

/// An open second connection.
pub(super) struct Second {
    pub(super) connection: Connection,
    /// Its number in events.
    pub(super) number: u64,
    /// Since when everything has been asked for.
    asked_at: Option<Instant>,
    pub(super) is_settled: bool,
}

/// What is to be done about the second connection.
pub(super) enum Turn {
    /// Open it.
    Dial,
    /// It is open: number it, and keep it.
    Opened(Box<Connection>),
    /// It counts as a line.
    Settled,
    /// Something happens on it.
    Step(Step),
    /// Tell that it could not be opened, and when that is tried again.
    Failed(Failure, Duration),
}

impl SecondLine {
    /// That of no connection.
    pub(super) fn new() -> Self {
        Self {
            due: Box::pin(sleep(Duration::MAX)),
            state: State::Off,
            pacing: Pacing::new(),
            failed_dials: 0,
        }
    }

    /// A first connection begins.
    pub(super) fn begin(&mut self) {
        self.wait(STAGGER);
    }

    /// How many dials have failed in a row.
    pub(super) fn failed_dials(&self) -> u32 {
        self.failed_dials
    }

    /// It is needed now, if it is only waited for.
    pub(super) fn hasten(&mut self) {
        if matches!(self.state, State::Waiting) {
            self.wait(Duration::ZERO);
        }
    }

    /// Opens it.
    pub(super) fn dial(&mut self, opening: Opening, ws: Arc<dyn WsDialer>) {
        self.state = State::Dialing(Connection::open(opening, ws).boxed());
    }

    /// It is open, with that number.
    pub(super) fn open(&mut self, connection: Connection, number: u64) {
        self.failed_dials = 0;
        self.state = State::Open(Box::new(Second {
            connection,
            number,
            asked_at: None,
            is_settled: false,
        }));
    }

    /// The connection, if it is open.
    pub(super) fn get(&mut self) -> Option<&mut Second> {
        match &mut self.state {
            State::Open(second) => Some(second),
            _ => None,
        }
    }

    /// Whether it is open.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// Whether it is a line by now.
    pub(super) fn is_settled(&self) -> bool {
        matches!(&self.state, State::Open(second) if second.is_settled)
    }

    /// Takes the connection, if it is open. There is no other one then.
    pub(super) fn close(&mut self) -> Option<Box<Second>> {
        match std::mem::replace(&mut self.state, State::Off) {
            State::Open(second) => Some(second),
            other => {
                self.state = other;
                None
            }
        }
    }

    /// Takes the connection, if it is open, and waits for another one after `failure` of one that was open
    /// for `age`. Returns also how long.
    pub(super) fn take(
        &mut self,
        failure: &mut Failure,
        age: Duration,
    ) -> Option<(Box<Second>, Duration)> {
        let second = self.close()?;
        let delay = self.pacing.after_end(failure, age);
        let delay = delay.max(failure.imposed());
        self.wait(delay);
        Some((second, delay))
    }

    /// The first connection has ended, and there is nothing beside it. Returns the dial that is under way.
    pub(super) fn stop(&mut self) -> Option<BoxFuture<'static, Result<Connection, Failure>>> {
        match std::mem::replace(&mut self.state, State::Off) {
            State::Dialing(dial) => Some(dial),
            _ => None,
        }
    }

    /// Nobody has read since then, so that this was not the exchange's silence.
    pub(super) fn note_unread(&mut self, since: Instant) {
        if let Some(second) = self.get() {
            second.connection.note_unread(since);
        }
    }

    /// Goes on. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Turn {
        let failure = match &mut self.state {
            State::Off => return pending().await,
            State::Waiting => {
                self.due.as_mut().await;
                return Turn::Dial;
            }
            State::Dialing(dial) => match dial.await {
                Ok(connection) => return Turn::Opened(Box::new(connection)),
                Err(failure) => failure,
            },
            State::Open(second) => return second.next().await,
        };
        let delay = self.pacing.after_dial(&failure).max(failure.imposed());
        self.failed_dials = self.failed_dials.saturating_add(1);
        self.wait(delay);
        Turn::Failed(failure, delay)
    }

    fn wait(&mut self, delay: Duration) {
        self.due.as_mut().reset(Instant::now() + delay);
        self.state = State::Waiting;
    }
}

impl Second {
    async fn next(&mut self) -> Turn {
        if self.asked_at.is_none() && self.connection.is_all_said() {
            self.asked_at = Some(Instant::now());
        }
        let asked_at = self.asked_at.filter(|_| !self.is_settled);
        tokio::select! {
            biased;
            step = self.connection.step() => Turn::Step(step),
            () = reached(asked_at.map(|it| it + SETTLED_AFTER)) => {
                self.is_settled = true;
                Turn::Settled
            }
        }
    }
}
