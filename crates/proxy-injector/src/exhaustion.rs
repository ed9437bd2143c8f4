//! A machine that has run out of descriptors, ports or memory, in the log.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use transport::{DialError, DialErrorKind, chain};

/// How long after a line the next one comes at the earliest.
// Until somebody changes something, every dial fails, and there may be hundreds in a second.
const QUIET: Duration = Duration::from_secs(60);

/// The dials that this machine could not make.
#[derive(Debug, Default)]
pub(crate) struct Exhaustion(Mutex<Untold>);

#[derive(Debug, Default)]
struct Untold {
    dials: u64,
    told_at: Option<Instant>,
}

impl Exhaustion {
    /// Counts `error`, if it is of this machine, and logs it with all that were not logged yet.
    pub(crate) fn note(&self, error: &DialError) {
        if error.kind() != DialErrorKind::Local {
            return;
        }
        let mut untold = self.0.lock();
        untold.dials += 1;
        if untold.told_at.is_some_and(|at| at.elapsed() < QUIET) {
            return;
        }
        let dials = std::mem::take(&mut untold.dials);
        untold.told_at = Some(Instant::now());
        drop(untold);
        let error = chain(error).to_string();
        tracing::error!(
            dials,
            error,
            "this machine cannot open connections; raise its limit of open files, or use fewer"
        );
    }
}
