//! Dials that their callers give up.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use proxy_config::Exit;
use tokio::time::Instant;

use crate::pool::{ExitId, KnownExits};

/// How long an exit may keep a caller waiting without a mark if that gives up.
// Some round trips to the other side of the world. Whoever gives up sooner was in a hurry, such as one
// that needs only the first of several dials.
pub(crate) const LEAST: Duration = Duration::from_secs(1);

/// The exit that a caller may wait for.
#[derive(Clone)]
pub(crate) struct Patience {
    exits: Arc<Mutex<KnownExits>>,
    id: ExitId,
}

impl Patience {
    /// With `exit`, if it is known in `exits`.
    pub(crate) fn with(exit: &Exit, exits: &Arc<Mutex<KnownExits>>) -> Option<Self> {
        let id = exits.lock().find(exit)?;
        Some(Self {
            exits: Arc::clone(exits),
            id,
        })
    }

    /// The caller waits from now on.
    pub(crate) fn begin(self) -> Wait {
        Wait {
            patience: Some(self),
            since: Instant::now(),
        }
    }
}

/// A caller that waits for an exit. Dropped before its [end](Self::end), it has given up, which is a
/// failure of the exit if it took long.
pub(crate) struct Wait {
    patience: Option<Patience>,
    since: Instant,
}

impl Wait {
    /// The dial has an outcome, which speaks for itself.
    pub(crate) fn end(mut self) {
        self.patience = None;
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(Patience { exits, id }) = self.patience.take()
            && self.since.elapsed() >= LEAST
        {
            exits.lock().fail(id, Instant::now());
        }
    }
}
