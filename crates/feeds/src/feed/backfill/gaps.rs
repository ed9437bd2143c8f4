//! What is missing of the trades of one symbol.

use std::collections::BTreeMap;
use std::mem;
use std::ops::RangeInclusive;
use std::time::Duration;

use tokio::time::Instant;

use super::Found;
use crate::exchange::{Trade, TradeHole, TradeId, TradePage};
use crate::feed::backoff::Backoff;
use crate::feed::failure::{Failure, Pace};
use crate::instruments::Instrument;
use crate::ranges::{Ranges, ids_of};

/// How long to wait for missing trades before they are asked for.
// Many are only late, and what REST tells may lag behind the stream.
const SETTLE: Duration = Duration::from_secs(1);

/// The most answers that one gap may take. At Binance they have 50,000 trades and weigh 1,250 of 6,000 a
/// minute; at OKX they have 5,000.
const PAGES: u32 = 50;

/// How often to ask for trades that the answers should have had.
const ASKED: u32 = 4;

/// How many requests in a row may fail. One that fails until a person mends something counts for
/// [`HOPELESS`].
const FAILURES: u32 = 10;
const HOPELESS: u32 = 4;

/// The most gaps of a symbol that are open at one time.
const GAPS: usize = 64;

const NOT_THERE: &str = "the exchange does not have them";

//     an answer                               what follows
//     has some of the missing trades          they are delivered, once nothing before them is missing
//     has another page behind it              which is asked for, up to 50 for a gap
//     has ids behind the gap, or the          the rest of the gap is lost
//       page does not exist
//     ends before the gap does                asked again after a delay, four times in all
//     fails                                   asked again after a growing delay, ten times in a row
/// What is missing of the trades of a symbol.
pub(super) struct Gaps {
    pub(super) instrument: Instrument,
    /// Of those with the same `due`, the first one comes first.
    pub(super) number: u64,
    missing: Ranges,
    /// When the trades before some of the gaps were, by the first id that was missing.
    times: BTreeMap<u64, i64>,
    /// What has come, and waits for what is missing before it, by the first id.
    fetched: BTreeMap<u64, Trade>,
    /// Where the next page begins.
    pub(super) cursor: Option<String>,
    /// How many pages of the lowest gap there have been.
    pages: u32,
    /// How often it has been asked for in vain.
    vain: u32,
    failures: u32,
    backoff: Backoff,
    pub(super) due: Instant,
}

