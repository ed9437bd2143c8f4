//! Which shards a collector has.

mod tenure;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Instant;

pub use self::tenure::{Answer, Ask, Fence, Holder, Role};

use self::tenure::{Place, Tenure};
use crate::budget::{Company, Missing};
use crate::collector::CollectorId;
use crate::members::Members;
use crate::presence::Presence;
use crate::reliance::Relied;
use crate::shard::{Shard, ShardCount};
use crate::terms::Terms;

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Say this of this collector.
    Present(Presence),
    /// Ask the server about a shard, and give the [answer](Assignment::answer).
    Ask {
        /// The shard.
        shard: Shard,
        /// The question.
        ask: Ask,
        /// Who the owner is to be, of [`Ask::Take`] and [`Ask::HandOver`].
        owner: CollectorId,
    },
    /// Do this with a shard from now on.
    Play {
        /// The shard.
        shard: Shard,
        /// What to do with it.
        role: Role,
    },
}

/// Which shards a collector has. It looks at no clock and talks to nobody.
///
/// A shard belongs to the collector with the highest score, by rendezvous hashing, of all that are there.
/// Who has it has the lease: an entry that the server removes when it is not renewed. A collector that
/// gets a shard streams it before the one that has it stops.
///
/// At most one collector at a time has a shard and relies on it, as long as no clock runs by a tenth
/// faster or slower than the server's. One that cannot reach the server goes on, and is told from its
/// successor by the [`Fence`], which is lower.
#[derive(Debug)]
pub struct Assignment {
    own: CollectorId,
    terms: Terms,
    members: Members,
    tenures: Vec<(Shard, Tenure, Role)>,
    present_due: Option<Instant>,
    /// When the last word was sent that the server has.
    present_at: Option<Instant>,
    said: Option<Presence>,
    leaving_until: Option<Instant>,
    /// Since when it has nothing, and is ready for nothing of what belongs to it.
    fruitless_since: Option<Instant>,
    /// Until when it leaves everything to others.
    aside_until: Option<Instant>,
    /// Something has changed that may matter to every shard.
    is_changed: bool,
}

impl Assignment {
    /// That of a collector which has nothing yet.
    #[must_use]
    pub fn new(own: CollectorId, shards: ShardCount, terms: Terms) -> Self {
        let tenures = shards.iter().map(|it| (it, Tenure::new(), Role::Off));
        Self {
            members: Members::new(own.clone(), shards, terms),
            own,
            terms,
            tenures: tenures.collect(),
            present_due: None,
            present_at: None,
            said: None,
            leaving_until: None,
            fruitless_since: None,
            aside_until: None,
            is_changed: true,
        }
    }

    /// Takes what a collector says of itself, this one included, or that it has gone.
    pub fn hear(&mut self, id: &CollectorId, presence: Option<Presence>, now: Instant) {
        let was_informed = self.members.is_informed();
        let awaits =
            matches!(&presence, Some(Presence::There { ready_for }) if !ready_for.is_empty());
        self.is_changed |= self.members.hear(id, presence, now);
        self.is_changed |= awaits || !was_informed;
    }

    /// The server has what this collector has said of itself at `sent_at`.
    pub fn presented(&mut self, sent_at: Instant) {
        self.present_at = self.present_at.max(Some(sent_at));
    }

    /// The symbols of `shard` are streaming: whoever has it may hand it over. It keeps what nobody is ready for.
    pub fn ready(&mut self, shard: Shard) {
        if let Some((_, tenure, _)) = self.tenures.get_mut(shard.index()) {
            tenure.ready();
            self.is_changed = true;
        }
    }

    /// Takes the answer to what was asked about `shard`. There is one for every question.
    pub fn answer(&mut self, shard: Shard, answer: Answer, now: Instant) {
        if let Some((_, tenure, _)) = self.tenures.get_mut(shard.index()) {
            tenure.answer(&self.own, answer, self.terms, now);
            self.is_changed = true;
        }
    }

    /// Hands everything over: to others that are ready for it within the time of some leases, and after
    /// that, or if there are none, to whoever comes.
    pub fn leave(&mut self, now: Instant) {
        if self.leaving_until.is_none() {
            self.leaving_until = Some(now + self.terms.farewell());
            self.present_due = None;
            self.is_changed = true;
        }
    }

    /// Whether it was told to leave, and has nothing any longer.
    #[must_use]
    pub fn has_left(&self) -> bool {
        let is_off = |(.., role): &(Shard, Tenure, Role)| *role == Role::Off;
        self.leaving_until.is_some() && self.tenures.iter().all(is_off)
    }

    /// What is to be done now.
    pub fn poll(&mut self, now: Instant) -> Vec<Action> {
        self.is_changed |= self.members.forget_absent();
        let mut actions = Vec::new();
        if self.members.is_informed() {
            self.poll_shards(now, &mut actions);
            self.step_aside(now);
        }
        self.present(now, &mut actions);
        self.is_changed = false;
        actions
    }

