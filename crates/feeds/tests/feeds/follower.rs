//! Recorded books against the rules of their exchange.

use feeds::exchange::{BookChange, BookRules};
use feeds::{BookAction, BookSync, ExchangeMessage, FeedEventKind, OrderBook};

use crate::fixtures::symbol;

pub(crate) fn books(messages: Vec<ExchangeMessage>) -> Vec<BookChange> {
    let book = |message| match message {
        ExchangeMessage::Book(change) => Some(change),
        _ => None,
    };
    messages.into_iter().filter_map(book).collect()
}

/// A book that follows the stream.
pub(crate) struct Follower(BookSync);

impl Follower {
    pub(crate) fn new(rules: &BookRules) -> Self {
        Self(BookSync::new(symbol("BTC-USD"), rules, None))
    }

    /// Takes a change; what a subscriber is told.
    pub(crate) fn take(&mut self, change: &BookChange) -> Vec<FeedEventKind> {
        self.0.update(change.clone(), 0);
        let mut events = Vec::new();
        while let Some(action) = self.0.next_action() {
            match action {
                BookAction::Emit(event, _) => events.push(event),
                BookAction::NeedSnapshot { .. } => {}
            }
        }
        events
    }

    /// Takes a change; whether the book was given up.
    pub(crate) fn is_wrong_after(&mut self, change: &BookChange) -> bool {
        let is_invalid = |event: &FeedEventKind| matches!(event, FeedEventKind::BookInvalid { .. });
        self.take(change).iter().any(is_invalid)
    }

    pub(crate) fn book(&self) -> Option<&OrderBook> {
        self.0.book().map(|(book, _)| book)
    }
}

/// How many checksums hold, of one symbol's changes. None may fail.
pub(crate) fn verified(rules: &BookRules, changes: &[BookChange]) -> usize {
    let mut follower = Follower::new(rules);
    for (index, change) in changes.iter().enumerate() {
        assert!(!follower.is_wrong_after(change), "change {index}");
        assert!(follower.book().is_some(), "change {index}");
    }
    let with_checksum = |change: &&BookChange| change.checksum.is_some();
    changes.iter().filter(with_checksum).count()
}

/// The index of the first change that makes a book wrong.
pub(crate) fn first_fault(rules: &BookRules, changes: &[BookChange]) -> Option<usize> {
    let mut follower = Follower::new(rules);
    let mut is_wrong =
        |change: &BookChange| follower.is_wrong_after(change) || follower.book().is_none();
    changes.iter().position(&mut is_wrong)
}
