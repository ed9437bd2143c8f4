//! The order book of one symbol.

mod side;

use self::side::Side;
use crate::event::{Covers, FeedEventKind, L2Delta, L2Snapshot};
use crate::exchange::{BookChange, BookContent};
use crate::level::{Level, compare};

/// Bids and asks by price. Prices are numbers: `100.7` and `100.70` are the same level.
///
/// A book that takes every event of a feed's symbol by [`apply_event`](Self::apply_event), in their
/// order, is the exchange's book as far as [`covers`](Self::covers) says. What does not follow is
/// refused, and the book is void then until the next snapshot.
///
/// The best prices, and the level at any depth, are found without a search; a change near the best price
/// is cheap whatever the depth. Two books are equal if their levels are.
#[derive(Debug, Clone, Default)]
pub struct OrderBook {
    bids: Side<true>,
    asks: Side<false>,
    state: Option<State>,
}

/// What a book from events is.
#[derive(Debug, Clone, Copy)]
struct State {
    epoch: u64,
    last_id: Option<u64>,
    covers: Covers,
}

impl PartialEq for OrderBook {
    fn eq(&self, other: &Self) -> bool {
        (&self.bids, &self.asks) == (&other.bids, &other.asks)
    }
}

impl Eq for OrderBook {}

impl OrderBook {
    /// An empty book.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything: what a [`BookInvalid`](FeedEventKind::BookInvalid) asks for.
    pub fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
        self.state = None;
    }

    /// Takes an event about the book's symbol, and tells whether it was about its book: a snapshot, a
    /// delta, or that the book is void. The caller chooses the book by [the
    /// symbol](crate::FeedEvent::symbol).
    ///
    /// # Errors
    /// As [`apply_delta`](Self::apply_delta).
    pub fn apply_event(&mut self, event: &FeedEventKind) -> Result<bool, OutOfStep> {
        match event {
            FeedEventKind::L2Snapshot(snapshot) => self.apply_snapshot(snapshot),
            FeedEventKind::L2Delta(delta) => self.apply_delta(delta)?,
            FeedEventKind::BookInvalid { .. } => self.clear(),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Replaces everything by the snapshot.
    pub fn apply_snapshot(&mut self, snapshot: &L2Snapshot) {
        self.clear();
        self.bids.apply(&snapshot.bids);
        self.asks.apply(&snapshot.asks);
        self.state = Some(State {
            epoch: snapshot.epoch,
            last_id: snapshot.last_id,
            covers: snapshot.covers,
        });
    }

    /// Sets the sizes that the delta names and removes the levels whose size is zero.
    ///
    /// That a removed level was not there is normal: exchanges send such removals all the time.
    ///
    /// # Errors
    /// [`OutOfStep`] if it does not follow the snapshot or delta before. The book is void then: each further
    /// delta is refused until the next snapshot.
    pub fn apply_delta(&mut self, delta: &L2Delta) -> Result<(), OutOfStep> {
        let next = self.state.ok_or(OutOfStep::NoSnapshot);
        let next = next.and_then(|state| state.after(delta));
        let next = next.inspect_err(|_| self.clear())?;
        self.bids.apply(&delta.bids);
        self.asks.apply(&delta.asks);
        self.state = Some(next);
        Ok(())
    }

    /// Which snapshot the book goes back to: its [`epoch`](L2Snapshot::epoch). `None` while it is void.
    #[must_use]
    pub fn epoch(&self) -> Option<u64> {
        self.state.map(|state| state.epoch)
    }

    /// The id of the last change; `None` while the book is void, and where the exchange has no ids.
    #[must_use]
    pub fn last_id(&self) -> Option<u64> {
        self.state.and_then(|state| state.last_id)
    }

    /// What of the exchange's book is known, and so here; `None` while the book is void.
    #[must_use]
    pub fn covers(&self) -> Option<Covers> {
        self.state.map(|state| state.covers)
    }

    /// Takes what an exchange says of a book.
    pub fn apply(&mut self, change: &BookChange) {
        if change.content == BookContent::Snapshot {
            self.clear();
        }
        self.bids.apply(&change.bids);
        self.asks.apply(&change.asks);
    }

    /// Takes a change, and makes it what becomes of the best `most` levels of each side.
    pub(crate) fn apply_to_best(&mut self, change: &mut BookChange, most: usize) {
        self.bids.apply_to_best(&mut change.bids, most);
        self.asks.apply_to_best(&mut change.asks, most);
    }

    /// Forgets all but the best `most` levels of each side.
    pub(crate) fn cut(&mut self, most: usize) {
        self.bids.cut(most);
        self.asks.cut(most);
    }

    /// How many levels the longer side has.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.bids.len().max(self.asks.len())
    }

    /// The highest bid.
    #[must_use]
    pub fn best_bid(&self) -> Option<Level> {
        self.bids.best()
    }

    /// The lowest ask.
    #[must_use]
    pub fn best_ask(&self) -> Option<Level> {
        self.asks.best()
    }

    /// The bids, highest price first. `bids().take(10)` is the view of the ten best, `bids().nth(9)` the
    /// tenth.
    #[must_use]
    pub fn bids(&self) -> impl ExactSizeIterator<Item = Level> + DoubleEndedIterator {
        self.bids.best_first()
    }

    /// The asks, lowest price first.
    #[must_use]
    pub fn asks(&self) -> impl ExactSizeIterator<Item = Level> + DoubleEndedIterator {
        self.asks.best_first()
    }

    /// The highest bid and the lowest ask if they meet, which a true book never shows.
    #[must_use]
    pub fn crossed(&self) -> Option<(Level, Level)> {
        let (bid, ask) = (self.best_bid()?, self.best_ask()?);
        compare(bid.price, ask.price).is_ge().then_some((bid, ask))
    }
}

