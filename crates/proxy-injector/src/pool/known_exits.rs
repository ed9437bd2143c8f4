//! All exits that pools use, and all pools.

mod advice;
mod choice;
mod counsel;
mod neighbours;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use proxy_config::{ExchangeId, Exit, PoolConfig};
use tokio::time::Instant;
use transport::{Egress, Endpoint, HealthAdvice};

use self::choice::{Member, Pool};
use self::counsel::{Counsel, Word};
use super::breaker::{Standing, Trial};
use super::rankings::Rankings;
use super::record::{Ban, Course, Out, Record, View};
use super::rendezvous::identity;
use super::turns::Turns;
use super::verdict::Verdict;
use crate::egresses::{Egresses, stated};
use crate::route_key::RouteKey;

/// An exit: a proxy with those on the way to it, or a local address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ExitId(u64);

/// A pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PoolId(u64);

/// The exits and the pools that they are in. An exit that is in two pools is known once, and fails in
/// both. All that depends on the time gets it.
#[derive(Debug, Default)]
pub(crate) struct KnownExits {
    known: HashMap<RouteKey, ExitId>,
    exits: HashMap<ExitId, Known>,
    pools: HashMap<PoolId, Pool>,
    last_id: u64,
    egresses: Arc<Egresses>,
    advice: Option<Arc<dyn HealthAdvice>>,
}

#[derive(Debug, Default)]
struct Known {
    record: Record,
    /// When it was selected last, on the clock of ids.
    selected: u64,
    /// The pools that it is in, and its place there.
    seats: Vec<(PoolId, usize)>,
    /// What other processes know it by, if it is a proxy.
    egress: Option<Egress>,
}

/// A member that was selected.
#[derive(Debug)]
pub(crate) struct Selected {
    pub(crate) place: usize,
    pub(crate) id: ExitId,
    pub(crate) exit: Exit,
    pub(crate) trial: Option<Trial>,
}

impl KnownExits {
    /// Adds a pool of the enabled members of `config`.
    pub(crate) fn add_pool(&mut self, config: &PoolConfig, now: Instant) -> PoolId {
        let pool = PoolId(self.next_id());
        let mut members = Vec::new();
        for (place, member) in config.enabled_members().enumerate() {
            let exit = config.through(member);
            let key = RouteKey::of(&exit);
            let identity = identity(&key);
            let id = match self.known.get(&key) {
                Some(id) => *id,
                None => {
                    let id = ExitId(self.next_id());
                    self.known.insert(key, id);
                    id
                }
            };
            let (egress, stated) = (self.egresses.of(&exit), stated(&exit));
            let known = self.exits.entry(id).or_default();
            known.seats.push((pool, place));
            known.egress = exit.proxy().map(|_| stated.clone());
            members.push(Member {
                id,
                exit,
                egress,
                stated,
                weight: member.weight(),
                identity,
            });
        }
        let mut turns = Turns::new(config.strategy());
        for (member, rank) in members.iter().zip(self.ranks(&members)) {
            turns.add(member.weight, rank);
        }
        let ids: Vec<_> = members.iter().map(|member| member.id).collect();
        let made = Pool {
            strategy: config.strategy(),
            breaker: *config.breaker(),
            members,
            turns,
            rankings: Rankings::default(),
            counsel: Counsel::default(),
        };
        self.pools.insert(pool, made);
        for id in ids {
            self.refresh(id);
        }
        self.wake(pool, now);
        pool
    }

