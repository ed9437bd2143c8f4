//! For how long something has been wrong.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::model::Fault;

/// What is wrong, and since when by the wall clock. It is another one when it was in order in between.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Episode {
    pub(super) exchange: String,
    pub(super) fault: Fault,
    pub(super) symbol: Option<String>,
    pub(super) channel: Option<String>,
    pub(super) since_ns: Option<i64>,
}

/// For how long it has been so, by a clock that does not step.
///
/// The wall clock may be set, and the times of a connection's events follow that of its beginning: an hour
/// between the two is no hour of silence, and hides none.
#[derive(Debug)]
pub(crate) struct Lasting {
    looked_at: Instant,
    /// When that was by the wall clock.
    looked_ns: i64,
    began: HashMap<Episode, Instant>,
    was_ready: bool,
}

impl Lasting {
    /// Nothing was wrong before `start`.
    pub(crate) fn new(start: Instant) -> Self {
        Self {
            looked_at: start,
            looked_ns: i64::MIN,
            began: HashMap::new(),
            was_ready: false,
        }
    }

    pub(super) fn look(&mut self, now: Instant, taken_ns: i64) -> Look<'_> {
        Look {
            lasting: self,
            now,
            taken_ns,
            began: HashMap::new(),
        }
    }
}

/// One look at all that is wrong.
pub(super) struct Look<'a> {
    lasting: &'a mut Lasting,
    now: Instant,
    taken_ns: i64,
    began: HashMap<Episode, Instant>,
}

impl Look<'_> {
    /// For how long `episode` has lasted. What is seen for the first time began after the look before: when its
    /// time says something else, the clock has been set, and it begins now.
    pub(super) fn age(&mut self, episode: Episode) -> Duration {
        let began = self.lasting.began.get(&episode).copied();
        let began = began.unwrap_or_else(|| {
            let unseen = self.now.saturating_duration_since(self.lasting.looked_at);
            let since_ns = episode.since_ns.unwrap_or(self.taken_ns);
            let age = match since_ns > self.lasting.looked_ns {
                true => self.wall_age(since_ns).min(unseen),
                false => Duration::ZERO,
            };
            self.now.checked_sub(age).unwrap_or(self.now)
        });
        self.began.insert(episode, began);
        self.now.saturating_duration_since(began)
    }

    /// How long ago `since_ns` was by the wall clock.
    pub(super) fn wall_age(&self, since_ns: i64) -> Duration {
        let age = u64::try_from(self.taken_ns.saturating_sub(since_ns));
        Duration::from_nanos(age.unwrap_or_default())
    }

    /// Whether everything was in order at some look before.
    pub(super) fn was_ready(&self) -> bool {
        self.lasting.was_ready
    }

    /// The look is over. What was not asked for is in order.
    pub(super) fn end(self, is_ready: bool) {
        self.lasting.looked_at = self.now;
        self.lasting.looked_ns = self.taken_ns;
        self.lasting.began = self.began;
        self.lasting.was_ready |= is_ready;
    }
}
