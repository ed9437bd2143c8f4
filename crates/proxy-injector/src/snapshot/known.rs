//! What is known of the exits.

use std::collections::HashMap;
use std::sync::Arc;

use proxy_config::{Exit, PoolConfig};

use super::exit::ExitSnapshot;
use super::member::MemberSnapshot;
use super::times::Moment;
use crate::dials::History;
use crate::egresses::Egresses;
use crate::injector::ProxyInjector;
use crate::pool::View;
use crate::route_key::RouteKey;

/// The member of a pool, as it is configured or listed.
#[derive(Clone)]
pub(super) struct Member {
    pub(super) exit: Exit,
    weight: u64,
    is_enabled: bool,
}

/// The members of `pool`.
pub(super) fn members(pool: &PoolConfig) -> Vec<Member> {
    let members = pool.members().iter().map(|member| Member {
        exit: pool.through(member),
        weight: member.weight(),
        is_enabled: member.is_enabled(),
    });
    members.collect()
}

/// What is known of exits, copied.
pub(super) struct Known {
    facts: HashMap<RouteKey, Facts>,
    egresses: Arc<Egresses>,
}

#[derive(Default)]
struct Facts {
    connections: u64,
    history: Option<History>,
    view: Option<View>,
}

impl Known {
    /// What is known of `exits`, of which `open` has one for each open connection.
    pub(super) fn of<'a>(
        injector: &ProxyInjector,
        exits: impl Iterator<Item = &'a Exit>,
        open: &[Exit],
    ) -> Self {
        let keys: Vec<_> = exits.map(RouteKey::of).collect();
        let histories = injector.dials().histories(&keys);
        let exits = injector.factory().exits();
        let exchanges = injector.scopes();
        // With one lock for all of them, which hashes and copies only.
        let views = exits.lock().views(&keys, &exchanges);
        let mut known = Self {
            facts: HashMap::new(),
            egresses: injector.egresses(),
        };
        for ((key, history), view) in keys.into_iter().zip(histories).zip(views) {
            let facts = known.facts.entry(key).or_default();
            facts.history = history.map(|history| history.lock().clone());
            facts.view = view;
        }
        for exit in open {
            if let Some(facts) = known.facts.get_mut(&RouteKey::of(exit)) {
                facts.connections += 1;
            }
        }
        known
    }

    pub(super) fn exit(&self, exit: &Exit, moment: &Moment) -> ExitSnapshot {
        let facts = self.facts.get(&RouteKey::of(exit));
        let connections = facts.map_or(0, |facts| facts.connections);
        let history = facts.and_then(|facts| facts.history.as_ref());
        ExitSnapshot::new(exit, &self.egresses, connections, history, moment)
    }

    pub(super) fn member(&self, member: &Member, moment: &Moment) -> MemberSnapshot {
        let facts = self.facts.get(&RouteKey::of(&member.exit));
        let view = facts.and_then(|facts| facts.view.as_ref());
        let exit = self.exit(&member.exit, moment);
        MemberSnapshot::new(exit, (member.weight, member.is_enabled), view, moment)
    }
}
