//! Reading back what was stored, and checking it.

mod books;
mod fences;
mod files;
mod lines;
#[cfg(feature = "nats")]
mod stream;
mod summary;
mod trades;

use std::collections::{BTreeMap, HashMap};

use feeds::{Channel, EXCHANGES, ExchangeName, FeedEvent, FeedEventKind, OrderBook, Symbol};

use feeds::exchange::TradeIds;

use self::books::{Book, Verdict};
use self::fences::Fences;
use self::trades::Trades;
use crate::fence::Fence;
use crate::ids::Ids;
use crate::run::RunId;

pub use self::files::read_files;
#[cfg(feature = "nats")]
pub use self::stream::read_stream;
pub use self::summary::{RunSummary, Summary};

/// How long before reading began an event may have been received that is not written yet, in seconds.
const UNSETTLED_S: i64 = 5;

/// Where events are from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Files, where each run has every trade.
    Files,
    /// A stream, where all runs together have each trade once, and a fleet has its fences.
    Stream,
}

/// Follows events that were stored, as whoever depends on them does: it rebuilds the books, and looks for
/// sequences and trades that are missing or are there twice.
///
/// Events of one run, channel and symbol must come in their order; those of different channels need not. Of
/// a fleet, the book of a symbol is that of the collector with the highest fence: what others tell of it is
/// counted, and not applied.
#[derive(Debug)]
pub struct Tail {
    source: Source,
    runs: BTreeMap<(RunId, ExchangeName), Run>,
    /// The run of an exchange that has spoken last.
    current: HashMap<ExchangeName, RunId>,
    books: HashMap<(RunId, ExchangeName, Symbol), Book>,
    fences: Fences,
    trades: HashMap<(Option<RunId>, ExchangeName, Symbol), Trades>,
    summary: Summary,
    /// When reading began: seconds since 1970. What was received about then may not be written yet, where
    /// files are still being written.
    began_s: i64,
}

#[derive(Debug, Default)]
struct Run {
    sequences: Ids,
    /// The lowest sequence that was received in each second.
    seconds: BTreeMap<i64, u64>,
    /// A file of it is still being written.
    is_growing: bool,
    /// Changes that were told to be dropped.
    dropped: u64,
    unanchored: u64,
    /// How many events came after the shard was taken.
    fenced: u64,
    is_shared: bool,
}

/// Why a line is no event.
#[derive(Debug, thiserror::Error)]
#[error("read the line as an event: {0}")]
pub struct NoEvent(String);

impl Tail {
    /// Of events from `source`.
    #[must_use]
    pub fn new(source: Source) -> Self {
        Self {
            source,
            runs: BTreeMap::new(),
            current: HashMap::new(),
            books: HashMap::new(),
            fences: Fences::default(),
            trades: HashMap::new(),
            summary: Summary::default(),
            began_s: i64::MAX,
        }
    }

    /// Takes the next line of `run`, without its newline, with its fence in a fleet.
    ///
    /// # Errors
    /// [`NoEvent`] if it is none. A type that this version does not know is no error, but is counted.
    pub fn take_line(
        &mut self,
        run: &RunId,
        fence: Option<&Fence>,
        line: &[u8],
    ) -> Result<(), NoEvent> {
        match serde_json::from_slice::<FeedEvent>(line) {
            Ok(event) => {
                self.take(run, fence, &event);
                Ok(())
            }
            Err(error) => {
                let text = error.to_string();
                let head = serde_json::from_slice::<Head>(line);
                match head {
                    Ok(head) if text.starts_with("unknown variant") => {
                        self.summary.unknown += 1;
                        self.count(run, fence, &head);
                        Ok(())
                    }
                    _ => Err(NoEvent(text.chars().take(200).collect())),
                }
            }
        }
    }

