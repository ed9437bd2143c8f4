//! The state machine of a collector, and what drives it.

use std::future::{pending, ready};
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::{BoxStream, FuturesUnordered, once};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::advice::Adviser;
use super::answers::{Answered, Answering, ask, present};
use super::keys::{ADVICE, BANS, MEMBERS, member_key, member_of};
use super::plans::Plans;
use super::purse::Purse;
use super::{Sharing, Standing, Stores, Word};
use crate::assignment::{Action, Assignment, Role};
use crate::collector::CollectorId;
use crate::presence::Presence;
use crate::reliance::Reliance;
use crate::shard::{Shard, ShardCount};
use crate::store::{Change, Store};
use crate::terms::Terms;

/// Where a collector says what it does.
pub(super) struct Outward {
    pub(super) played: mpsc::UnboundedSender<(Shard, Role)>,
    pub(super) told: watch::Sender<Standing>,
    pub(super) reliance: Reliance,
}

/// Drives an [`Assignment`].
pub(super) struct Task {
    assignment: Assignment,
    own: CollectorId,
    shards: ShardCount,
    terms: Terms,
    store: Arc<dyn Store>,
    outward: Outward,
    answers: FuturesUnordered<Answering>,
    is_connected: bool,
    /// It has told that nothing belongs to it.
    is_aside: bool,
    /// What it has borrowed, if budgets are shared.
    purse: Purse,
    /// Where budgets are.
    ledgers: Arc<dyn Store>,
    adviser: Adviser,
    plans: Plans,
    /// Where advice is.
    counsel: Arc<dyn Store>,
}

impl Task {
    pub(super) fn new(
        own: CollectorId,
        shards: ShardCount,
        terms: Terms,
        stores: Stores,
        sharing: Sharing,
        outward: Outward,
    ) -> Self {
        Self {
            assignment: Assignment::new(own.clone(), shards, terms),
            shards,
            terms,
            purse: Purse::new(
                own.clone(),
                sharing.budgets,
                Arc::clone(&stores.budgets),
                terms,
            ),
            adviser: Adviser::new(
                own.clone(),
                sharing.advice,
                Arc::clone(&stores.advice),
                terms.retry(),
            ),
            own,
            plans: Plans::default(),
            ledgers: stores.budgets,
            counsel: stores.advice,
            store: stores.leases,
            outward,
            answers: FuturesUnordered::new(),
            is_connected: false,
            is_aside: false,
        }
    }

    /// Goes on until it has left, or nobody takes what it says.
    pub(super) async fn run(mut self, mut words: mpsc::UnboundedReceiver<Word>) {
        let mut changes = watch(&*self.store, MEMBERS, self.terms).await;
        let mut bans = watch(&*self.ledgers, BANS, self.terms).await;
        let mut advice = watch(&*self.counsel, ADVICE, self.terms).await;
        loop {
            if !self.act() {
                break;
            }
            let due = [self.assignment.due(), self.purse.due(), self.adviser.due()];
            let due = due.into_iter().flatten().min();
            tokio::select! {
                change = changes.next() => match change {
                    Some(change) => self.hear(change),
                    None => changes = watch(&*self.store, MEMBERS, self.terms).await,
                },
                change = bans.next() => match change {
                    Some(change) => self.purse.hear(&change),
                    None => {
                        bans = watch(&*self.ledgers, BANS, self.terms).await;
                        self.answers.extend(self.purse.doubt());
                    }
                },
                change = advice.next() => match change {
                    Some(change) => self.adviser.hear(&change),
                    None => {
                        advice = watch(&*self.counsel, ADVICE, self.terms).await;
                        self.adviser.doubt();
                    }
                },
                () = self.purse.used() => {}
                () = self.adviser.found() => {}
                Some(answered) = self.answers.next() => self.take(answered),
                word = words.recv() => match word {
                    Some(Word::Ready(shard)) => self.assignment.ready(shard),
                    Some(Word::Plan(plan)) => self.plans.set_own(&plan),
                    Some(Word::Leave) => self.assignment.leave(now()),
                    None => break,
                },
                () = until(due) => {}
            }
        }
        self.say_farewell().await;
    }

