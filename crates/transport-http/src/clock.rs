//! The limits of one answer.

use std::pin::{Pin, pin};
use std::time::Duration;

use tokio::time::{Instant, Sleep};
use transport::ResponseLimits;

use crate::failure::Late;

/// As good as for ever, and something that a clock can count to.
const FOR_EVER: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// When an answer has to be how far.
pub(crate) struct Clock {
    start: Instant,
    pub(crate) limits: ResponseLimits,
}

impl Clock {
    /// The request gets its connection now.
    pub(crate) fn start(limits: ResponseLimits) -> Self {
        Self {
            start: Instant::now(),
            limits,
        }
    }

    /// When there must be a head. Within `patience`, there must be something.
    pub(crate) fn head(&self, patience: Option<Duration>) -> (Instant, Late) {
        let head = self.after(self.limits.head, Late::Head);
        let patience = patience.map(|patience| self.after(patience, Late::Nothing));
        self.or_total(patience.into_iter().fold(head, sooner))
    }

    /// When there must be more of a body that has `received` bytes, the last of them at `last`.
    pub(crate) fn body(&self, last: Instant, received: usize) -> (Instant, Late) {
        let silence = self.limits.silence;
        let late = Late::Silence { silence, received };
        self.or_total((last + silence.min(FOR_EVER), late))
    }

    /// How much of the time to the head is left.
    pub(crate) fn left_to_head(&self) -> Duration {
        let (end, _) = self.head(None);
        end.saturating_duration_since(Instant::now())
    }

    fn after(&self, limit: Duration, late: fn(Duration) -> Late) -> (Instant, Late) {
        (self.start + limit.min(FOR_EVER), late(limit))
    }

    fn or_total(&self, other: (Instant, Late)) -> (Instant, Late) {
        let total = self.limits.total;
        let total = total.map(|total| self.after(total, Late::Total));
        total.into_iter().fold(other, sooner)
    }
}

fn sooner(one: (Instant, Late), other: (Instant, Late)) -> (Instant, Late) {
    if other.0 < one.0 { other } else { one }
}

/// What comes of `work`, unless it is not there at its `end`, which may move while it is waited for.
///
/// All parts of an answer share one `alarm`. It is moved when it has gone off, or would be too late, and
/// not for every piece of a body.
pub(crate) async fn within<T>(
    work: impl Future<Output = T>,
    mut alarm: Pin<&mut Sleep>,
    end: impl Fn() -> (Instant, Late),
) -> Result<T, Late> {
    let mut work = pin!(work);
    loop {
        let (at, _) = end();
        if alarm.is_elapsed() || at < alarm.deadline() {
            alarm.as_mut().reset(at);
        }
        tokio::select! {
            biased;
            done = &mut work => return Ok(done),
            () = alarm.as_mut() => {}
        }
        let (at, late) = end();
        if at <= Instant::now() {
            return Err(late);
        }
    }
}
