//! Who has the shards of a fleet.

use std::collections::HashMap;

use feeds::{ExchangeName, Symbol};

use crate::fence::Fence;
use crate::run::RunId;

/// The highest fence of every shard, and the run that the book of every symbol is of in each fleet.
#[derive(Debug, Default)]
pub(super) struct Fences {
    highest: HashMap<Box<str>, u64>,
    owners: HashMap<(Box<str>, ExchangeName, Symbol), Owner>,
}

#[derive(Debug)]
struct Owner {
    run: RunId,
    fence: Fence,
}

impl Fences {
    /// Takes the fence of the next message. Returns whether it is from a collector that the shard was taken
    /// from.
    pub(super) fn take(&mut self, fence: &Fence) -> bool {
        let revision = fence.revision();
        match self.highest.get_mut(fence.shard()) {
            Some(highest) if revision < *highest => true,
            Some(highest) => {
                *highest = revision;
                false
            }
            None => {
                self.highest.insert(fence.shard().into(), revision);
                false
            }
        }
    }

    /// The book of a symbol is that of `run` from now on, in the fleet of `fence`. Returns the run that it was of
    /// there, if that is another. Another fleet that publishes to the same stream has a book of its own.
    pub(super) fn own(
        &mut self,
        exchange: &ExchangeName,
        symbol: &Symbol,
        run: &RunId,
        fence: &Fence,
    ) -> Option<RunId> {
        let owner = Owner {
            run: run.clone(),
            fence: fence.clone(),
        };
        let key = (fence.fleet().into(), exchange.clone(), symbol.clone());
        let before = self.owners.insert(key, owner)?;
        (before.run != *run).then_some(before.run)
    }

    /// The books whose shard was taken by a collector that has told nothing of them.
    pub(super) fn taken(&self) -> impl Iterator<Item = (&RunId, &ExchangeName, &Symbol)> {
        let taken = self.owners.iter().filter(|(_, owner)| {
            let highest = self.highest.get(owner.fence.shard());
            highest.is_some_and(|it| owner.fence.revision() < *it)
        });
        taken.map(|((_, exchange, symbol), owner)| (&owner.run, exchange, symbol))
    }
}
