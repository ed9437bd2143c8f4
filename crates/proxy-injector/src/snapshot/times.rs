//! Times that both people and programs can use.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};
use tokio::time::Instant;

/// A time that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Since {
    /// How long ago it was.
    #[serde(rename = "ago_ms", serialize_with = "millis")]
    pub ago: Duration,
    /// What the wall clock shows for it.
    #[serde(rename = "at_ns", serialize_with = "wall_ns")]
    pub at: SystemTime,
}

/// A time to come. The sooner one is the lesser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Until {
    /// How long it is until then.
    #[serde(rename = "left_ms", serialize_with = "millis")]
    pub left: Duration,
    /// What the wall clock will show.
    #[serde(rename = "at_ns", serialize_with = "wall_ns")]
    pub at: SystemTime,
}

/// One moment by both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) now: Instant,
    pub(super) wall: SystemTime,
}

impl Moment {
    pub(super) fn now() -> Self {
        Self {
            now: Instant::now(),
            wall: SystemTime::now(),
        }
    }

    pub(super) fn since(&self, at: Instant) -> Since {
        let ago = self.now.saturating_duration_since(at);
        Since {
            ago,
            at: self.wall.checked_sub(ago).unwrap_or(UNIX_EPOCH),
        }
    }

    /// `None` if it is over.
    pub(super) fn until(&self, at: Instant) -> Option<Until> {
        let left = at.checked_duration_since(self.now)?;
        (!left.is_zero()).then_some(Until {
            left,
            at: self.wall.checked_add(left)?,
        })
    }
}

pub(super) fn millis<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    millis.serialize(serializer)
}

pub(super) fn wall_ns<S: Serializer>(at: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let ns = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
    ns.serialize(serializer)
}
