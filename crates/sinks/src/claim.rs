//! What a collector of a fleet claims with an event.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use crate::fence::Fence;

/// The fence that a collector publishes with, and whether it can be sure that the shard has been nobody
/// else's.
///
/// The second is asked when an event is stored, not when it comes: in between, it may wait for longer than
/// the lease lasts.
#[derive(Clone)]
pub struct Claim {
    fence: Fence,
    is_sure: Arc<dyn Fn(Instant) -> bool + Send + Sync>,
}

impl Claim {
    /// That with `fence`. `is_sure` tells whether at a moment no other collector has the shard, and none has
    /// had it a short while before. It is asked often, by any thread.
    #[must_use]
    pub fn new(fence: Fence, is_sure: impl Fn(Instant) -> bool + Send + Sync + 'static) -> Self {
        Self {
            fence,
            is_sure: Arc::new(is_sure),
        }
    }

    /// The fence.
    #[must_use]
    pub fn fence(&self) -> &Fence {
        &self.fence
    }

    /// Whether nobody else can have stored anything of the shard lately.
    #[must_use]
    pub fn is_sure(&self, now: Instant) -> bool {
        (self.is_sure)(now)
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("fence", &self.fence)
            .finish_non_exhaustive()
    }
}
