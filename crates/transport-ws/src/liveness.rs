//! Whether the other side is still there.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// How long the other side may read nothing of what is there for it.
const UNREAD: Duration = Duration::from_secs(30);
/// How long to wait for its part of the farewell (RFC 6455, section 7.1.1).
const FAREWELL: Duration = Duration::from_secs(10);
/// How many frames without a message may come within [`FLOOD_TIME`].
// An exchange pings every few seconds at most. Pings have nearly no cost for who sends them.
const FLOOD: u32 = 10_000;
const FLOOD_TIME: Duration = Duration::from_secs(20);

/// Why the other side is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Lost {
    #[error("nothing arrived for {0:?}, not even the answer to a ping")]
    Silent(Duration),
    #[error("nothing could be sent for {0:?}")]
    Unread(Duration),
    #[error("it did not answer a close for {0:?}")]
    Lingering(Duration),
}

/// More than [`FLOOD`] frames without a message within [`FLOOD_TIME`].
#[derive(Debug, thiserror::Error)]
#[error("more than {FLOOD} control frames and empty fragments in {FLOOD_TIME:?}")]
pub(crate) struct Flood;

/// What is to be done about the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// It shall be pinged.
    Ping,
    /// It is lost.
    End(Lost),
}

//     what happens                             what is due, and when
//     nothing sent, or heard, for an interval  a ping
//     nothing heard since a ping, nor for an   the end, after the time-out
//       interval
//     nothing taken of what waits to be sent   the end, after 30 s
//     a close was sent or read                 the end, after 10 s
//
// Heard is what a peer says that reads: data, also a part of a frame, and pongs. Pings are not: who has stopped reading can
// send them for ever.
/// When something was sent and heard last, and what follows from that.
#[derive(Debug)]
pub(crate) struct Liveness {
    /// `None` for never.
    ping_interval: Option<Duration>,
    /// `None` for no limit.
    ping_timeout: Option<Duration>,
    sent_at: Instant,
    heard_at: Instant,
    /// Something was heard after `heard_at`, at a time that nobody looked at a clock.
    has_heard: bool,
    /// A ping was sent, and nothing heard since.
    pinged_at: Option<Instant>,
    blocked_since: Option<Instant>,
    closing_since: Option<Instant>,
    idle_frames: u32,
    idle_since: Instant,
    /// Fires at the next deadline or before; then the true one is looked up.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Liveness {
    /// Of a connection that is opened now. An interval of zero is none, and so is a time-out.
    pub(crate) fn new(ping_interval: Duration, ping_timeout: Duration) -> Self {
        let now = Instant::now();
        Self {
            ping_interval: Some(ping_interval).filter(|interval| !interval.is_zero()),
            ping_timeout: Some(ping_timeout).filter(|timeout| !timeout.is_zero()),
            sent_at: now,
            heard_at: now,
            has_heard: false,
            pinged_at: None,
            blocked_since: None,
            closing_since: None,
            idle_frames: 0,
            idle_since: now,
            timer: None,
        }
    }

    /// Data has arrived, or a part of it, or a pong.
    pub(crate) fn note_heard(&mut self) {
        self.has_heard = true;
    }

    /// A frame has arrived that is no part of what anybody wants to know.
    pub(crate) fn note_idle_frame(&mut self) -> Result<(), Flood> {
        self.idle_frames += 1;
        if self.idle_frames <= FLOOD {
            return Ok(());
        }
        let now = Instant::now();
        if now.duration_since(self.idle_since) < FLOOD_TIME {
            return Err(Flood);
        }
        self.idle_frames = 0;
        self.idle_since = now;
        Ok(())
    }

    /// All that was to be sent is sent.
    pub(crate) fn note_sent(&mut self) {
        self.sent_at = Instant::now();
        self.blocked_since = None;
    }

    /// Something is left to be sent. Returns whether that begins now.
    pub(crate) fn note_blocked(&mut self, has_written: bool) -> bool {
        let begins = self.blocked_since.is_none();
        if begins || has_written {
            self.blocked_since = Some(Instant::now());
        }
        begins
    }

    /// A close was sent or read.
    pub(crate) fn note_closing(&mut self) {
        self.closing_since.get_or_insert_with(Instant::now);
    }

    /// Waits until something is due.
    pub(crate) fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<Due> {
        loop {
            let now = Instant::now();
            if std::mem::take(&mut self.has_heard) {
                self.heard_at = now;
                self.pinged_at = None;
            }
            let Some((deadline, due)) = self.next() else {
                return Poll::Pending;
            };
            if deadline <= now {
                if due == Due::Ping {
                    self.pinged_at = Some(now);
                }
                return Poll::Ready(due);
            }
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
            // Not moved for each message: that would cost more than most messages do.
            if timer.is_elapsed() || deadline < timer.deadline() {
                timer.as_mut().reset(deadline);
            }
            ready!(timer.as_mut().poll(cx));
        }
    }

    fn next(&self) -> Option<(Instant, Due)> {
        let after = |since: Option<Instant>, time, lost: fn(Duration) -> Lost| {
            Some((since?.checked_add(time)?, Due::End(lost(time))))
        };
        let unread = after(self.blocked_since, UNREAD, Lost::Unread);
        let liveness = match self.closing_since {
            Some(_) => after(self.closing_since, FAREWELL, Lost::Lingering),
            None => self.silent().or_else(|| self.ping()),
        };
        [unread, liveness]
            .into_iter()
            .flatten()
            .min_by_key(|(deadline, _)| *deadline)
    }

    /// When it will have been silent for too long after a ping.
    fn silent(&self) -> Option<(Instant, Due)> {
        let (interval, timeout) = (self.ping_interval?, self.ping_timeout?);
        let quiet = self.heard_at.checked_add(interval)?;
        let deadline = self.pinged_at?.max(quiet).checked_add(timeout)?;
        Some((
            deadline,
            Due::End(Lost::Silent(interval.saturating_add(timeout))),
        ))
    }

    /// When the next ping is due.
    fn ping(&self) -> Option<(Instant, Due)> {
        let quiet_since = self.sent_at.min(self.heard_at);
        let quiet_since = self.pinged_at.map_or(quiet_since, |at| at.max(quiet_since));
        Some((quiet_since.checked_add(self.ping_interval?)?, Due::Ping))
    }
}