impl State {
    /// The state behind `delta`, if that follows.
    fn after(self, delta: &L2Delta) -> Result<Self, OutOfStep> {
        if delta.epoch != self.epoch {
            return Err(OutOfStep::OtherEpoch {
                expected: self.epoch,
                received: delta.epoch,
            });
        }
        // Without a first id, the exchange counts in another way, which the feed has looked at.
        if let (Some(before), Some(first), Some(last)) =
            (self.last_id, delta.first_id, delta.last_id)
            && (first > before.saturating_add(1) || last <= before)
        {
            return Err(OutOfStep::OtherId {
                expected: before.saturating_add(1),
                first,
                last,
            });
        }
        Ok(Self {
            last_id: delta.last_id,
            ..self
        })
    }
}

/// A delta does not follow what is known of a book: an event before it was left out, or came twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutOfStep {
    /// There has been no snapshot, or none since the book was void.
    #[error("apply the delta: no snapshot came before it; wait for the next one")]
    NoSnapshot,
    /// It changes another snapshot.
    #[error(
        "apply the delta: it is of epoch {received}, the book of epoch {expected}; wait for the next snapshot"
    )]
    OtherEpoch {
        /// The epoch of the book.
        expected: u64,
        /// The epoch of the delta.
        received: u64,
    },
    /// Changes are missing before it, or it is known already.
    #[error(
        "apply the delta: it covers the ids {first} to {last}, the next one is {expected}; wait for the next snapshot"
    )]
    OtherId {
        /// The id that it should cover.
        expected: u64,
        /// The first id that it covers.
        first: u64,
        /// The last id that it covers.
        last: u64,
    },
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::*;

    fn level(price: &str, size: &str) -> Level {
        Level {
            price: Decimal::from_str_exact(price).unwrap(),
            size: Decimal::from_str_exact(size).unwrap(),
        }
    }

    fn snapshot() -> L2Snapshot {
        L2Snapshot {
            symbol: "SOL-USDC".parse().unwrap(),
            epoch: 1,
            covers: Covers::Top { levels: 2 },
            verified_levels: None,
            last_id: Some(1),
            bids: vec![level("100.6", "1"), level("100.5", "2")],
            asks: vec![level("100.7", "3"), level("100.8", "4")],
            timestamp_ns: None,
        }
    }

    fn delta(bids: &[Level], asks: &[Level]) -> L2Delta {
        L2Delta {
            symbol: "SOL-USDC".parse().unwrap(),
            epoch: 1,
            first_id: Some(2),
            last_id: Some(2),
            bids: bids.to_vec(),
            asks: asks.to_vec(),
            timestamp_ns: None,
        }
    }

    #[test]
    fn levels_are_found_by_number_not_by_spelling() {
        let mut book = OrderBook::new();
        book.apply_snapshot(&snapshot());
        book.apply_delta(&delta(&[level("100.50", "9")], &[level("100.70", "0.000")]))
            .unwrap();
        assert_eq!(
            book.bids().collect::<Vec<_>>(),
            [level("100.6", "1"), level("100.5", "9")]
        );
        assert_eq!(book.asks().collect::<Vec<_>>(), [level("100.8", "4")]);
        assert_eq!(book.best_bid(), Some(level("100.6", "1")));
        assert_eq!(book.best_ask(), Some(level("100.8", "4")));
    }

    #[test]
    fn only_the_best_prices_are_left_of_a_book_that_is_cut() {
        let mut book = OrderBook::new();
        book.apply_snapshot(&snapshot());
        book.cut(1);
        assert_eq!(book.bids().collect::<Vec<_>>(), [level("100.6", "1")]);
        assert_eq!(book.asks().collect::<Vec<_>>(), [level("100.7", "3")]);
    }

    #[test]
    fn a_delta_that_does_not_follow_is_refused_and_the_book_is_void_until_the_next_snapshot() {
        let with = |change: fn(&mut L2Delta)| {
            let mut delta = delta(&[], &[]);
            change(&mut delta);
            delta
        };
        let other_id = |first, last| OutOfStep::OtherId {
            expected: 2,
            first,
            last,
        };
        for (delta, error) in [
            (
                with(|it| it.epoch = 2),
                OutOfStep::OtherEpoch {
                    expected: 1,
                    received: 2,
                },
            ),
            (
                with(|it| (it.first_id, it.last_id) = (Some(3), Some(4))),
                other_id(3, 4),
            ),
            (
                with(|it| (it.first_id, it.last_id) = (Some(1), Some(1))),
                other_id(1, 1),
            ),
        ] {
            let mut book = OrderBook::new();
            book.apply_snapshot(&snapshot());
            assert_eq!(book.covers(), Some(Covers::Top { levels: 2 }));
            assert_eq!(book.apply_delta(&delta), Err(error));
            assert_eq!((book.epoch(), book.best_bid()), (None, None));
            let next = FeedEventKind::L2Delta(with(|_| {}));
            assert_eq!(book.apply_event(&next), Err(OutOfStep::NoSnapshot));
            let again = FeedEventKind::L2Snapshot(snapshot());
            assert_eq!(book.apply_event(&again), Ok(true));
            assert_eq!(book.apply_event(&next), Ok(true));
            assert_eq!((book.epoch(), book.last_id()), (Some(1), Some(2)));
        }
    }

    #[test]
    fn removing_an_unknown_level_changes_nothing() {
        let mut book = OrderBook::new();
        book.apply_snapshot(&snapshot());
        let before = book.clone();
        book.apply_delta(&delta(&[level("1", "0")], &[])).unwrap();
        assert_eq!(book, before);
    }

    #[test]
    fn a_snapshot_replaces_everything() {
        let mut book = OrderBook::new();
        book.apply_snapshot(&snapshot());
        book.apply_delta(&delta(&[level("7", "7")], &[])).unwrap();
        book.apply_snapshot(&snapshot());
        assert_eq!(book.bids().len() + book.asks().len(), 4);
        book.clear();
        assert_eq!(book, OrderBook::new());
    }

    #[test]
    fn a_book_is_crossed_when_its_best_prices_meet() {
        let mut book = OrderBook::new();
        assert_eq!(book.crossed(), None);
        book.apply_snapshot(&snapshot());
        assert_eq!(book.crossed(), None);
        book.apply_delta(&delta(&[level("100.70", "1")], &[]))
            .unwrap();
        assert_eq!(
            book.crossed(),
            Some((level("100.70", "1"), level("100.7", "3")))
        );
    }
}
