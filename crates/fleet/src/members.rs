//! Which collectors are there, and what belongs to whom by that.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::budget::Missing;
use crate::collector::CollectorId;
use crate::presence::Presence;
use crate::rendezvous::score;
use crate::shard::{Shard, ShardCount};
use crate::terms::Terms;

/// How many are remembered after they have gone.
const MANY: usize = 10_000;

/// Which collectors are there, as this one hears it, and which of them each shard belongs to.
#[derive(Debug)]
pub(crate) struct Members {
    terms: Terms,
    known: BTreeMap<CollectorId, Member>,
    /// When something was heard last. `None` until this collector has heard of itself: what it knows is
    /// not complete before.
    heard_at: Option<Instant>,
    /// Since when nothing has been missed.
    complete_since: Option<Instant>,
    /// When those that have gone were missed first.
    gone: BTreeMap<CollectorId, Missing>,
    /// To whom each shard belongs, with its score.
    places: Vec<Option<(u64, CollectorId)>>,
    own: CollectorId,
}

#[derive(Debug)]
struct Member {
    seen_at: Instant,
    presence: Presence,
}

impl Members {
    pub(crate) fn new(own: CollectorId, shards: ShardCount, terms: Terms) -> Self {
        Self {
            terms,
            known: BTreeMap::new(),
            heard_at: None,
            complete_since: None,
            gone: BTreeMap::new(),
            places: vec![None; usize::from(shards.value())],
            own,
        }
    }

    /// Takes what a collector says of itself, or that it has gone. Returns whether another shard may
    /// belong to somebody else now.
    pub(crate) fn hear(
        &mut self,
        id: &CollectorId,
        presence: Option<Presence>,
        now: Instant,
    ) -> bool {
        if *id == self.own || self.heard_at.is_some() {
            let last = self.heard_at.replace(now);
            if last
                .is_some_and(|last| now.saturating_duration_since(last) > self.terms.renewal() * 2)
            {
                // Whoever could not be heard has not gone for that.
                for member in self.known.values_mut() {
                    member.seen_at = now;
                }
                self.complete_since = Some(now);
            }
            self.complete_since.get_or_insert(now);
        }
        let Some(presence) = presence else {
            return self.forget(id, now);
        };
        self.gone.remove(id);
        let takes = takes(&presence);
        let member = Member {
            seen_at: now,
            presence,
        };
        let before = self.known.insert(id.clone(), member);
        let took = before.is_some_and(|it| self::takes(&it.presence));
        match (took, takes) {
            (true, false) => self.vacate(id),
            (false, true) => self.offer(id),
            _ => return false,
        }
        true
    }

    /// Whether it is known who is there.
    pub(crate) fn is_informed(&self) -> bool {
        self.heard_at.is_some()
    }

    /// Forgets those that have not been heard of although others have. Returns whether there were some.
    pub(crate) fn forget_absent(&mut self) -> bool {
        let Some(heard_at) = self.heard_at else {
            return false;
        };
        let is_absent = |member: &Member| {
            heard_at.saturating_duration_since(member.seen_at) > self.terms.absence()
        };
        let absent = self.known.iter().filter(|(_, member)| is_absent(member));
        let absent: Vec<_> = absent.map(|(id, _)| id.clone()).collect();
        for id in &absent {
            self.forget(id, heard_at);
        }
        !absent.is_empty()
    }

    /// Whether `id` is there.
    pub(crate) fn knows(&self, id: &CollectorId) -> bool {
        self.known.contains_key(id)
    }

    /// How many are there.
    pub(crate) fn count(&self) -> usize {
        self.known.len()
    }

    /// To whom `shard` belongs.
    pub(crate) fn place_of(&self, shard: Shard) -> Option<&CollectorId> {
        let place = self.places.get(shard.index())?;
        place.as_ref().map(|(_, id)| id)
    }

    /// Whether the one to whom `shard` belongs is ready for it.
    pub(crate) fn is_awaited(&self, shard: Shard) -> Option<&CollectorId> {
        let id = self.place_of(shard)?;
        match &self.known.get(id)?.presence {
            Presence::There { ready_for } => ready_for.contains(&shard).then_some(id),
            Presence::Aside | Presence::Leaving => None,
        }
    }

    /// Whether shards may belong to others than this one.
    pub(crate) fn others_take(&self) -> bool {
        let mut others = self.known.iter().filter(|(id, _)| **id != self.own);
        others.any(|(_, it)| takes(&it.presence))
    }

