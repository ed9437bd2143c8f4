//! The budgets that collectors share, as those who admit requests see them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;
use transport::{Account, BudgetShares, Usage, Window};

use super::keys::ban_key;

/// The budgets that the collectors of a fleet share. Clones are the same.
///
/// An account is that of all collectors that leave by its egress. `direct` is one address for all of
/// them, since nobody here knows theirs.
#[derive(Debug, Clone, Default)]
pub struct FleetBudgets(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Somebody uses or wants other than before.
    used: Notify,
    /// There may be more.
    grown: Notify,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) cells: HashMap<Key, Cell>,
    /// Until when accounts are banned, by the keys of these bans.
    pub(super) bans: HashMap<String, Instant>,
    /// Bans that the others do not know of yet.
    pub(super) untold: Vec<(String, Duration)>,
}

/// A budget: whose, where, and its name.
pub(super) type Key = (Account, &'static str);

/// One budget.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) window: Window,
    pub(super) usage: Usage,
    pub(super) usable: u32,
}

impl FleetBudgets {
    /// Looks at all budgets, and changes what may be used of them.
    pub(super) fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.state.lock())
    }

    /// Ends when somebody uses or wants other than before.
    pub(super) async fn used(&self) {
        self.0.used.notified().await;
    }

    /// There may be more.
    pub(super) fn tell_grown(&self) {
        self.0.grown.notify_waiters();
    }

    /// There is a ban for so long, under this key.
    pub(super) fn learn_ban(&self, key: String, wait: Duration) {
        let until = Instant::now() + wait;
        self.with(|state| {
            let ban = state.bans.entry(key).or_insert(until);
            *ban = until.max(*ban);
        });
    }
}

impl BudgetShares for FleetBudgets {
    fn share(&self, account: &Account, window: Window, usage: Usage) -> u64 {
        let key = (account.clone(), window.name);
        let mut state = self.0.state.lock();
        let is_banned = !state.bans.is_empty() && {
            let until = state.bans.get(&ban_key(account));
            until.is_some_and(|until| Instant::now() < *until)
        };
        let mut is_new = false;
        let cell = state.cells.entry(key).or_insert_with(|| {
            is_new = true;
            Cell {
                window,
                usage,
                usable: 0,
            }
        });
        if is_new || cell.usage != usage {
            cell.usage = usage;
            self.0.used.notify_one();
        }
        match is_banned {
            true => 0,
            false => u64::from(cell.usable),
        }
    }

    fn ban(&self, account: &Account, wait: Duration) {
        let key = ban_key(account);
        self.learn_ban(key.clone(), wait);
        self.with(|state| state.untold.push((key, wait)));
        self.0.used.notify_one();
    }

    fn changed(&self) -> BoxFuture<'_, ()> {
        self.0.grown.notified().boxed()
    }
}
