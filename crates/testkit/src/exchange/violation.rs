//! What clients do that an exchange forbids.

use std::fmt;
use std::net::SocketAddr;
use std::time::SystemTime;

use parking_lot::Mutex;

/// The most violations that are kept.
// The first ones: what comes after them follows from them, most of the time.
const MOST: usize = 1000;

/// Something that a client did and that the exchange forbids.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// When.
    pub at: SystemTime,
    /// Who: behind a proxy, its egress address.
    pub peer: SocketAddr,
    /// The limit by its name: `messages`, `dials`, `weight`; `url` and `request` for a length in
    /// bytes, `streams`, `pong` and `idle` for milliseconds, and `ban` for what is sent in spite of
    /// one that the address was told of, with its milliseconds that are left.
    pub limit: &'static str,
    /// What there was of it.
    pub found: u64,
    /// How much of it is allowed.
    pub allowed: u64,
}

/// `127.0.0.2:4242: 6 of messages, where 5 are allowed`.
impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            peer,
            limit,
            found,
            allowed,
            ..
        } = self;
        write!(f, "{peer}: {found} of {limit}, where {allowed} are allowed")
    }
}

/// The violations of all clients.
#[derive(Debug, Default)]
pub(super) struct Violations(Mutex<Vec<Violation>>);

impl Violations {
    pub(super) fn all(&self) -> Vec<Violation> {
        self.0.lock().clone()
    }

    pub(super) fn add(&self, peer: SocketAddr, limit: &'static str, found: u64, allowed: u64) {
        let violation = Violation {
            at: SystemTime::now(),
            peer,
            limit,
            found,
            allowed,
        };
        tracing::debug!(%violation, "violation");
        let mut all = self.0.lock();
        if all.len() < MOST {
            all.push(violation);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_ones_are_kept() {
        let violations = Violations::default();
        let peer = SocketAddr::from(([127, 0, 0, 2], 4242));
        for found in 0..MOST as u64 + 5 {
            violations.add(peer, "messages", found, 5);
        }
        let all = violations.all();
        assert_eq!(all.len(), MOST);
        assert_eq!(
            all[6].to_string(),
            "127.0.0.2:4242: 6 of messages, where 5 are allowed"
        );
    }
}
