//! An order book, rebuilt.

use feeds::{FeedEventKind, OrderBook, OutOfStep};

/// The book of one run, exchange and symbol.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) book: OrderBook,
    /// It has had a snapshot, or must have one first.
    has_begun: bool,
    /// What is wrong is told, until the next snapshot.
    is_told: bool,
}

/// What a change of a book is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Good,
    /// It comes before the first snapshot that there is.
    Unanchored,
    Wrong(String),
}

impl Book {
    /// That of a collector which has followed another: it begins with a snapshot.
    pub(super) fn of_successor() -> Self {
        Self {
            has_begun: true,
            ..Self::default()
        }
    }

    /// Takes the next event about the book.
    pub(super) fn take(&mut self, event: &FeedEventKind) -> Verdict {
        let is_snapshot = matches!(event, FeedEventKind::L2Snapshot(_));
        if is_snapshot {
            (self.has_begun, self.is_told) = (true, false);
        }
        let taken = self.book.apply_event(event);
        let problem = match taken {
            Err(OutOfStep::NoSnapshot) if !self.has_begun => return Verdict::Unanchored,
            Err(error) => Some(error.to_string()),
            Ok(_) => {
                let crossed = self.book.crossed();
                crossed.map(|(bid, ask)| format!("bid {} meets ask {}", bid.price, ask.price))
            }
        };
        match problem {
            Some(problem) if !self.is_told => {
                self.is_told = true;
                Verdict::Wrong(problem)
            }
            _ => Verdict::Good,
        }
    }
}
