//! Runs of feeds.

use std::fmt;
use std::sync::Arc;

use time::OffsetDateTime;

/// Names one run of a feed: the events whose `sequence` counts without a hole.
///
/// A restart of the program or of a feed begins another run. Two collectors of the same symbols have
/// different ones. Its form is `20240808T235414Z-1f3a9c`: the time of the first event, UTC, and digits that
/// nobody else has. Names in the order of their text are in the order of time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(Arc<str>);

impl RunId {
    /// A new run whose first event was received at that time: nanoseconds since 1970, UTC.
    #[must_use]
    pub fn begin(received_ns: i64) -> Self {
        let time = OffsetDateTime::from_unix_timestamp_nanos(received_ns.into())
            .unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let date = time.date();
        let digits = fastrand::u32(..1 << 24);
        let name = format!(
            "{:04}{:02}{:02}T{:02}{:02}{:02}Z-{digits:06x}",
            date.year(),
            u8::from(date.month()),
            date.day(),
            time.hour(),
            time.minute(),
            time.second(),
        );
        Self(name.into())
    }

    /// The run that has been given this name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_named_by_its_time_and_differs_from_others() {
        let run = RunId::begin(1_723_161_254_024_619_568);
        assert_eq!(run.as_str().split_once('-').unwrap().0, "20240808T235414Z");
        assert_ne!(run, RunId::begin(1_723_161_254_024_619_568));
        assert_eq!(RunId::named(run.as_str()), run);
    }
}