impl Gaps {
    pub(super) fn new(instrument: Instrument, number: u64) -> Self {
        Self {
            instrument,
            number,
            missing: Ranges::default(),
            times: BTreeMap::new(),
            fetched: BTreeMap::new(),
            cursor: None,
            pages: 0,
            vain: 0,
            failures: 0,
            backoff: Backoff::new(),
            due: Instant::now() + SETTLE,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.missing.is_empty()
    }

    /// Those of `ids` that are neither missing nor wait.
    pub(super) fn untold(&self, ids: &RangeInclusive<u64>) -> Ranges {
        let mut untold = self.missing.missing_in(ids);
        for (first, trade) in self.fetched.range(..=ids.end()) {
            untold.remove(covered(*first, trade));
        }
        untold
    }

    /// `ids` are missing. The trade before them was at `after_ns`.
    pub(super) fn open(
        &mut self,
        ids: RangeInclusive<u64>,
        after_ns: Option<i64>,
        found: &mut Vec<Found>,
    ) {
        let first = *ids.start();
        let lowest = self.missing.lowest().map(|lowest| *lowest.start());
        self.missing.insert(ids);
        if lowest.is_some_and(|lowest| first < lowest) {
            self.begin_next();
        }
        if self.missing.len() > GAPS
            && let Some(lowest) = self.missing.lowest().cloned()
        {
            let reason = format!("more than {GAPS} gaps are open");
            self.give_up(&lowest, &reason, found);
        }
        if let Some(after_ns) = after_ns {
            self.times.insert(first, after_ns);
        }
        if self.times.len() > GAPS {
            // Some of the gaps above the lowest one have been filled meanwhile.
            let lowest = self.missing.lowest().map_or(0, |lowest| *lowest.start());
            let missing = &self.missing;
            self.times
                .retain(|id, _| *id <= lowest || missing.contains(&(*id..=*id)));
        }
    }

    /// The lowest gap.
    pub(super) fn lowest(&self) -> Option<(RangeInclusive<u64>, TradeHole)> {
        let lowest = self.missing.lowest()?;
        let before = self.times.range(..=lowest.start()).next_back();
        let hole = TradeHole {
            after_id: lowest.start().saturating_sub(1),
            after_ns: before.map(|(_, ns)| *ns),
            before_id: lowest.end().saturating_add(1),
        };
        Some((lowest.clone(), hole))
    }

    /// The stream has brought `ids`.
    pub(super) fn fill(&mut self, ids: RangeInclusive<u64>) {
        let lowest = self.missing.lowest().cloned();
        // Those that wait are not delivered. Of several in one, the others are missing again.
        while let Some(fetched) = self.fetched_by(*ids.end())
            && ids.start() <= fetched.end()
        {
            self.fetched.remove(fetched.start());
            self.missing.insert(fetched);
        }
        self.missing.remove(ids);
        if lowest.is_some_and(|lowest| self.missing.within(&lowest).is_empty()) {
            self.begin_next();
        }
    }

    /// The ids of the last one that waits and begins at `id` or before.
    fn fetched_by(&self, id: u64) -> Option<RangeInclusive<u64>> {
        let (first, trade) = self.fetched.range(..=id).next_back()?;
        Some(covered(*first, trade))
    }

    /// Takes the answer to a request about `ids`.
    pub(super) fn answered(
        &mut self,
        ids: &RangeInclusive<u64>,
        answer: Result<Option<TradePage>, Failure>,
    ) -> Vec<Found> {
        let mut found = Vec::new();
        match answer {
            Ok(Some(page)) => {
                self.failures = 0;
                self.backoff.reset();
                self.take_page(ids, page, &mut found);
            }
            Ok(None) if self.is_preceded(ids) => {}
            Ok(None) if self.pages == 0 => {
                let reason = "the exchange has no request for them";
                self.give_up(ids, reason, &mut found);
            }
            Ok(None) => self.in_vain(ids, &mut found),
            Err(failure) => {
                self.failures += match failure.pace {
                    Pace::Slowest => HOPELESS,
                    _ => 1,
                };
                if self.failures >= FAILURES {
                    self.give_up(ids, &failure.reason, &mut found);
                } else {
                    // What the exchange has imposed, the next request waits for by itself.
                    let failure = failure.with_retry_after(None);
                    self.due = Instant::now() + self.backoff.delay_after(&failure);
                }
            }
        }
        found
    }

    fn take_page(&mut self, asked: &RangeInclusive<u64>, page: TradePage, found: &mut Vec<Found>) {
        self.pages += 1;
        let mut is_past = false;
        for trade in page.trades {
            let Some(TradeId::Number(id)) = trade.id else {
                continue;
            };
            is_past |= *asked.end() < id;
            let ids = ids_of(id, trade.count);
            if self.missing.contains(&ids) {
                self.missing.remove(ids.clone());
                self.fetched.insert(*ids.start(), trade);
            }
        }
        let left = self.missing.within(asked);
        let is_next = |cursor: &String| self.cursor.as_ref() != Some(cursor);
        let next = page.cursor.filter(|cursor| !is_past && is_next(cursor));
        match next {
            _ if left.is_empty() || self.is_preceded(asked) => self.begin_next(),
            Some(_) if self.pages >= PAGES => {
                let reason = format!("they are more than {PAGES} answers have");
                self.give_up(asked, &reason, found);
            }
            Some(_) => self.cursor = next,
            None if is_past => self.give_up(asked, NOT_THERE, found),
            None => self.in_vain(asked, found),
        }
        self.release(found);
    }

    /// Whether another gap has opened before `ids` since they were asked for, and comes first.
    fn is_preceded(&self, ids: &RangeInclusive<u64>) -> bool {
        let lowest = self.missing.lowest();
        lowest.is_some_and(|lowest| lowest.start() < ids.start())
    }

    /// There is no other answer, and some of `ids` are still missing.
    fn in_vain(&mut self, ids: &RangeInclusive<u64>, found: &mut Vec<Found>) {
        self.vain += 1;
        if self.vain >= ASKED {
            self.give_up(ids, NOT_THERE, found);
            return;
        }
        (self.cursor, self.pages) = (None, 0);
        self.due = Instant::now() + self.backoff.growing();
    }

    /// Goes on with the next gap.
    fn begin_next(&mut self) {
        (self.cursor, self.pages, self.vain, self.failures) = (None, 0, 0, 0);
        self.backoff.reset();
        // Of the times before it, only the latest is of use.
        let lowest = self.missing.lowest().map(|lowest| *lowest.start());
        let latest = self.times.range(..=lowest.unwrap_or(u64::MAX)).next_back();
        if let Some(latest) = latest.map(|(id, _)| *id) {
            self.times = self.times.split_off(&latest);
        }
    }

    /// Gives up those of `ids` that are missing, in their order among those that have come.
    pub(super) fn give_up(
        &mut self,
        ids: &RangeInclusive<u64>,
        reason: &str,
        found: &mut Vec<Found>,
    ) {
        for lost in self.missing.within(ids) {
            self.release(found);
            self.missing.remove(lost.clone());
            found.push(Found::Lost {
                symbol: self.instrument.symbol().clone(),
                ids: lost,
                reason: reason.to_owned(),
            });
        }
        self.begin_next();
        self.release(found);
    }

    /// Hands over what has come, up to the first trade that is missing.
    pub(super) fn release(&mut self, found: &mut Vec<Found>) {
        let above = match self.missing.lowest() {
            Some(lowest) => self.fetched.split_off(lowest.start()),
            None => BTreeMap::new(),
        };
        let before = mem::replace(&mut self.fetched, above);
        found.extend(before.into_values().map(Found::Trade));
    }
}

/// The ids of a trade, or several, of which the first one is `first`.
fn covered(first: u64, trade: &Trade) -> RangeInclusive<u64> {
    first..=first.saturating_add(u64::from(trade.count.saturating_sub(1)))
}
