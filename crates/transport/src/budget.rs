//! How long a dial may take.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

// With a whole of 30 s:
//
//     0 s                  15 s                 30 s
//     |---- name look-up ----x                   |      Elapsed::Phase(15 s)
//     |-- 8 s --|--- silent proxy ---x           |      Elapsed::Phase(15 s), at 23 s
//     |------ 14 s ------|- 4 s -|--- tls -------x      Elapsed::Whole(30 s)
//
// So the phase that stalls is named while there is time left, and phases that are slow one by one
// still end at the deadline.
/// The whole dial ends at `deadline`; no single phase may take longer than half of `whole`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget {
    deadline: Instant,
    whole: Duration,
}

impl Budget {
    /// A budget that begins now. There is none for a time that no clock can count to.
    pub(crate) fn begin(whole: Duration) -> Option<Self> {
        // `Duration::MAX` is how a caller says "for ever".
        let deadline = Instant::now().checked_add(whole)?;
        Some(Self { deadline, whole })
    }

    pub(crate) fn deadline(self) -> Instant {
        self.deadline
    }

    pub(crate) async fn phase<F: Future>(self, phase: F) -> Result<F::Output, Elapsed> {
        let share = self.whole / 2;
        let end = Instant::now() + share;
        // Of two limits, the nearer one is the one that is told.
        if end >= self.deadline {
            return self.whole(phase).await;
        }
        timeout_at(end, phase)
            .await
            .map_err(|_| Elapsed::Phase(share))
    }

    pub(crate) async fn whole<F: Future>(self, dial: F) -> Result<F::Output, Elapsed> {
        timeout_at(self.deadline, dial)
            .await
            .map_err(|_| Elapsed::Whole(self.whole))
    }
}

/// Something that was not over in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Elapsed {
    /// One phase took longer than its share.
    #[error("the limit for one phase is {0:?}")]
    Phase(Duration),
    /// All phases together took longer than they may.
    #[error("the limit for all phases together is {0:?}")]
    Whole(Duration),
}