    /// Does what is to be done. Returns whether it goes on.
    fn act(&mut self) -> bool {
        let patience = self.terms.retry();
        for action in self.assignment.poll(now()) {
            let store = Arc::clone(&self.store);
            match action {
                Action::Present(presence) => {
                    self.step_aside(presence == Presence::Aside);
                    let said = match presence {
                        Presence::Leaving => presence.to_string(),
                        _ => self.plans.said(&presence.to_string()),
                    };
                    let answer = present(store, &self.own, said, patience);
                    self.answers.push(answer);
                }
                Action::Ask {
                    shard,
                    ask: question,
                    owner,
                } => {
                    let answer = ask(store, shard, question, &owner, patience);
                    self.answers.push(answer);
                }
                Action::Play { shard, role } => {
                    if self.outward.played.send((shard, role)).is_err() {
                        return false;
                    }
                }
            }
        }
        self.answers.extend(self.purse.poll(&self.assignment));
        self.answers.extend(self.adviser.poll());
        self.tell();
        !self.assignment.has_left()
    }

    fn step_aside(&mut self, is_aside: bool) {
        if is_aside && !self.is_aside {
            let (collector, for_s) = (&self.own, self.terms.aside().as_secs());
            tracing::warn!(target: "fleet", %collector, for_s, "nothing that belongs to this collector can be streamed here; it is left to others for a while");
        }
        self.is_aside = is_aside;
    }

    fn take(&mut self, answered: Answered) {
        match answered {
            Answered::Presented(sent_at) => {
                self.assignment.presented(sent_at);
                self.connected(None);
            }
            Answered::NotPresented(problem) => self.connected(Some(problem)),
            Answered::Shard(shard, answer) => self.assignment.answer(shard, answer, now()),
            Answered::Ledger(key, answer) => self.purse.answer(&key, answer),
            Answered::Advised(is_written) => self.adviser.answer(is_written),
            Answered::Nothing => {}
        }
    }

    fn connected(&mut self, problem: Option<String>) {
        let is_connected = problem.is_none();
        if self.is_connected == is_connected {
            return;
        }
        self.is_connected = is_connected;
        let (collector, shards) = (&self.own, self.assignment.owned().count());
        match problem {
            None => tracing::info!(target: "fleet", %collector, shards, "the fleet answers"),
            Some(problem) => {
                tracing::warn!(target: "fleet", %collector, shards, problem, "the fleet does not answer; what this collector has goes on");
            }
        }
    }

    fn hear(&mut self, change: Change) {
        let Some(id) = member_of(&change.key) else {
            return;
        };
        let presence = change.value.map(|said| {
            let presence = self.plans.hear(&id, &said);
            Presence::parse(presence, self.shards)
        });
        self.assignment.hear(&id, presence, now());
    }

    fn tell(&mut self) {
        self.outward.reliance.set(self.assignment.relied());
        let now = now();
        let standing = Standing {
            is_connected: self.is_connected,
            collectors: self.assignment.members(),
            owned: self.assignment.owned().count(),
            confirmed: self.assignment.confirmed(now).count(),
            differing: self.plans.differing(|id| self.assignment.knows(id)),
        };
        self.outward.told.send_if_modified(|told| {
            let is_other = *told != standing;
            *told = standing;
            is_other
        });
    }

    /// Tells the others that it has gone, if there is an answer in time.
    async fn say_farewell(self) {
        let key = member_key(&self.own);
        let gone = async {
            self.purse.leave().await;
            if let Ok(Some(entry)) = self.store.entry(&key).await {
                let _ = self.store.remove(&key, entry.revision).await;
            }
        };
        let _ = timeout(self.terms.retry(), gone).await;
    }
}

/// What changes, from now on. It ends at once, or soon, if there is no answer.
// What is had is renewed meanwhile, as far as the server answers at all.
async fn watch(store: &dyn Store, prefix: &str, terms: Terms) -> BoxStream<'static, Change> {
    let pause = terms.retry();
    match timeout(pause, store.watch(prefix)).await {
        Ok(Ok(changes)) => changes,
        _ => once(sleep(pause)).filter_map(|()| ready(None)).boxed(),
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// Ends at `due`, or never.
async fn until(due: Option<std::time::Instant>) {
    match due {
        Some(due) => sleep_until(due.into()).await,
        None => pending().await,
    }
}