    /// Takes the next event of `run`, with its fence in a fleet.
    pub fn take(&mut self, run: &RunId, fence: Option<&Fence>, event: &FeedEvent) {
        let head = Head {
            sequence: event.sequence,
            exchange: event.exchange.clone(),
            received_ns: event.received_ns,
        };
        let is_fenced = self.count(run, fence, &head);
        match &event.kind {
            FeedEventKind::Trade(trade) => {
                let count = trade.count;
                self.summary.trades += u64::from(count);
                let trades = self.trades_of(run, event, &trade.symbol);
                if let Some(again) = trades.take(run, trade, fence.is_some()) {
                    let (exchange, symbol) = (&event.exchange, &trade.symbol);
                    let problem = format!("{exchange} {symbol}: {}", again.problem);
                    self.summary.repeated_trades =
                        self.summary.repeated_trades.saturating_add(again.count);
                    self.summary.find(problem);
                }
            }
            FeedEventKind::TradeGap { symbol, from, to } => {
                self.summary.missing_trades = self
                    .summary
                    .missing_trades
                    .saturating_add(to.saturating_sub(*from).saturating_add(1));
                self.trades_of(run, event, symbol).miss(*from..=*to);
            }
            FeedEventKind::TradesLost { from, to, .. } => {
                self.summary.lost_trades = self
                    .summary
                    .lost_trades
                    .saturating_add(to.saturating_sub(*from).saturating_add(1));
            }
            FeedEventKind::NumberingRestarted { symbol } => {
                self.find_untold(run, event, symbol);
            }
            FeedEventKind::Unsubscribed { symbol, channels }
                if channels.contains(&Channel::Trades) =>
            {
                self.trades_of(run, event, symbol).pause(run);
            }
            FeedEventKind::ChangesDropped { count, .. } => {
                self.summary.dropped_changes = self.summary.dropped_changes.saturating_add(*count);
                let key = (run.clone(), event.exchange.clone());
                let told = self.runs.entry(key).or_default();
                told.dropped = told.dropped.saturating_add(*count);
            }
            FeedEventKind::L2Snapshot(_)
            | FeedEventKind::L2Delta(_)
            | FeedEventKind::BookInvalid { .. }
                if !is_fenced =>
            {
                self.take_book(run, fence, event);
            }
            _ => {}
        }
    }

    /// The book of a symbol after what was taken.
    #[must_use]
    pub fn book(&self, run: &RunId, exchange: &str, symbol: &Symbol) -> Option<&OrderBook> {
        let mut books = self.books.iter();
        let found =
            books.find(|((of, name, it), _)| of == run && *name == *exchange && it == symbol);
        found.map(|(_, book)| &book.book)
    }

    /// What has been found, when nothing more comes.
    #[must_use]
    pub fn finish(mut self) -> Summary {
        for ((_, exchange, symbol), trades) in &self.trades {
            untold(&mut self.summary, exchange, symbol, trades);
        }
        for (run, exchange, symbol) in self.fences.taken() {
            let key = (run.clone(), exchange.clone(), symbol.clone());
            self.books.remove(&key);
        }
        let is_true = |book: &&Book| book.book.covers().is_some();
        self.summary.books = self.books.values().filter(is_true).count() as u64;
        for ((run, exchange), told) in &self.runs {
            let mut missing = told.sequences.holes();
            if told.is_growing {
                let unsettled = told
                    .seconds
                    .range(self.began_s.saturating_sub(UNSETTLED_S)..);
                if let Some(first) = unsettled.map(|(_, first)| *first).min() {
                    missing.remove(first..=u64::MAX);
                }
            }
            let count = missing.count();
            // Some of the numbers of what was dropped are those of the events that tell it.
            if count > told.dropped && !told.is_shared {
                let run = run.as_str().escape_debug();
                let first: Vec<_> = missing.ranges().take(3).map(|it| show(&it)).collect();
                let first = first.join(", ");
                let problem =
                    format!("{exchange}, run {run}: {count} sequences are missing: {first}");
                self.summary.find(problem);
            }
            let first = told.sequences.first().unwrap_or_default();
            if first == 1 && told.unanchored > 0 {
                let (run, changes) = (run.as_str().escape_debug(), told.unanchored);
                let problem =
                    format!("{exchange}, run {run}: {changes} changes of books have no snapshot");
                self.summary.find(problem);
            }
            self.summary.runs.push(RunSummary {
                run: run.to_string(),
                exchange: exchange.to_string(),
                first,
                last: told.sequences.last().unwrap_or_default(),
                missing: count,
                fenced: told.fenced,
                shared: told.is_shared,
            });
        }
        self.summary
    }