    /// Whether `id` is missing, if nothing that it says would be missed.
    pub(crate) fn missing(&self, id: &CollectorId, now: Instant) -> Option<Missing> {
        let heard_at = self.heard_at?;
        let is_deaf = now.saturating_duration_since(heard_at) > self.terms.renewal() * 2;
        if is_deaf || self.known.contains_key(id) {
            return None;
        }
        let complete_since = self.complete_since?;
        let unknown = Missing {
            since: complete_since,
            has_left: false,
        };
        let gone = self.gone.get(id).copied();
        Some(gone.map_or(unknown, |it| Missing {
            since: it.since.max(complete_since),
            ..it
        }))
    }

    fn forget(&mut self, id: &CollectorId, now: Instant) -> bool {
        let member = self.known.remove(id);
        if let Some(member) = &member {
            if self.gone.len() >= MANY {
                // Whoever is not known to have gone is missing for no longer than that.
                self.gone.clear();
                self.complete_since = Some(now);
            }
            let has_left = member.presence == Presence::Leaving;
            // Whoever leaves may take as long for it as others need to be ready.
            let since = if has_left {
                now + self.terms.farewell()
            } else {
                now
            };
            self.gone.insert(id.clone(), Missing { since, has_left });
            self.vacate(id);
        }
        member.is_some()
    }

    /// Gives `id` the shards at which it has the highest score.
    fn offer(&mut self, id: &CollectorId) {
        for (number, place) in self.places.iter_mut().enumerate() {
            let score = score(&number.to_string(), id.as_str());
            if place.as_ref().is_none_or(|(best, _)| *best < score) {
                *place = Some((score, id.clone()));
            }
        }
    }

    /// Gives what belonged to `id` to others.
    fn vacate(&mut self, id: &CollectorId) {
        let there = self.known.iter();
        let there = there.filter(|(other, it)| *other != id && takes(&it.presence));
        let there: Vec<_> = there.map(|(other, _)| other).collect();
        for (number, place) in self.places.iter_mut().enumerate() {
            if place.as_ref().is_some_and(|(_, owner)| owner == id) {
                let number = number.to_string();
                let scores = there
                    .iter()
                    .map(|other| (score(&number, other.as_str()), *other));
                *place = scores.max().map(|(score, other)| (score, other.clone()));
            }
        }
    }
}

/// Whether shards may belong to one that says this.
fn takes(presence: &Presence) -> bool {
    matches!(presence, Presence::There { .. })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::*;

    const THERE: Presence = Presence::There {
        ready_for: BTreeSet::new(),
    };

    fn ids() -> [CollectorId; 3] {
        ["a", "b", "c"].map(|name| CollectorId::parse(name).unwrap())
    }

    fn places(members: &Members) -> Vec<Option<CollectorId>> {
        let shards = ShardCount::default().iter();
        shards
            .map(|shard| members.place_of(shard).cloned())
            .collect()
    }

    #[test]
    fn in_whatever_order_they_come_and_go_the_same_belongs_to_them() {
        let [a, b, c] = ids();
        let now = Instant::now();
        let view = |heard: &[(&CollectorId, Option<Presence>)]| {
            let mut members = Members::new(a.clone(), ShardCount::default(), Terms::default());
            for (id, presence) in heard {
                members.hear(id, presence.clone(), now);
            }
            places(&members)
        };
        let both = view(&[(&a, Some(THERE)), (&b, Some(THERE))]);
        assert_eq!(both, view(&[(&b, Some(THERE)), (&a, Some(THERE))]));
        let gone = [
            (&c, Some(THERE)),
            (&a, Some(THERE)),
            (&b, Some(THERE)),
            (&c, None),
        ];
        assert_eq!(both, view(&gone));
        let leaving = [
            (&a, Some(THERE)),
            (&c, Some(THERE)),
            (&c, Some(Presence::Leaving)),
            (&b, Some(THERE)),
        ];
        assert_eq!(both, view(&leaving));
        assert!(both.contains(&Some(a)) && both.contains(&Some(b)));
    }

    #[test]
    fn who_is_silent_while_others_are_heard_has_gone_and_nobody_has_when_all_are_silent() {
        let [a, b, _] = ids();
        let terms = Terms::default();
        let start = Instant::now();
        let mut members = Members::new(a.clone(), ShardCount::default(), terms);
        members.hear(&b, Some(THERE), start);
        assert!(!members.is_informed());
        members.hear(&a, Some(THERE), start);
        assert!(members.is_informed());
        // Nothing was heard for a minute, and then it goes on.
        let later = start + Duration::from_secs(60);
        members.hear(&a, Some(THERE), later);
        assert!(!members.forget_absent());
        let mut now = later;
        while now <= later + terms.absence() {
            now += terms.renewal();
            assert_eq!(members.count(), 2);
            members.hear(&a, Some(THERE), now);
            members.forget_absent();
        }
        assert_eq!(members.count(), 1);
        assert!(
            places(&members)
                .iter()
                .all(|place| *place == Some(a.clone()))
        );
    }
}
