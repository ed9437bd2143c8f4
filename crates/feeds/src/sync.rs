//! Joins a snapshot and a stream of deltas into one book without a hole.

use std::collections::VecDeque;

use crate::book::OrderBook;
use crate::event::{FeedEvent, InvalidReason, L2Delta, L2Snapshot};
use crate::symbol::Symbol;

/// The most deltas that are kept while a snapshot is awaited. With more, the oldest go; a snapshot
/// that would have needed them is then too old and fetched again.
// Ten deltas a second come from Binance, so this is more than three minutes of waiting.
const MAX_BUFFERED: usize = 2048;

//     state     what arrives                               next      to do
//     Joining   the first delta                            Joining   NeedSnapshot
//     Joining   a delta that follows the last              Joining
//     Joining   a delta behind a gap: older ones go        Joining
//     Joining   a snapshot newer than all deltas: waits    Joining
//     Joining   a snapshot that the deltas follow          Live      Emit it, then the newer deltas
//     Joining   a snapshot older than the first delta      Joining   NeedSnapshot
//     Joining   a snapshot whose book is crossed           Joining   Emit BookInvalid, NeedSnapshot
//     Live      a delta that follows                       Live      Emit it
//     Live      a delta behind a gap, or one that          Joining   Emit BookInvalid, NeedSnapshot
//               crosses the book                           from it
//     Live      a snapshot                                 Live
//     Joining   the end of the stream                      Joining
//     Live      the end of the stream                      Joining   Emit BookInvalid
//
// In both states, a delta that ends at or before the last one is ignored: it was sent twice.
//
// What Binance sent for BTCUSDT in the recording of the tests, ids without their first 50093239:
//
//     snapshot  L 218
//     delta     U 189  u 202    dropped: u <= L
//     delta     U 203  u 207    dropped
//     delta     U 208  u 224    the first: U <= L + 1 <= u
/// Keeps the order book of one symbol in step with its exchange, without any input or output.
///
/// Feed it with [`update`](Self::update) and [`snapshot`](Self::snapshot), and after each do what
/// [`next_action`](Self::next_action) says until it says nothing more. What it emits is a
/// snapshot, then deltas that follow without a gap; whenever that cannot go on, a
/// [`FeedEvent::BookInvalid`] and, later, a new snapshot.
///
/// The rules are those that Binance documents for its diff streams and that Backpack's ids allow
/// too: deltas are buffered until there is a snapshot with the id `L`; those that end at or before
/// `L` are dropped; the first one kept must start at or before `L + 1`, or the snapshot is too old;
/// from there on every delta must start at or before the id after its predecessor's last one. (The
/// documentation asks for `L` itself inside the first kept delta. A recorded snapshot that was
/// exactly adjacent to its first delta shows that `L + 1` is meant.)
#[derive(Debug)]
pub struct BookSync {
    exchange: &'static str,
    symbol: Symbol,
    book: OrderBook,
    state: SyncState,
    actions: VecDeque<BookAction>,
}

/// What the owner of a [`BookSync`] has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BookAction {
    /// Fetch a snapshot and pass it to [`BookSync::snapshot`]. No other is asked for before that.
    NeedSnapshot,
    /// Tell the subscriber.
    Emit(FeedEvent),
}

#[derive(Debug)]
enum SyncState {
    /// A snapshot and deltas are being brought together. The deltas follow one another without a
    /// gap. If there are any, a snapshot has been asked for; if there is a snapshot, it is newer
    /// than every delta so far.
    Joining {
        deltas: VecDeque<L2Delta>,
        snapshot: Option<L2Snapshot>,
    },
    /// The book is true up to `last_id`.
    Live { last_id: u64 },
}

impl SyncState {
    fn joining_from(delta: impl Into<Option<L2Delta>>) -> Self {
        Self::Joining {
            deltas: delta.into().into_iter().collect(),
            snapshot: None,
        }
    }
}

impl BookSync {
    /// The book of `symbol` at `exchange`, of which nothing is known yet.
    #[must_use]
    pub fn new(exchange: &'static str, symbol: Symbol) -> Self {
        Self {
            exchange,
            symbol,
            book: OrderBook::new(),
            state: SyncState::joining_from(None),
            actions: VecDeque::new(),
        }
    }

    /// What to do next; `None` if there is nothing to do until something arrives.
    pub fn next_action(&mut self) -> Option<BookAction> {
        self.actions.pop_front()
    }

    /// The book and the id of its last change, while it is true.
    #[must_use]
    pub fn book(&self) -> Option<(&OrderBook, u64)> {
        match self.state {
            SyncState::Live { last_id } => Some((&self.book, last_id)),
            SyncState::Joining { .. } => None,
        }
    }

