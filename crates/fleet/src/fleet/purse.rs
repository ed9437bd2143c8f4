//! What a collector has borrowed of all budgets.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::time::{Instant, timeout};

use super::answers::{Answered, Answering};
use super::budgets::{Cell, FleetBudgets, Key};
use super::keys::{COMPLETE, ledger_key};
use crate::assignment::Assignment;
use crate::budget::{Demand, Ledger, LedgerAnswer, LedgerAsk, Slice};
use crate::collector::CollectorId;
use crate::store::{Change, Store, StoreError};
use crate::terms::Terms;

/// How often who leaves writes a ledger that others write at the same time.
const TRIES: usize = 8;

/// The longest ban that is believed: a day.
const LONGEST: Duration = Duration::from_secs(24 * 3_600);

/// What a collector has borrowed of all budgets.
pub(super) struct Purse {
    own: CollectorId,
    budgets: FleetBudgets,
    store: Arc<dyn Store>,
    terms: Terms,
    slices: HashMap<Key, Slice>,
    /// Since when the bucket has been seen to be a new one.
    incomplete_since: Option<Instant>,
}

impl Purse {
    pub(super) fn new(
        own: CollectorId,
        budgets: FleetBudgets,
        store: Arc<dyn Store>,
        terms: Terms,
    ) -> Self {
        Self {
            own,
            budgets,
            store,
            terms,
            slices: HashMap::new(),
            incomplete_since: None,
        }
    }

    /// Ends when somebody uses or wants other than before.
    pub(super) async fn used(&self) {
        self.budgets.used().await;
    }

    /// When to poll again, unless something changes before.
    pub(super) fn due(&self) -> Option<std::time::Instant> {
        let bans = self
            .budgets
            .with(|state| state.bans.values().copied().min());
        let slices = self.slices.values().filter_map(Slice::due);
        let times = [bans, self.complete_at()].into_iter().flatten();
        slices.chain(times.map(Instant::into_std)).min()
    }

    /// When the others have had time to claim what they hold.
    fn complete_at(&self) -> Option<Instant> {
        let since = self.incomplete_since;
        since.map(|since| since + self.terms.claims())
    }

    /// What all share may have been lost: tells the bans that nobody knows any longer, and has what is held
    /// claimed again.
    pub(super) fn doubt(&mut self) -> Vec<Answering> {
        self.slices.values_mut().for_each(Slice::doubt);
        self.incomplete_since = None;
        let now = Instant::now();
        let bans = self.budgets.with(|state| state.bans.clone()).into_iter();
        let bans = bans.filter(|(_, until)| now < *until);
        bans.map(|(key, until)| self.tell_again(key, until - now))
            .collect()
    }

    /// What to ask now.
    pub(super) fn poll(&mut self, company: &Assignment) -> Vec<Answering> {
        let now = Instant::now();
        let mut asked = Vec::new();
        let (slices, own) = (&mut self.slices, &self.own);
        let (mut has_grown, untold) = self.budgets.with(|state| {
            let bans = state.bans.len();
            state.bans.retain(|_, until| now < *until);
            let mut has_grown = state.bans.len() < bans;
            for (key, cell) in &mut state.cells {
                let (total, per) = (cell.window.units, cell.window.per);
                let new = || Slice::new(own.clone(), total, per, now.into_std());
                let slice = slices.entry(key.clone()).or_insert_with(new);
                let demand = Demand {
                    in_use: in_use(cell, now),
                    waiting: cell.usage.waiting,
                    largest: cell.usage.largest,
                };
                if let Some(ask) = slice.poll(demand, company, now.into_std()) {
                    asked.push((key.clone(), ask));
                }
                has_grown |= slice.usable() > cell.usable;
                cell.usable = slice.usable();
            }
            (has_grown, std::mem::take(&mut state.untold))
        });
        if std::mem::take(&mut has_grown) {
            self.budgets.tell_grown();
        }
        let ledgers = asked.into_iter().map(|(key, ask)| self.ask(key, ask));
        let bans = untold.into_iter().map(|(key, wait)| self.tell(key, wait));
        let mut asked: Vec<_> = ledgers.chain(bans).collect();
        if self.complete_at().is_some_and(|at| at <= now) {
            self.incomplete_since = None;
            asked.push(self.complete());
        }
        asked
    }

    pub(super) fn answer(&mut self, key: &Key, answer: LedgerAnswer) {
        match &answer {
            LedgerAnswer::Incomplete(..) => {
                self.incomplete_since.get_or_insert_with(Instant::now);
            }
            LedgerAnswer::Found(..) => self.incomplete_since = None,
            _ => {}
        }
        if let Some(slice) = self.slices.get_mut(key) {
            slice.answer(answer, Instant::now().into_std());
        }
    }