    /// When to poll again, unless something changes before.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        let tenures = self.tenures.iter();
        let tenures = tenures.filter_map(|(_, tenure, _)| tenure.due());
        tenures.chain(self.present_due).min()
    }

    /// The shards that are this collector's and cannot be another's now.
    pub fn confirmed(&self, now: Instant) -> impl Iterator<Item = Shard> {
        let tenures = self.tenures.iter();
        let confirmed = tenures.filter(move |(_, it, _)| it.is_confirmed(self.terms, now));
        confirmed.map(|(shard, ..)| *shard)
    }

    /// The leases that this collector has, and when it is sure of them.
    pub fn relied(&self) -> impl Iterator<Item = (Shard, Relied)> {
        let tenures = self.tenures.iter();
        tenures.filter_map(|(shard, tenure, _)| Some((*shard, tenure.relied(self.terms)?)))
    }

    /// The shards that this collector publishes as their owner, whether or not it can reach the server.
    pub fn owned(&self) -> impl Iterator<Item = (Shard, Fence)> {
        self.tenures
            .iter()
            .filter_map(|(shard, _, role)| match role {
                Role::Own(fence) => Some((*shard, *fence)),
                _ => None,
            })
    }

    /// Whether `id` is there, as far as this one knows.
    pub(crate) fn knows(&self, id: &CollectorId) -> bool {
        self.members.knows(id)
    }

    /// How many collectors are there, as far as this one knows.
    #[must_use]
    pub fn members(&self) -> usize {
        self.members.count()
    }

    fn poll_shards(&mut self, now: Instant, actions: &mut Vec<Action>) {
        for (shard, tenure, role) in &mut self.tenures {
            let is_due = tenure.due().is_some_and(|due| due <= now);
            let owner = self.members.place_of(*shard);
            let gives_up = self
                .leaving_until
                .is_some_and(|until| until <= now || owner.is_none());
            if !is_due && !self.is_changed && !gives_up {
                continue;
            }
            let place = match owner {
                Some(owner) if *owner == self.own => Place::Here,
                _ if self.members.is_awaited(*shard).is_some() => Place::Awaited,
                _ => Place::Elsewhere,
            };
            let ask = match gives_up {
                true => tenure
                    .release(now)
                    .or_else(|| tenure.poll(place, self.terms, now)),
                false => tenure.poll(place, self.terms, now),
            };
            if let Some(ask) = ask {
                let owner = match (ask, owner) {
                    (Ask::HandOver { .. }, Some(owner)) => owner.clone(),
                    _ => self.own.clone(),
                };
                let shard = *shard;
                actions.push(Action::Ask { shard, ask, owner });
            }
            if tenure.role() != *role {
                *role = tenure.role();
                let (shard, role) = (*shard, *role);
                actions.push(Action::Play { shard, role });
            }
        }
    }

    /// One that cannot reach an exchange would get the shards of one that dies, and keep them. So it leaves them
    /// to others, if there are any, and tries again some time later.
    fn step_aside(&mut self, now: Instant) {
        let others_take = self.members.others_take();
        self.aside_until
            .take_if(|until| *until <= now || !others_take);
        let mut tenures = self.tenures.iter();
        let has_something = |(_, tenure, role): &(Shard, Tenure, Role)| {
            matches!(role, Role::Own(_) | Role::Linger(_)) || tenure.is_waiting()
        };
        let is_fruitless = others_take
            && !self.tenures.iter().any(has_something)
            && tenures.any(|(.., role)| *role == Role::Warm);
        if !is_fruitless {
            self.fruitless_since = None;
            return;
        }
        let since = *self.fruitless_since.get_or_insert(now);
        if now >= since + self.terms.aside() {
            self.fruitless_since = None;
            self.aside_until = Some(now + self.terms.aside());
        }
    }

    fn present(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let presence = match (self.leaving_until, self.aside_until) {
            (Some(_), _) => Presence::Leaving,
            (None, Some(_)) => Presence::Aside,
            (None, None) => {
                let waiting = self.tenures.iter();
                let waiting = waiting.filter(|(_, it, _)| it.is_waiting());
                let ready_for: BTreeSet<_> = waiting.map(|(shard, ..)| *shard).collect();
                Presence::There { ready_for }
            }
        };
        let is_due = self.present_due.is_none_or(|due| due <= now);
        if is_due || self.said.as_ref() != Some(&presence) {
            self.present_due = Some(now + self.terms.renewal());
            self.said = Some(presence.clone());
            actions.push(Action::Present(presence));
        }
    }
}

impl Company for Assignment {
    fn present_at(&self) -> Option<Instant> {
        self.present_at
    }

    fn collectors(&self) -> usize {
        self.members.count()
    }

    fn missing(&self, id: &CollectorId, now: Instant) -> Option<Missing> {
        self.members.missing(id, now)
    }
}
