//! Exits that leave by one address.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use proxy_config::{ExchangeId, Exit};
use tokio::time::Instant;
use transport::Egress;

use super::choice::Member;
use super::{ExitId, KnownExits};
use crate::egresses::Egresses;
use crate::pool::record::Ban;

impl KnownExits {
    /// From now on, `egresses` says by which addresses exits leave.
    pub(crate) fn set_egresses(&mut self, egresses: Arc<Egresses>) {
        self.egresses = egresses;
    }

    /// It is known by which address `exit` leaves, or no longer. What exchanges have banned at that address stays
    /// banned through all exits that have it.
    pub(crate) fn locate(&mut self, exit: &Exit, now: Instant) {
        let Some(id) = self.find(exit) else {
            return;
        };
        let pools = self.pools.values_mut();
        for member in pools.flat_map(|pool| &mut pool.members) {
            if member.id == id {
                member.egress = self.egresses.of(&member.exit);
            }
        }
        let neighbours = self.with_neighbours(id);
        let mut bans: HashMap<ExchangeId, Instant> = HashMap::new();
        let records = neighbours.iter().filter_map(|id| self.exits.get(id));
        for (exchange, until) in records.flat_map(|exit| exit.record.bans(now)) {
            let latest = bans.entry(exchange.clone()).or_insert(until);
            *latest = until.max(*latest);
        }
        for (exchange, until) in bans {
            let ban = (Ban::Strict, Some(until.saturating_duration_since(now)));
            self.ban(id, &exchange, ban, now);
        }
    }

    /// The exit, and those with its address.
    pub(super) fn with_neighbours(&self, id: ExitId) -> Vec<ExitId> {
        let members = || self.pools.values().flat_map(|pool| &pool.members);
        let own = members().filter(|member| member.id == id);
        let addresses: HashSet<_> = own.filter_map(address).collect();
        let alike = members().filter(|it| address(it).is_some_and(|it| addresses.contains(it)));
        let all: BTreeSet<_> = alike.map(|member| member.id).chain([id]).collect();
        all.into_iter().collect()
    }
}

/// The address of a member. One proxy, which may have several, is none.
fn address(member: &Member) -> Option<&Egress> {
    Some(&member.egress).filter(|egress| matches!(egress, Egress::Address(_)))
}

#[cfg(test)]
mod tests;