    /// Another collector tells of a ban. One that is over is removed by who has told it.
    pub(super) fn hear(&self, change: &Change) {
        let Some(text) = &change.value else {
            return;
        };
        let millis = str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        if let Some(millis) = millis {
            let wait = Duration::from_millis(millis).min(LONGEST);
            self.budgets.learn_ban(change.key.clone(), wait);
        }
    }

    fn ask(&self, key: Key, ask: LedgerAsk) -> Answering {
        let (store, patience) = (Arc::clone(&self.store), self.terms.retry());
        Box::pin(async move {
            let (account, window) = &key;
            let name = ledger_key(account, window);
            let answer = timeout(patience, answer(&*store, &name, ask)).await;
            let answer = match answer {
                Ok(Ok(answer)) => answer,
                Ok(Err(StoreError::Conflict)) => LedgerAnswer::Conflict,
                Ok(Err(StoreError::Unreachable(_))) | Err(_) => LedgerAnswer::Unreachable,
            };
            Answered::Ledger(key, answer)
        })
    }

    /// Says how much of each slice is in use, and that its owner leaves: the rest is for others at once. Nothing more is
    /// used.
    pub(super) async fn leave(&self) {
        let now = Instant::now();
        let used = self.budgets.with(|state| {
            let cells = state.cells.iter_mut();
            let used = cells.filter_map(|(key, cell)| {
                let slice = self.slices.get(key).filter(|it| it.is_held())?;
                let used = slice.left(in_use(cell, now));
                cell.usable = used;
                Some((key.clone(), used))
            });
            used.collect::<Vec<_>>()
        });
        let leaving = used
            .into_iter()
            .map(|((account, window), used)| async move {
                let key = ledger_key(&account, window);
                for _ in 0..TRIES {
                    let Ok(Some(entry)) = self.store.entry(&key).await else {
                        return;
                    };
                    let Ok(mut ledger) = Ledger::parse(&entry.value) else {
                        return;
                    };
                    ledger.leave(&self.own, used);
                    let written = ledger.to_json().into();
                    match self.store.update(&key, written, entry.revision).await {
                        Err(StoreError::Conflict) => {}
                        _ => return,
                    }
                }
            });
        join_all(leaving).await;
    }

    /// Says that all have claimed what they hold.
    fn complete(&self) -> Answering {
        let (store, patience) = (Arc::clone(&self.store), self.terms.retry());
        Box::pin(async move {
            let _ = timeout(patience, store.update(COMPLETE, Bytes::new(), 0)).await;
            Answered::Nothing
        })
    }

    /// Tells the others of a ban, if they cannot know it.
    fn tell_again(&self, key: String, wait: Duration) -> Answering {
        let (store, patience) = (Arc::clone(&self.store), self.terms.retry());
        let telling = self.tell(key.clone(), wait);
        Box::pin(async move {
            match timeout(patience, store.entry(&key)).await {
                Ok(Ok(None)) => telling.await,
                _ => Answered::Nothing,
            }
        })
    }

    /// Tells the others of a ban, and removes the entry when it is over.
    fn tell(&self, key: String, wait: Duration) -> Answering {
        let (store, patience) = (Arc::clone(&self.store), self.terms.retry());
        let until = Instant::now() + wait;
        Box::pin(async move {
            loop {
                let left = until.saturating_duration_since(Instant::now());
                let value = left.as_millis().to_string();
                match timeout(patience, store.put(&key, value.into())).await {
                    Ok(Ok(revision)) => {
                        tokio::time::sleep_until(until).await;
                        let _ = timeout(patience, store.remove(&key, revision)).await;
                        return Answered::Nothing;
                    }
                    _ if left.is_zero() => return Answered::Nothing,
                    _ => tokio::time::sleep(patience).await,
                }
            }
        })
    }
}

/// What counts at the exchange, or may.
fn in_use(cell: &Cell, now: Instant) -> u64 {
    let recent = match now < cell.usage.free_at {
        true => cell.usage.recent,
        false => 0,
    };
    cell.usage.under_way + recent
}

async fn answer(store: &dyn Store, key: &str, ask: LedgerAsk) -> Result<LedgerAnswer, StoreError> {
    match ask {
        LedgerAsk::Look => {
            let (ledger, revision) = match store.entry(key).await? {
                None => (Ledger::default(), 0),
                Some(entry) => match Ledger::parse(&entry.value) {
                    Ok(ledger) => (ledger, entry.revision),
                    // Nobody knows how much there is to borrow.
                    Err(invalid) => return Err(StoreError::Unreachable(invalid.into())),
                },
            };
            // Afterwards: if the bucket is lost in between, it is not complete.
            Ok(match store.entry(COMPLETE).await? {
                Some(_) => LedgerAnswer::Found(ledger, revision),
                None => LedgerAnswer::Incomplete(ledger, revision),
            })
        }
        LedgerAsk::Write { ledger, expected } => {
            let revision = store.update(key, ledger.to_json().into(), expected).await?;
            Ok(LedgerAnswer::Done(revision))
        }
    }
}
