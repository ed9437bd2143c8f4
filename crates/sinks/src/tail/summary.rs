//! What reading back has shown.

use serde::Serialize;

/// How many findings are kept.
const MOST: usize = 100;

/// What a stream or files have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// Events, of all runs.
    pub events: u64,
    /// Trades, each as often as it stands for.
    pub trades: u64,
    /// Those of them that were there before: each is a finding, or a part of one.
    pub repeated_trades: u64,
    /// Books that could be followed to their last change.
    pub books: u64,
    /// Times that a feed told a book to be invalid.
    pub invalid_books: u64,
    /// Trades that a feed told to be missing; they may have come later.
    pub missing_trades: u64,
    /// Trades that a feed told to be lost.
    pub lost_trades: u64,
    /// Changes of books that were dropped, and told.
    pub dropped_changes: u64,
    /// Changes of books before the first snapshot that there is.
    pub unanchored_changes: u64,
    /// Events of collectors of a fleet that their shard was taken from. Those of books are not applied.
    pub fenced: u64,
    /// Lines of a type that this version does not know.
    pub unknown: u64,
    /// Files that are still being written, and end within a line or a block.
    pub torn: u64,
    /// Each run of a feed.
    pub runs: Vec<RunSummary>,
    /// How many things are wrong.
    pub wrong: u64,
    /// What is wrong: the first hundred.
    pub findings: Vec<String>,
}

/// What there is of one run of a feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RunSummary {
    /// The run.
    pub run: String,
    /// The exchange.
    pub exchange: String,
    /// The first sequence.
    pub first: u64,
    /// The last sequence.
    pub last: u64,
    /// How many sequences in between are not there.
    pub missing: u64,
    /// How many of its events came after their shard was taken from it.
    pub fenced: u64,
    /// Whether another run was stored at the same time, which may have stored what is missing here.
    pub shared: bool,
}

impl Summary {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.wrong == 0
    }

    pub(super) fn find(&mut self, problem: impl Into<String>) {
        self.wrong += 1;
        if self.findings.len() < MOST {
            self.findings.push(problem.into());
        }
    }
}
