//! The wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// The time by this machine's clock: nanoseconds since 1970, UTC.
pub(crate) fn now_ns() -> i64 {
    ns(SystemTime::now())
}

/// A time in nanoseconds since 1970, UTC.
pub(crate) fn ns(time: SystemTime) -> i64 {
    let since_1970 = time.duration_since(UNIX_EPOCH);
    let since_1970 = since_1970.unwrap_or_default().as_nanos();
    i64::try_from(since_1970).unwrap_or(i64::MAX)
}
