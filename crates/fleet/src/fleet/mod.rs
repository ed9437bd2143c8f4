//! Taking part in a fleet.

mod advice;
mod answers;
mod budgets;
mod keys;
mod plans;
mod purse;
mod task;

use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

pub use self::advice::FleetAdvice;
pub use self::budgets::FleetBudgets;

use self::task::{Outward, Task};
use crate::assignment::Role;
use crate::collector::CollectorId;
use crate::reliance::Reliance;
use crate::shard::{Shard, ShardCount};
use crate::store::Stores;
use crate::terms::Terms;

/// One collector's part in a fleet. When it is dropped, what it has ends with its leases; whoever wants to
/// hand it over first [leaves](Self::leave).
#[derive(Debug)]
pub struct Fleet {
    roles: mpsc::UnboundedReceiver<(Shard, Role)>,
    words: mpsc::UnboundedSender<Word>,
    standing: watch::Receiver<Standing>,
    sharing: Sharing,
    reliance: Reliance,
    task: AbortHandle,
}

/// What the collectors of a fleet share but symbols, as the rest of a program uses it. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Sharing {
    /// The budgets, for who admits requests.
    pub budgets: FleetBudgets,
    /// What it advises others against, and they advise it, for who selects exits.
    pub advice: FleetAdvice,
}

/// What a program tells its collector.
#[derive(Debug)]
enum Word {
    Ready(Shard),
    Plan(String),
    Leave,
}

/// How a collector stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether the server answers.
    pub is_connected: bool,
    /// How many collectors are there, as far as this one knows.
    pub collectors: usize,
    /// How many shards it publishes as their owner.
    pub owned: usize,
    /// How many of them no other can have now. Without the server, none in the end.
    pub confirmed: usize,
    /// How many of the others have told of [another plan](Fleet::tell_plan).
    pub differing: usize,
}

impl Fleet {
    /// Takes part, as `own`, in the fleet of `stores`. Runs on the current runtime of Tokio.
    #[must_use]
    pub fn join(stores: Stores, own: CollectorId, shards: ShardCount, terms: Terms) -> Self {
        Self::join_with(stores, own, shards, terms, Sharing::default())
    }

    /// The same with what the program has been given already. There is nothing in it before.
    #[must_use]
    pub fn join_with(
        stores: Stores,
        own: CollectorId,
        shards: ShardCount,
        terms: Terms,
        sharing: Sharing,
    ) -> Self {
        let (played, roles) = mpsc::unbounded_channel();
        let (words, heard) = mpsc::unbounded_channel();
        let (told, standing) = watch::channel(Standing::default());
        let reliance = Reliance::default();
        let said = Outward {
            played,
            told,
            reliance: reliance.clone(),
        };
        let task = Task::new(own, shards, terms, stores, sharing.clone(), said);
        let task = tokio::spawn(task.run(heard)).abort_handle();
        Self {
            roles,
            words,
            standing,
            sharing,
            reliance,
            task,
        }
    }

    /// The next shard with which another thing is to be done. `None` when it has left.
    ///
    /// # Cancellation
    /// Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<(Shard, Role)> {
        self.roles.recv().await
    }

    /// The symbols of `shard` are streaming: whoever has it may hand it over. It keeps what nobody is ready for.
    pub fn ready(&self, shard: Shard) {
        let _ = self.words.send(Word::Ready(shard));
    }

    /// Tells the others what this one would stream if it were alone, and where it goes, as a text that is the same
    /// for the same. [`Standing::differing`] counts those that have told of another one.
    pub fn tell_plan(&self, plan: &str) {
        let _ = self.words.send(Word::Plan(plan.to_owned()));
    }

    /// Hands everything over to others. [`next`](Self::next) goes on to tell what to do until then.
    pub fn leave(&self) {
        let _ = self.words.send(Word::Leave);
    }

    /// The budgets that it shares with others, for who admits requests.
    #[must_use]
    pub fn budgets(&self) -> FleetBudgets {
        self.sharing.budgets.clone()
    }

    /// What it advises others against, and they advise it, for who selects exits.
    #[must_use]
    pub fn advice(&self) -> FleetAdvice {
        self.sharing.advice.clone()
    }

    /// Which shards it is sure of, for who stores its events.
    #[must_use]
    pub fn reliance(&self) -> Reliance {
        self.reliance.clone()
    }

    /// How it stands, and its changes.
    #[must_use]
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.clone()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.task.abort();
    }
}
