//! Kraken's budget of REST requests.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::LIMITS;

/// How many requests in a row an address may send before it waits for each.
// From reports of users; nothing is documented.
const BURST: u32 = 30;

/// The requests of every address.
#[derive(Debug, Default)]
pub(super) struct Budgets(Mutex<HashMap<IpAddr, Budget>>);

#[derive(Debug)]
struct Budget {
    /// How much time of requests is used up.
    used: Duration,
    since: Instant,
}

impl Budgets {
    /// Counts a request, unless there were too many.
    pub(super) fn admit(&self, address: IpAddr) -> bool {
        let pauses = LIMITS.rest.iter().map(|window| window.per / window.units);
        let pause = pauses.max().unwrap_or_default();
        let now = Instant::now();
        let mut budgets = self.0.lock();
        let budget = budgets.entry(address).or_insert(Budget {
            used: Duration::ZERO,
            since: now,
        });
        let regained = now.duration_since(budget.since);
        budget.used = budget.used.saturating_sub(regained);
        budget.since = now;
        let is_free = budget.used + pause <= pause * BURST;
        if is_free {
            budget.used += pause;
        }
        is_free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_a_burst_of_requests() {
        let budgets = Budgets::default();
        for last_byte in [1, 2] {
            let address = IpAddr::from([127, 0, 0, last_byte]);
            let admitted = (0..BURST + 5).filter(|_| budgets.admit(address)).count();
            // A second may have passed meanwhile.
            assert!((30..35).contains(&admitted), "{admitted}");
        }
    }
}