    /// Returns whether it is from a collector that its shard was taken from.
    fn count(&mut self, run: &RunId, fence: Option<&Fence>, head: &Head) -> bool {
        let Head {
            sequence,
            exchange,
            received_ns,
        } = head;
        let is_fenced = fence.is_some_and(|fence| self.fences.take(fence));
        self.summary.events += 1;
        self.summary.fenced += u64::from(is_fenced);
        let key = (run.clone(), exchange.clone());
        let is_known = self.runs.contains_key(&key);
        let told = self.runs.entry(key).or_default();
        told.fenced += u64::from(is_fenced);
        let second = received_ns.div_euclid(1_000_000_000);
        let first = told.seconds.entry(second).or_insert(*sequence);
        *first = (*first).min(*sequence);
        if told.sequences.insert(*sequence..=*sequence) {
            let run = run.as_str().escape_debug();
            let problem = format!("{exchange}, run {run}: sequence {sequence} is there again");
            self.summary.find(problem);
        }
        let before = self.current.get(exchange.as_str());
        if before == Some(run) {
            return is_fenced;
        }
        // One that goes on after another has begun was there all the time.
        if is_known && self.source == Source::Stream {
            for ((_, name), told) in &mut self.runs {
                told.is_shared |= name == exchange;
            }
        }
        self.current.insert(exchange.clone(), run.clone());
        is_fenced
    }

    fn trades_of(&mut self, run: &RunId, event: &FeedEvent, symbol: &Symbol) -> &mut Trades {
        let run = (self.source == Source::Files).then(|| run.clone());
        let key = (run, event.exchange.clone(), symbol.clone());
        self.trades.entry(key).or_default()
    }

    /// Takes note of what is missing, and forgets all trades.
    fn find_untold(&mut self, run: &RunId, event: &FeedEvent, symbol: &Symbol) {
        let trades = std::mem::take(self.trades_of(run, event, symbol));
        untold(&mut self.summary, &event.exchange, symbol, &trades);
    }

    fn take_book(&mut self, run: &RunId, fence: Option<&Fence>, event: &FeedEvent) {
        let Some(symbol) = event.symbol() else {
            return;
        };
        if let FeedEventKind::BookInvalid { .. } = event.kind {
            self.summary.invalid_books += 1;
        }
        let exchange = &event.exchange;
        let before = fence.and_then(|fence| self.fences.own(exchange, symbol, run, fence));
        let key = (run.clone(), exchange.clone(), symbol.clone());
        if let Some(before) = before {
            let before = (before, exchange.clone(), symbol.clone());
            self.books.remove(&before);
            self.books.insert(key.clone(), Book::of_successor());
        }
        match self.books.entry(key).or_default().take(&event.kind) {
            Verdict::Good => {}
            Verdict::Unanchored => {
                self.summary.unanchored_changes += 1;
                let key = (run.clone(), event.exchange.clone());
                self.runs.entry(key).or_default().unanchored += 1;
            }
            Verdict::Wrong(problem) => {
                let (exchange, sequence) = (&event.exchange, event.sequence);
                let problem = format!("{exchange} {symbol}, sequence {sequence}: {problem}");
                self.summary.find(problem);
            }
        }
    }
}

/// What every event has.
#[derive(serde::Deserialize)]
struct Head {
    sequence: u64,
    exchange: ExchangeName,
    received_ns: i64,
}

/// Finds the trades that are missing, where ids have no holes.
fn untold(summary: &mut Summary, exchange: &ExchangeName, symbol: &Symbol, trades: &Trades) {
    let registered = EXCHANGES.iter().find(|it| *exchange == *it.id);
    let ids = registered.map(|it| (it.default)().rules().trades);
    if ids != Some(TradeIds::Contiguous) {
        return;
    }
    for range in trades.untold() {
        let range = show(&range);
        summary.find(format!(
            "{exchange} {symbol}: nobody told that trades are missing: {range}"
        ));
    }
}

fn show(range: &std::ops::RangeInclusive<u64>) -> String {
    match (range.start(), range.end()) {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first} to {last}"),
    }
}

#[cfg(test)]
mod fleet_tests;
#[cfg(test)]
mod tests;
