//! The use of an exit by one connection.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use proxy_config::{ExchangeId, Exit};
use tokio::time::Instant;
use transport::Endpoint;

use super::breaker::Trial;
use super::known_exits::{ExitId, KnownExits, Selected};
use super::record::Ban;

/// A member that a pool has selected. It counts as one of the member's connections until it is
/// dropped.
pub struct Lease {
    exit: Exit,
    exits: Arc<Mutex<KnownExits>>,
    id: ExitId,
    trial: Option<Trial>,
}

impl Lease {
    pub(super) fn new(exits: Arc<Mutex<KnownExits>>, selected: Selected) -> Self {
        Self {
            exit: selected.exit,
            exits,
            id: selected.id,
            trial: selected.trial,
        }
    }

    /// The member as a way out: the proxy, with those on the way to it, or direct connections from a
    /// local address.
    #[must_use]
    pub fn exit(&self) -> &Exit {
        &self.exit
    }

    /// Counts a failure of the exit. After as many in a row as its pool's breaker is set to, every pool
    /// that it is in skips it for a while.
    pub fn mark_unhealthy(&self) {
        self.exits.lock().fail(self.id, Instant::now());
    }

    /// The exit works: nothing speaks against it any longer.
    pub fn mark_healthy(&self) {
        self.exits.lock().succeed(self.id, None, Instant::now());
    }

    /// The exit works, and reaches `target`.
    pub(crate) fn reached(&self, target: &Endpoint) {
        let mut exits = self.exits.lock();
        exits.succeed(self.id, Some(target), Instant::now());
    }

    /// The exit does not reach `target`. It may reach others.
    pub(crate) fn missed(&self, target: &Endpoint) {
        self.exits.lock().miss(self.id, target, Instant::now());
    }

    /// The connection by the exit is open, and nothing arrives any longer.
    pub(crate) fn stalled(&self) {
        self.exits.lock().stall(self.id, Instant::now());
    }

    /// `exchange` has answered connections of the exit with `status`, and asks to wait. Returns whether that is
    /// about the exit's address.
    pub(crate) fn answered(
        &self,
        exchange: Option<&ExchangeId>,
        status: u16,
        wait: Option<Duration>,
    ) -> bool {
        let Some(exchange) = exchange else {
            return false;
        };
        let (mut exits, now) = (self.exits.lock(), Instant::now());
        match Ban::of(status) {
            Some(ban) => exits.ban(self.id, exchange, (ban, wait), now),
            None => exits.serve(self.id, exchange, now),
        }
        Ban::of(status).is_some()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut exits = self.exits.lock();
        exits.release(self.id, self.trial, Instant::now());
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("exit", &self.exit)
            .finish_non_exhaustive()
    }
}
