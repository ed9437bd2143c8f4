//! How long leases last.

use std::time::Duration;

/// How long leases last, and what follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    lease: Duration,
}

impl Terms {
    /// The shortest lease.
    pub const MIN: Duration = Duration::from_secs(2);
    /// The longest lease.
    pub const MAX: Duration = Duration::from_secs(300);

    /// Leases of this length, if it is from 2 to 300 seconds. It is the same for all collectors of a
    /// fleet.
    #[must_use]
    pub fn new(lease: Duration) -> Option<Self> {
        (Self::MIN..=Self::MAX)
            .contains(&lease)
            .then_some(Self { lease })
    }

    /// How long an entry lasts after it was written: the maximum age of the bucket.
    #[must_use]
    pub fn lease(self) -> Duration {
        self.lease
    }

    /// How long after it has sent a renewal a collector relies on it. The server counts from when it
    /// receives it, which is later; the rest is for clocks that run at different rates.
    pub(crate) fn relied_on(self) -> Duration {
        self.lease * 9 / 10
    }

    /// From one renewal to the next.
    pub(crate) fn renewal(self) -> Duration {
        self.lease / 3
    }

    /// For how long a collector that is not heard of counts as there. Whether its leases are over is the
    /// server's to say; until then, whoever follows it gets ready.
    pub(crate) fn absence(self) -> Duration {
        self.lease * 8 / 10
    }

    /// How often a collector looks whether what it shares is still there.
    pub(crate) fn look(self) -> Duration {
        self.renewal().min(Duration::from_secs(5))
    }

    /// How long the others have to claim what they hold after it was lost: each of them looks three times.
    pub(crate) fn claims(self) -> Duration {
        self.look() * 3
    }

    /// After how long an answer that has not come is given up, and from one question to the next.
    pub(crate) fn retry(self) -> Duration {
        self.lease / 20
    }

    /// How long the old owner goes on beside the new one.
    pub(crate) fn overlap(self) -> Duration {
        self.lease / 2
    }

    /// After how long a collector that can stream nothing of what belongs to it leaves that to others, and for
    /// how long. Whoever can be ready at all is so after three leases and the time that connecting takes.
    pub(crate) fn aside(self) -> Duration {
        self.lease * 6
    }

    /// For how long a collector that leaves waits for others to be ready.
    pub(crate) fn farewell(self) -> Duration {
        self.lease * 3
    }
}

/// Ten seconds.
impl Default for Terms {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(10),
        }
    }
}