    /// The place of each of `members` in the order of when they were selected last, the longest ago first.
    // A list that changes makes another pool. Without this, each would begin with the first member.
    fn ranks(&self, members: &[Member]) -> Vec<u64> {
        let selected = |place: &usize| {
            let exit = members.get(*place).map(|member| member.id);
            exit.and_then(|id| Some(self.exits.get(&id)?.selected))
        };
        let mut order: Vec<_> = (0..members.len()).collect();
        order.sort_by_key(selected);
        let mut ranks = vec![0; members.len()];
        for (rank, place) in (0..).zip(order) {
            if let Some(of_place) = ranks.get_mut(place) {
                *of_place = rank;
            }
        }
        ranks
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Forgets a pool.
    pub(crate) fn remove_pool(&mut self, pool: PoolId, now: Instant) {
        let Some(gone) = self.pools.remove(&pool) else {
            return;
        };
        for member in gone.members {
            if let Some(exit) = self.exits.get_mut(&member.id) {
                exit.seats.retain(|(of, _)| *of != pool);
            }
        }
        self.forget_unused(now);
    }

    /// Takes back all that speaks against any exit, except the bans of exchanges.
    pub(crate) fn pardon(&mut self, now: Instant) {
        let ids: Vec<_> = self.exits.keys().copied().collect();
        for id in ids {
            self.tell_pardon(id, now);
            self.change(id, |record| record.pardon(now));
        }
        self.forget_unused(now);
    }

    /// Forgets the exits without a pool, without a connection that must still count, and without a ban, which one that
    /// leaves a list and comes back still has.
    fn forget_unused(&mut self, now: Instant) {
        self.exits.retain(|_, exit| {
            let record = &exit.record;
            !exit.seats.is_empty() || record.leases() > 0 || record.bans(now).next().is_some()
        });
        self.known.retain(|_, id| self.exits.contains_key(id));
    }

    /// Which one `exit` is, if a pool has it.
    pub(crate) fn find(&self, exit: &Exit) -> Option<ExitId> {
        self.known.get(&RouteKey::of(exit)).copied()
    }

    /// What is known of the exits with these keys, for connections to these exchanges; `None` where that is
    /// nothing.
    pub(crate) fn views(
        &mut self,
        keys: &[RouteKey],
        exchanges: &BTreeSet<ExchangeId>,
    ) -> Vec<Option<View>> {
        let views = keys.iter().map(|key| {
            let id = *self.known.get(key)?;
            let advised = self.advised(id, exchanges);
            Some(self.exits.get(&id)?.record.view(advised))
        });
        views.collect()
    }

    fn wake(&mut self, pool: PoolId, now: Instant) {
        if let Some(pool) = self.pools.get_mut(&pool) {
            pool.turns.wake(now);
        }
    }

    /// Selects a member of `pool` that may be used, and of those one for which `has_room` is true if
    /// there is one. It has a lease from then on: connections that are made at the same time must see each
    /// other, or all of them would select the same member.
    pub(crate) fn select(
        &mut self,
        pool: PoolId,
        course: &Course<'_>,
        tried: &HashSet<usize>,
        has_room: impl Fn(&Exit) -> bool,
        now: Instant,
    ) -> Option<Selected> {
        self.wake(pool, now);
        let place = self.next_place(pool, course, tried, has_room, now)?;
        self.take(pool, place, now)
    }

    /// The place of the member to select.
    fn next_place(
        &mut self,
        pool: PoolId,
        course: &Course<'_>,
        tried: &HashSet<usize>,
        has_room: impl Fn(&Exit) -> bool,
        now: Instant,
    ) -> Option<usize> {
        let heard = self.heard();
        let state = self.pools.get_mut(&pool)?;
        let wanted = state.wanted(course);
        let heeded = state.counsel.heed(&heard, course.exchange, &state.members);
        let state = self.pools.get(&pool)?;
        let record = |member: &Member| self.exits.get(&member.id).map(|exit| &exit.record);
        let is_advised = |place: usize, member: &Member| {
            let counts = |word: &Word| {
                let record = record(member);
                now < word.until && !record.is_some_and(|it| word.is_disproved(course.exchange, it))
            };
            let words = heeded.as_ref().and_then(|words| words.get(&place));
            words.is_some_and(|words| words.iter().any(counts))
        };
        let among = |is_tolerated: fn(Out) -> bool| {
            let is_free = |place: usize, member: &Member| {
                let out = record(member).and_then(|record| record.out(course, now));
                !tried.contains(&place) && out.is_none_or(is_tolerated)
            };
            state.choose(course, &wanted, is_free, is_advised, &has_room)
        };
        // What an exchange declines through all of them, it declines through none: the load stays shared.
        among(|_| false).or_else(|| among(|out| out.ban == Ban::Declined))
    }

    /// All members of `pool` that are not in `tried`, for a connection that nobody else is left for: the
    /// most promising first, without those that an exchange forbids to ask.
    pub(crate) fn last_resort(
        &self,
        pool: PoolId,
        course: &Course<'_>,
        tried: &HashSet<usize>,
        now: Instant,
    ) -> Vec<usize> {
        let Some(pool) = self.pools.get(&pool) else {
            return Vec::new();
        };
        let rank = |(place, member): (usize, &Member)| {
            let record = &self.exits.get(&member.id)?.record;
            let out = record.out(course, now);
            if tried.contains(&place) || out.is_some_and(|out| out.ban == Ban::Strict) {
                return None;
            }
            let until = match record.standing() {
                Standing::Until(until) => Some(until),
                Standing::Closed | Standing::OnTrial => None,
            };
            let is_failing = record.standing() != Standing::Closed;
            Some((is_failing, until, out.map(|out| out.until), place))
        };
        let mut ranks: Vec<_> = pool.members.iter().enumerate().filter_map(rank).collect();
        ranks.sort_unstable();
        ranks.into_iter().map(|(_, _, _, place)| place).collect()
    }

    /// Until when the first of those that an exchange forbids to ask may be asked, if there are any.
    pub(crate) fn first_allowed(
        &self,
        pool: PoolId,
        course: &Course<'_>,
        now: Instant,
    ) -> Option<Instant> {
        let members = &self.pools.get(&pool)?.members;
        let outs = members.iter().filter_map(|member| {
            let out: Out = self.exits.get(&member.id)?.record.out(course, now)?;
            (out.ban == Ban::Strict).then_some(out.until)
        });
        outs.min()
    }

    /// Selects the member of `pool` at `place`.
    pub(crate) fn take(&mut self, pool: PoolId, place: usize, now: Instant) -> Option<Selected> {
        let state = self.pools.get_mut(&pool)?;
        let member = state.members.get(place)?;
        let (id, exit) = (member.id, member.exit.clone());
        let config = state.breaker;
        state.turns.pass(place);
        let selected = self.next_id();
        if let Some(exit) = self.exits.get_mut(&id) {
            exit.selected = selected;
        }
        let mut trial = None;
        self.change(id, |record| {
            record.set_breaker(config);
            record.add_lease();
            trial = record.breaker().begin(now);
        });
        Some(Selected {
            place,
            id,
            exit,
            trial,
        })
    }

    /// Ends a lease, and its trial if that has no verdict.
    pub(crate) fn release(&mut self, id: ExitId, trial: Option<Trial>, now: Instant) {
        self.change(id, |record| {
            record.end_lease();
            if let Some(trial) = trial {
                record.breaker().give_back(trial, now);
            }
        });
        let is_unused = |exit: &Known| exit.seats.is_empty() && exit.record.leases() == 0;
        if self.exits.get(&id).is_some_and(is_unused) {
            self.forget_unused(now);
        }
    }

    /// A connection by the exit to `target` was made.
    pub(crate) fn succeed(&mut self, id: ExitId, target: Option<&Endpoint>, now: Instant) {
        let was_in_order = self.standing(id) == Some(Standing::Closed);
        self.change(id, |record| {
            record.succeed(now);
            if let Some(target) = target {
                record.reach(target);
            }
        });
        if !was_in_order {
            self.hasten_next(id, now);
        }
    }

    /// The exit is back. In its pools of which no more than half is in order, another member is tried
    /// next, whatever its cool-down.
    // They may have failed together, as when this machine had no network. All of them at once would be too
    // many if they have not: a dial would go from one dead member to the next.
    fn hasten_next(&mut self, id: ExitId, now: Instant) {
        let seats = self.exits.get(&id).map(|exit| exit.seats.iter());
        let pools = seats.into_iter().flatten();
        let next: Vec<_> = pools
            .filter_map(|(pool, _)| self.next_back(*pool))
            .collect();
        for id in next {
            self.change(id, |record| record.breaker().hasten(now));
        }
    }

    /// The member of `pool` that is skipped for the shortest time, if no more than half of all members are
    /// in order.
    fn next_back(&self, pool: PoolId) -> Option<ExitId> {
        let members = &self.pools.get(&pool)?.members;
        let mut in_order = 0;
        let mut next: Option<(Instant, ExitId)> = None;
        for member in members {
            match self.standing(member.id)? {
                Standing::Closed => in_order += 1,
                Standing::Until(until) => {
                    let skipped = (until, member.id);
                    next = Some(next.map_or(skipped, |next| next.min(skipped)));
                }
                Standing::OnTrial => {}
            }
        }
        let (_, id) = next?;
        (in_order * 2 <= members.len()).then_some(id)
    }

    fn standing(&self, id: ExitId) -> Option<Standing> {
        self.exits.get(&id).map(|exit| exit.record.standing())
    }

    /// The exit has failed.
    pub(crate) fn fail(&mut self, id: ExitId, now: Instant) {
        self.change(id, |record| record.fail(now));
    }

    /// A connection by the exit was open, and nothing arrives any longer.
    pub(crate) fn stall(&mut self, id: ExitId, now: Instant) {
        self.change(id, |record| record.stall(now));
    }

    /// A check of the exit for `pool` has come to `verdict`; `most` in a row may fail.
    pub(crate) fn check(
        &mut self,
        (pool, id): (PoolId, ExitId),
        most: u64,
        verdict: Verdict,
        now: Instant,
    ) {
        if let (Some(pool), Some(exit)) = (self.pools.get(&pool), self.exits.get_mut(&id)) {
            exit.record.set_breaker(pool.breaker);
        }
        self.change(id, |record| match &verdict {
            Verdict::Failed => record.fail_check(most, now),
            Verdict::Missed(target) => record.miss(target, now),
            Verdict::Passed(target) => {
                record.pass_check(now);
                if let Some(target) = target {
                    record.reach(target);
                }
            }
            Verdict::Banned(..) => record.pass_check(now),
        });
        if let Verdict::Banned(exchange, ban, wait) = verdict {
            self.ban(id, &exchange, (ban, wait), now);
        }
    }

    /// The members of `pool`.
    pub(crate) fn members(&self, pool: PoolId) -> Vec<(ExitId, Exit)> {
        let members = self.pools.get(&pool).map(|pool| pool.members.iter());
        let members = members.into_iter().flatten();
        members
            .map(|member| (member.id, member.exit.clone()))
            .collect()
    }

    /// The exit does not reach `target`.
    pub(crate) fn miss(&mut self, id: ExitId, target: &Endpoint, now: Instant) {
        self.change(id, |record| record.miss(target, now));
    }

    /// The exchange does not want the exit's address.
    pub(crate) fn ban(
        &mut self,
        id: ExitId,
        exchange: &ExchangeId,
        (ban, wait): (Ban, Option<Duration>),
        now: Instant,
    ) {
        let banned = match ban {
            // It is the address that is banned, whatever leads to it.
            Ban::Strict => self.with_neighbours(id),
            Ban::Declined => vec![id],
        };
        for id in banned {
            let mut until = now;
            self.change(id, |record| until = record.ban(exchange, ban, wait, now));
            self.tell_ban(id, exchange, until);
        }
    }

    /// `exchange` has answered what came by the exit, and wants its address.
    pub(crate) fn serve(&mut self, id: ExitId, exchange: &ExchangeId, now: Instant) {
        // It speaks against advice only.
        if self.advice.is_some()
            && let Some(exit) = self.exits.get_mut(&id)
        {
            exit.record.serve(exchange, now);
        }
    }

    /// Changes what is known of an exit, and its place in the order of every pool that it is in.
    fn change(&mut self, id: ExitId, change: impl FnOnce(&mut Record)) {
        if let Some(exit) = self.exits.get_mut(&id) {
            let before = exit.record.standing();
            change(&mut exit.record);
            let after = exit.record.standing();
            if after != before {
                self.tell_standing(id, after);
            }
        }
        self.refresh(id);
    }

    fn refresh(&mut self, id: ExitId) {
        let Some(Known { record, seats, .. }) = self.exits.get(&id) else {
            return;
        };
        for (pool, place) in seats {
            if let Some(pool) = self.pools.get_mut(pool) {
                pool.turns
                    .refresh(*place, record.standing(), record.leases());
            }
        }
    }

    /// The places in `pool` that may be used.
    #[cfg(test)]
    pub(crate) fn ready(&self, pool: PoolId) -> impl Iterator<Item = usize> {
        let pool = self.pools.get(&pool).into_iter();
        pool.flat_map(|pool| pool.turns.ready())
    }
}

#[cfg(test)]
mod tests {
    use proxy_config::{PoolMember, ProxyUrl};

    use super::*;

    fn config(names: &str) -> PoolConfig {
        let member = |name: &str| {
            let url: ProxyUrl = format!("http://{name}:1").parse().unwrap();
            PoolMember::new(url)
        };
        PoolConfig::new(names.split(' ').map(member)).unwrap()
    }

    #[test]
    fn a_pool_that_takes_the_place_of_another_goes_on_with_its_turns() {
        let (mut exits, now) = (KnownExits::default(), Instant::now());
        let (mut before, mut told) = (None, Vec::new());
        for names in ["a b c", "a b c d", "a b c", "a b d", "a b c d", "a c d"] {
            let pool = exits.add_pool(&config(names), now);
            if let Some(before) = before.replace(pool) {
                exits.remove_pool(before, now);
            }
            let course = Course::default();
            let selected = exits.select(pool, &course, &HashSet::new(), |_| true, now);
            let Selected {
                id, trial, exit, ..
            } = selected.unwrap();
            exits.release(id, trial, now);
            told.push(exit.proxy().unwrap().url().host().to_string());
        }
        // Of one that was gone, nothing is known.
        assert_eq!(told, ["a", "b", "c", "d", "c", "a"]);
    }
}
