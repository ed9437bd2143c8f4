//! The trades of a symbol.

use std::collections::{BTreeSet, HashSet};
use std::ops::RangeInclusive;

use feeds::{Trade, TradeId};

use super::show;
use crate::ids::Ids;
use crate::run::RunId;

/// How many ranges of ids, or ids that are text, are remembered.
const MOST: usize = 100_000;

/// What of a trade was there before.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Repetition {
    /// How many trades.
    pub(super) count: u64,
    /// Which ones, and that they are there again.
    pub(super) problem: String,
}

/// Which trades there are.
#[derive(Debug, Default)]
pub(super) struct Trades {
    numbers: Ids,
    texts: HashSet<Box<str>>,
    /// Those that were told to be missing.
    told: Ids,
    /// The runs whose trades have begun, and the first trade of each.
    begun: HashSet<RunId>,
    starts: BTreeSet<u64>,
}

impl Repetition {
    /// That of the trades `there` among those with the ids of one event: an exchange may tell several as one
    /// in its stream, and one by one when they are fetched.
    fn of(ids: RangeInclusive<u64>, there: &[RangeInclusive<u64>]) -> Option<Self> {
        let count = there.iter().map(|it| it.end() - it.start() + 1).sum();
        let problem = match there {
            [] => return None,
            [all] if *all == ids && ids.start() == ids.end() => {
                format!("trade {} is there again", show(&ids))
            }
            [all] if *all == ids => format!("trades {} are there again", show(&ids)),
            _ => {
                let again = there.iter().map(show).collect::<Vec<_>>().join(", ");
                let all = show(&ids);
                format!(
                    "of the trades {all}, which are told as one, these are there again: {again}"
                )
            }
        };
        Some(Self { count, problem })
    }
}

impl Trades {
    /// Takes a trade. Returns what of it was there already.
    ///
    /// Whoever is in a fleet begins behind the last trade that is stored, so that nothing is missing before
    /// it without a word.
    pub(super) fn take(
        &mut self,
        run: &RunId,
        trade: &Trade,
        is_in_fleet: bool,
    ) -> Option<Repetition> {
        match &trade.id {
            None => None,
            Some(TradeId::Text(id)) => {
                // Whatever is forgotten is not told to be there.
                if self.texts.len() >= MOST {
                    self.texts.clear();
                }
                let is_new = self.texts.insert(id.to_string().into());
                (!is_new).then(|| Repetition {
                    count: 1,
                    problem: format!("trade {} is there again", id.escape_debug()),
                })
            }
            Some(TradeId::Number(id)) => {
                let more = u64::from(trade.count.saturating_sub(1));
                let first = id.saturating_sub(more);
                if !is_in_fleet && !trade.backfilled && !self.begun.contains(run) {
                    self.begun.insert(run.clone());
                    self.starts.insert(first);
                }
                let there = self.numbers.common(&(first..=*id));
                self.numbers.insert(first..=*id);
                self.numbers.keep(MOST);
                Repetition::of(first..=*id, &there)
            }
        }
    }

    /// Takes trades that were told to be missing.
    pub(super) fn miss(&mut self, ids: RangeInclusive<u64>) {
        if !ids.is_empty() {
            self.told.insert(ids);
            self.told.keep(MOST);
        }
    }

    /// What is missing before the next trade of `run` is not told by it.
    pub(super) fn pause(&mut self, run: &RunId) {
        self.begun.remove(run);
    }

    /// Those that are missing, and that nobody has told of.
    pub(super) fn untold(&self) -> Vec<RangeInclusive<u64>> {
        let mut missing = self.numbers.holes();
        for told in self.told.ranges() {
            missing.remove(told);
        }
        // Before the first trade of a run, nobody listened.
        let is_between_runs = |range: &RangeInclusive<u64>| {
            let next = range.end().saturating_add(1);
            self.starts.contains(&next)
        };
        missing.ranges().filter(|it| !is_between_runs(it)).collect()
    }
}