    /// Takes the next delta of the stream.
    pub fn update(&mut self, delta: L2Delta) {
        match &mut self.state {
            SyncState::Live { last_id } => {
                let last_id = *last_id;
                self.advance(last_id, delta);
            }
            SyncState::Joining { deltas, snapshot } => {
                match deltas.back() {
                    Some(last) if delta.last_id <= last.last_id => return,
                    // The subscriber has no book, so a gap is no news: a snapshot that joins what
                    // is behind it closes the gap as well.
                    Some(last) if !delta.follows(last.last_id) => deltas.clear(),
                    Some(_) if deltas.len() == MAX_BUFFERED => drop(deltas.pop_front()),
                    None if snapshot.is_none() => self.actions.push_back(BookAction::NeedSnapshot),
                    Some(_) | None => {}
                }
                deltas.push_back(delta);
                self.join();
            }
        }
    }

    /// Takes a snapshot. It is ignored if the book is true without it, or a newer one is waiting
    /// for the stream.
    pub fn snapshot(&mut self, snapshot: L2Snapshot) {
        let SyncState::Joining { snapshot: slot, .. } = &mut self.state else {
            return;
        };
        // REST is behind the stream as a rule, but Backpack was seen one change ahead: then the
        // snapshot waits.
        let is_older = |waiting: &L2Snapshot| snapshot.last_id < waiting.last_id;
        if !slot.as_ref().is_some_and(is_older) {
            *slot = Some(snapshot);
            self.join();
        }
    }

    /// Forgets the book and every delta: the stream has ended, and the next one starts anew.
    pub fn restart(&mut self, now_ns: i64) {
        // What was to be done was about a book that is gone, and about a snapshot that would be
        // from before the next stream.
        self.actions.clear();
        if self.book().is_some() {
            self.invalidate(InvalidReason::Disconnected, now_ns);
        }
        self.state = SyncState::joining_from(None);
    }

    /// Goes live if there is a snapshot to which the deltas follow.
    fn join(&mut self) {
        let SyncState::Joining { deltas, snapshot } = &mut self.state else {
            return;
        };
        let Some(candidate) = snapshot.take() else {
            return;
        };
        while deltas
            .front()
            .is_some_and(|delta| delta.last_id <= candidate.last_id)
        {
            deltas.pop_front();
        }
        let Some(first) = deltas.front() else {
            *snapshot = Some(candidate);
            return;
        };
        if !first.follows(candidate.last_id) {
            self.actions.push_back(BookAction::NeedSnapshot);
            return;
        }
        // There is no clock here. The delta is what the book can be judged by, so its time is the
        // time.
        let now_ns = first.received_ns;
        let deltas = std::mem::take(deltas);
        self.book.apply_snapshot(&candidate);
        if self.is_crossed_at(now_ns) {
            self.state = SyncState::Joining {
                deltas,
                snapshot: None,
            };
            self.actions.push_back(BookAction::NeedSnapshot);
            return;
        }
        self.state = SyncState::Live {
            last_id: candidate.last_id,
        };
        self.actions
            .push_back(BookAction::Emit(FeedEvent::L2Snapshot(candidate)));
        // Each by the rules of a live book: one of them may still cross it.
        for delta in deltas {
            self.update(delta);
        }
    }

    /// Applies the delta to a book that is true up to `last_id`.
    fn advance(&mut self, last_id: u64, delta: L2Delta) {
        // One that begins in what is known and ends behind it is applied: sizes are absolute, so
        // doing so twice makes no difference.
        if delta.last_id <= last_id {
            return;
        }
        if !delta.follows(last_id) {
            let gap = InvalidReason::Gap {
                expected: last_id.saturating_add(1),
                received: delta.first_id,
            };
            self.invalidate(gap, delta.received_ns);
            self.start_over(delta);
            return;
        }
        // Applied before it is looked at, since only the whole delta says whether prices meet. What
        // is crossed is built anew and was never emitted.
        self.book.apply_delta(&delta);
        if self.is_crossed_at(delta.received_ns) {
            self.start_over(delta);
            return;
        }
        self.state = SyncState::Live {
            last_id: delta.last_id,
        };
        self.actions
            .push_back(BookAction::Emit(FeedEvent::L2Delta(delta)));
    }

    /// Builds the book again, from `delta` on.
    fn start_over(&mut self, delta: L2Delta) {
        self.state = SyncState::joining_from(delta);
        self.actions.push_back(BookAction::NeedSnapshot);
    }

    /// Whether the book is crossed; the subscriber is told.
    fn is_crossed_at(&mut self, now_ns: i64) -> bool {
        let Some((bid, ask)) = self.book.crossed() else {
            return false;
        };
        let crossed = InvalidReason::Crossed {
            bid: bid.price,
            ask: ask.price,
        };
        self.invalidate(crossed, now_ns);
        true
    }

    fn invalidate(&mut self, reason: InvalidReason, received_ns: i64) {
        self.actions
            .push_back(BookAction::Emit(FeedEvent::BookInvalid {
                exchange: self.exchange,
                symbol: self.symbol.clone(),
                reason,
                received_ns,
            }));
    }
}

impl L2Delta {
    /// Whether no change is missing between `last_id` and this delta.
    fn follows(&self, last_id: u64) -> bool {
        // Not `==`: at the join, the first delta usually begins before the snapshot's id.
        self.first_id <= last_id.saturating_add(1)
    }
}
