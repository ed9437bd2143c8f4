//! What books may spend together on deeper snapshots.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The most that is saved, in levels: enough for one book to go from the shallowest snapshot of Binance to
/// the deepest.
const MOST: usize = 5000;

/// One level for so many that are asked for.
const SHARE: usize = 8;

// Simulated: 1,500 books of 100 levels whose prices move 300 levels a minute, with four addresses at Binance.
// The weights are just enough. If every book takes 500 levels instead as soon as it can, a third of them use up
// the minute, and the others are void until the next one, 4 % of the time in nine minutes. With an eighth for
// deeper ones it is 1 %, with a quarter 2 %, and in the end all books are as deep.
/// Levels that may be asked for beyond those of the snapshots before. A few books have as many as they need;
/// of a whole market, not all books become deeper at once. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Allowance(Arc<AtomicUsize>);

impl Default for Allowance {
    fn default() -> Self {
        Self(Arc::new(AtomicUsize::new(MOST)))
    }
}

impl Allowance {
    /// So many levels are asked for.
    pub(super) fn earn(&self, levels: usize) {
        self.change(|saved| Some(saved.saturating_add(levels / SHARE).min(MOST)));
    }

    /// Takes so many levels, if there are as many.
    pub(super) fn spend(&self, levels: usize) -> bool {
        self.change(|saved| saved.checked_sub(levels))
    }

    fn change(&self, change: impl FnMut(usize) -> Option<usize>) -> bool {
        let order = Ordering::Relaxed;
        self.0.fetch_update(order, order, change).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_eighth_of_what_is_asked_for_is_saved_up_to_a_limit() {
        let allowance = Allowance::default();
        assert!(allowance.spend(4900));
        assert!(!allowance.spend(101));
        allowance.earn(8);
        let same = allowance.clone();
        assert!(same.spend(101));
        assert!(!allowance.spend(1));
        for _ in 0..100 {
            allowance.earn(5000);
        }
        assert!(!allowance.spend(5001));
        assert!(allowance.spend(5000));
    }
}
