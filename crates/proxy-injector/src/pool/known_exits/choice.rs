//! Which member of one pool is selected.

use std::sync::Arc;

use proxy_config::{BreakerConfig, Exit, PoolStrategy};
use transport::Egress;

use super::ExitId;
use super::counsel::Counsel;
use crate::pool::rankings::Rankings;
use crate::pool::record::Course;
use crate::pool::rendezvous::score;
use crate::pool::turns::Turns;

#[derive(Debug)]
pub(super) struct Pool {
    pub(super) strategy: PoolStrategy,
    pub(super) breaker: BreakerConfig,
    pub(super) members: Vec<Member>,
    pub(super) turns: Turns,
    pub(super) rankings: Rankings,
    pub(super) counsel: Counsel,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) id: ExitId,
    pub(super) exit: Exit,
    /// What exchanges count by.
    pub(super) egress: Egress,
    /// The same as far as the configuration says it.
    pub(super) stated: Egress,
    pub(super) weight: u64,
    pub(super) identity: u64,
}

impl Pool {
    /// The places of the members that `course` wants most, with [`Sticky`](PoolStrategy::Sticky).
    pub(super) fn wanted(&mut self, course: &Course<'_>) -> Arc<[usize]> {
        if self.strategy != PoolStrategy::Sticky {
            return Arc::default();
        }
        let members = self.members.iter();
        let members = members.map(|member| (member.identity, member.weight));
        self.rankings.of(course.key(), members)
    }

    /// The place of the member that the strategy selects for `course`, of those that may be used and are free.
    ///
    /// Advice makes nobody wait, and brings no two connections together that want to be apart.
    pub(super) fn choose(
        &self,
        course: &Course<'_>,
        wanted: &[usize],
        is_free: impl Fn(usize, &Member) -> bool,
        is_advised: impl Fn(usize, &Member) -> bool,
        has_room: impl Fn(&Exit) -> bool,
    ) -> Option<usize> {
        let apart_from = self.egresses_of(course.apart_from);
        let is_apart = |member: &Member| !apart_from.contains(&&member.egress);
        // Another exit would be wrong, so a full one is waited for.
        if self.strategy == PoolStrategy::Sticky {
            let best = |must_be_apart: bool, takes_advised: bool| {
                self.best(course, wanted, |place, member: &Member| {
                    is_free(place, member)
                        && (is_apart(member) || !must_be_apart)
                        && (takes_advised || !is_advised(place, member))
                })
            };
            let ranks = [(true, false), (true, true), (false, false), (false, true)];
            return ranks.into_iter().find_map(|(apart, any)| best(apart, any));
        }
        let mut best = None;
        for (place, member) in self.ready() {
            if !is_free(place, member) {
                continue;
            }
            let is_full = !is_apart(member) || !has_room(&member.exit);
            let rank = (is_full, is_advised(place, member));
            if rank == (false, false) {
                return Some(place);
            }
            if best.is_none_or(|(best, _)| rank < best) {
                best = Some((rank, place));
            }
        }
        best.map(|(_, place)| place)
    }

    /// `egresses`, and what is known now of those that connections had before it was learned.
    fn egresses_of<'a>(&'a self, egresses: &'a [Egress]) -> Vec<&'a Egress> {
        if egresses.is_empty() {
            return Vec::new();
        }
        let members = self.members.iter();
        let known = members.filter(|member| egresses.contains(&member.stated));
        let known = known.map(|member| &member.egress);
        egresses.iter().chain(known).collect()
    }

    /// The members that may be used, the next one first.
    fn ready(&self) -> impl Iterator<Item = (usize, &Member)> {
        let ready = self.turns.ready();
        ready.filter_map(|place| Some((place, self.members.get(place)?)))
    }

    /// The place of the member with the highest score for `course` of those that may be used and are free. The
    /// highest of all are at the places that are `wanted`, in this order.
    fn best(
        &self,
        course: &Course<'_>,
        wanted: &[usize],
        is_free: impl Fn(usize, &Member) -> bool,
    ) -> Option<usize> {
        let may_be_used = |place: usize| {
            let member = self.members.get(place);
            self.turns.is_ready(place) && member.is_some_and(|member| is_free(place, member))
        };
        if let Some(place) = wanted.iter().copied().find(|place| may_be_used(*place)) {
            return Some(place);
        }
        let key = course.key();
        let mut best = None;
        for (place, member) in self.ready() {
            let score = score(key, member.identity, member.weight);
            let is_better = best.is_none_or(|(highest, _)| score > highest);
            if is_better && is_free(place, member) {
                best = Some((score, place));
            }
        }
        best.map(|(_, place)| place)
    }
}
