//! Joins the snapshots and the changes of an exchange into one book without a hole.

mod buffer;

use std::collections::VecDeque;

use rust_decimal::Decimal;

use self::buffer::{Buffer, Received};
use crate::book::OrderBook;
use crate::event::{Covers, FeedEventKind, InvalidReason, L2Delta, L2Snapshot};
use crate::exchange::{BookChange, BookContent, BookRules, Ids, Renewal, Step};
use crate::level::Level;
use crate::symbol::Symbol;

/// How long the stream may be behind a snapshot, from the first change on that shows it. Backpack's was
/// seen one change behind.
// For ever would be silence: numbering may have begun anew, or the id was none.
const MAX_AHEAD_NS: i64 = 10_000_000_000;

// Where snapshots are requested:
//
//     state     what arrives                               next      to do
//     Joining   the first change, or none for a while      Joining   NeedSnapshot
//     Joining   a change that follows the last             Joining
//     Joining   a change behind a gap: older ones go       Joining
//     Joining   a snapshot                                 Joined    Emit it, then the newer changes
//     Joining   a snapshot older than the first change     Joining   NeedSnapshot
//     Joining   a snapshot that is wrong                   Joining   Emit BookInvalid, NeedSnapshot
//     Joined    a change that the snapshot holds           Joined
//     Joined    the first change that joins it             Live      Emit it
//     Joined    a change behind a gap                      Joining   Emit BookInvalid, NeedSnapshot
//     both      a snapshot that nobody waits for           the same
//
// Where they come in the stream:
//
//     Joining   a change                                   Joining
//     both      a snapshot                                 Live      Emit it
//     both      a snapshot that is wrong                   Joining   Emit BookInvalid, NeedSnapshot
//
// Everywhere:
//
//     Live      a change that follows                      Live      Emit it
//     Live      a change that was there before             Live
//     Live      a change behind a gap, one after which     Joining   Emit BookInvalid, NeedSnapshot
//               the book is wrong, or one with an id
//               that is not new and a time that is
//     Joining   the end of the stream                      Joining
//     Live      the end of the stream                      Joining   Emit BookInvalid
//
// A book is wrong if it is crossed or too large, or if its checksum is not the exchange's.
//
// What Binance sent for BTCUSDT in the recording of the tests, ids without their first 50093239:
//
//     snapshot  L 218
//     change    U 189  u 202    dropped: u <= L
//     change    U 203  u 207    dropped
//     change    U 208  u 224    the first: U <= L + 1 <= u
/// Keeps the order book of one symbol in step with its exchange, without any input or output.
///
/// Feed it with [`update`](Self::update) and [`snapshot`](Self::snapshot), and after each do what
/// [`next_action`](Self::next_action) says until it says nothing more. What it emits is a
/// snapshot, then changes that follow without a gap; whenever that cannot go on, a
/// [`FeedEventKind::BookInvalid`] and, later, a new snapshot.
///
/// How changes follow one another, and where snapshots come from, say the exchange's [`BookRules`].
/// Where they are requested, changes are buffered until there is a snapshot with the id `L`; those
/// that are known by it are dropped, and the first one kept must join it, or the snapshot is too old.
/// A snapshot that holds all changes so far is delivered at once: the next one joins it or not.
/// (Binance's documentation asks for `L` itself inside the first change. A recorded snapshot that was
/// exactly adjacent to its first change shows that `L + 1` is meant.)
#[derive(Debug)]
pub struct BookSync {
    symbol: Symbol,
    rules: BookRules,
    book: OrderBook,
    state: SyncState,
    /// How many snapshots there have been.
    epoch: u64,
    /// The first id of the connection.
    first_id: Option<u64>,
    /// The latest time that the exchange told on the connection.
    latest_ns: Option<i64>,
    request: SnapshotRequest,
    actions: VecDeque<BookAction>,
    is_replay: bool,
}

/// The most prices of a side. The largest books have some ten thousand, and outside of their snapshot's
/// range they grow over months.
const MOST_LEVELS: usize = 100_000;

/// What the owner of a [`BookSync`] has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BookAction {
    /// Get a snapshot in the way that the rules say: request it and pass it to
    /// [`BookSync::snapshot`], or have it sent in the stream. No other is asked for before that.
    NeedSnapshot,
    /// Tell the subscriber what happened, and at which time.
    Emit(FeedEventKind, i64),
}

#[derive(Debug)]
enum SyncState {
    /// A snapshot is awaited. The changes follow one another without a gap.
    Joining { changes: Buffer },
    /// The book is the snapshot with the id `last_id`. The stream may be behind it: no change has come
    /// so far that it does not hold.
    Joined {
        last_id: u64,
        /// When the first change came that it holds.
        behind_since_ns: Option<i64>,
        /// The last id of the stream.
        stream_id: Option<u64>,
    },
    /// The book is true up to `last_id`, which is the stream's.
    Live { last_id: u64 },
}

impl SyncState {
    fn joining_from(change: impl Into<Option<Received>>) -> Self {
        Self::Joining {
            changes: change.into().into_iter().collect(),
        }
    }
}

/// What has become of the snapshot that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SnapshotRequest {
    None,
    UnderWay,
    /// It is under way, and from before numbering began anew or changes were lost.
    Outdated,
}

impl BookSync {
    /// The book of `symbol` at an exchange with these rules, of which nothing is known yet.
    #[must_use]
    pub fn new(symbol: Symbol, rules: &BookRules) -> Self {
        Self {
            symbol,
            rules: *rules,
            book: OrderBook::new(),
            state: SyncState::joining_from(None),
            epoch: 0,
            first_id: None,
            latest_ns: None,
            request: SnapshotRequest::None,
            actions: VecDeque::new(),
            is_replay: false,
        }
    }

    /// From now on comes what another connection, which takes over from the one before, has said
    /// meanwhile. What is known is no sign of a restart, and a snapshot in the stream is no news.
    pub fn begin_replay(&mut self) {
        self.is_replay = true;
    }

    /// The replay is over. If there was a snapshot in it, the book as it is now is emitted in its place.
    pub fn end_replay(&mut self) {
        self.is_replay = false;
        let is_snapshot = |action: &BookAction| {
            matches!(action, BookAction::Emit(FeedEventKind::L2Snapshot(_), _))
        };
        let Some(at) = self.actions.iter().rposition(is_snapshot) else {
            return;
        };
        let mut after = self.actions.split_off(at);
        let Some(BookAction::Emit(FeedEventKind::L2Snapshot(mut snapshot), mut at_ns)) =
            after.pop_front()
        else {
            return;
        };
        while let Some(BookAction::Emit(FeedEventKind::L2Delta(delta), delta_ns)) = after.front() {
            snapshot.last_id = delta.last_id;
            snapshot.timestamp_ns = delta.timestamp_ns;
            at_ns = *delta_ns;
            after.pop_front();
        }
        if self.book().is_some() {
            (snapshot.bids, snapshot.asks) =
                (self.book.bids().collect(), self.book.asks().collect());
            self.actions.clear();
            self.emit(FeedEventKind::L2Snapshot(snapshot), at_ns);
        }
        self.actions.append(&mut after);
    }

    /// What to do next; `None` if there is nothing to do until something arrives.
    pub fn next_action(&mut self) -> Option<BookAction> {
        self.actions.pop_front()
    }

    /// The book and the id of its last change, while it is true. Without ids, that is zero.
    #[must_use]
    pub fn book(&self) -> Option<(&OrderBook, u64)> {
        match self.state {
            SyncState::Live { last_id } | SyncState::Joined { last_id, .. } => {
                Some((&self.book, last_id))
            }
            SyncState::Joining { .. } => None,
        }
    }

    /// The memory of the changes that wait for a snapshot, in bytes.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        match &self.state {
            SyncState::Joining { changes } => changes.bytes(),
            _ => 0,
        }
    }

    /// Forgets the changes that wait for a snapshot, and tells how many those are. A snapshot that would
    /// have needed them is then too old, and asked for again.
    pub fn forget_waiting(&mut self) -> usize {
        match &mut self.state {
            SyncState::Joining { changes } => changes.forget(),
            _ => 0,
        }
    }

    /// Nothing has come since the stream was subscribed to. A quiet market has a book, too: where
    /// snapshots are requested, one is needed.
    pub fn note_quiet(&mut self) {
        if self.is_requested() && self.book().is_none() {
            self.need_snapshot();
        }
    }

    /// Takes what comes next in the stream, received at `received_ns`.
    pub fn update(&mut self, change: BookChange, received_ns: i64) {
        let received = Received {
            change,
            at_ns: received_ns,
        };
        if received.change.content == BookContent::Snapshot {
            self.take_streamed(received);
            return;
        }
        let is_new_time = self.is_latest(&received.change);
        match self.state {
            SyncState::Joining { .. } if !self.is_requested() => {}
            _ => self.follow(received, is_new_time),
        }
    }

    /// Takes a snapshot that was requested, received at `received_ns`. It is ignored if the book is
    /// true without it.
    pub fn snapshot(&mut self, snapshot: BookChange, received_ns: i64) {
        let request = std::mem::replace(&mut self.request, SnapshotRequest::None);
        let Renewal::Request { joins } = self.rules.renewal else {
            return;
        };
        match &mut self.state {
            SyncState::Joining { .. } if request == SnapshotRequest::Outdated => {
                self.need_snapshot();
            }
            SyncState::Joining { changes } => {
                let changes = std::mem::take(changes);
                let snapshot = Received {
                    change: snapshot,
                    at_ns: received_ns,
                };
                self.join(snapshot, changes, joins);
            }
            SyncState::Joined { .. } | SyncState::Live { .. } => {}
        }
    }

    /// Forgets the book and every change: the stream has ended, and the next one starts anew.
    pub fn restart(&mut self, now_ns: i64) {
        // What was to be done was about a book that is gone, and about a snapshot that would be
        // from before the next stream.
        self.actions.clear();
        if self.book().is_some() {
            self.emit_invalid(InvalidReason::Disconnected, now_ns);
        }
        self.state = SyncState::joining_from(None);
        (self.first_id, self.latest_ns) = (None, None);
        self.request = SnapshotRequest::None;
    }

    /// Gives the book up, for a `reason` that its changes do not show.
    pub fn invalidate(&mut self, reason: InvalidReason, now_ns: i64) {
        if self.book().is_some() {
            self.give_up(reason, now_ns, None);
        } else {
            self.state = SyncState::joining_from(None);
            self.outdate_request();
        }
    }

    /// Whether snapshots are requested, and do not come in the stream.
    fn is_requested(&self) -> bool {
        matches!(self.rules.renewal, Renewal::Request { .. })
    }

    /// Whether the exchange's time of `change` is later than all before it on the connection.
    fn is_latest(&mut self, change: &BookChange) -> bool {
        let time = change.time.ns();
        let is_latest = self
            .latest_ns
            .zip(time)
            .is_some_and(|(latest, time)| latest < time);
        self.latest_ns = self.latest_ns.max(time);
        self.first_id = self.first_id.or(change.ids.first).or(change.ids.last);
        is_latest
    }

    /// Whether numbering has begun anew with a change whose id is not new.
    fn is_restart(&self, change: &BookChange, is_new_time: bool) -> bool {
        let is_before = |(last, first): (u64, u64)| last < first;
        // Another connection may tell another time of the same change.
        if self.is_replay {
            return false;
        }
        is_new_time || change.ids.last.zip(self.first_id).is_some_and(is_before)
    }

    /// Takes what comes next in the stream.
    fn follow(&mut self, received: Received, is_new_time: bool) {
        match self.state {
            SyncState::Live { last_id } => {
                let step = (self.rules.follows)(last_id, &received.change.ids);
                self.advance(last_id, step, received, is_new_time);
            }
            SyncState::Joined {
                last_id,
                behind_since_ns,
                stream_id,
            } => self.catch_up(last_id, behind_since_ns, stream_id, received, is_new_time),
            SyncState::Joining { .. } => self.buffer(received, is_new_time),
        }
    }

    /// Keeps a change until there is a snapshot.
    fn buffer(&mut self, received: Received, is_new_time: bool) {
        let SyncState::Joining { changes } = &self.state else {
            return;
        };
        let step = changes
            .last_ids()
            .map(|last| (self.rules.follows)(last.last.unwrap_or_default(), &received.change.ids));
        let is_restart = step == Some(Step::Old) && self.is_restart(&received.change, is_new_time);
        if is_restart {
            self.first_id = received.change.ids.first.or(received.change.ids.last);
            self.outdate_request();
        }
        let SyncState::Joining { changes } = &mut self.state else {
            return;
        };
        match step {
            Some(Step::Old) if is_restart => *changes = Buffer::default(),
            Some(Step::Old) => return,
            // The subscriber has no book, so a gap is no news: a snapshot that joins what is behind
            // it closes the gap as well.
            Some(Step::Missing) => *changes = Buffer::default(),
            Some(Step::Next) | None => {}
        }
        changes.push(received);
        self.need_snapshot();
    }

    /// Begins the book with the snapshot, unless that is older than the first of the changes.
    fn join(&mut self, mut snapshot: Received, mut changes: Buffer, joins: fn(u64, &Ids) -> Step) {
        let last_id = snapshot.change.ids.last.unwrap_or_default();
        let forgotten = changes.forgotten();
        let stream_id = changes.last_ids().and_then(|ids| ids.last);
        let step = |changes: &Buffer| {
            let first = changes.first()?;
            Some(joins(last_id, &first.change.ids))
        };
        while step(&changes) == Some(Step::Old) {
            changes.pop();
        }
        let is_held = |ids: Ids| joins(last_id, &ids) == Step::Old;
        if step(&changes) == Some(Step::Missing) || !forgotten.is_none_or(is_held) {
            self.state = SyncState::Joining { changes };
            self.need_snapshot();
            return;
        }
        // There is no clock here. The later of the two is what the book had to wait for.
        let waited_for = changes.first().map_or(i64::MIN, |first| first.at_ns);
        snapshot.at_ns = snapshot.at_ns.max(waited_for);
        let since_ns = snapshot.at_ns;
        if let Err(reason) = self.apply(&mut snapshot.change) {
            self.emit_invalid(reason, since_ns);
            self.state = SyncState::Joining { changes };
            self.need_snapshot();
            return;
        }
        self.state = SyncState::Joined {
            last_id,
            behind_since_ns: None,
            stream_id,
        };
        self.emit_snapshot(snapshot);
        // Each by the rules of a live book: one of them may still cross it. Their times have been
        // looked at.
        for Received { change, at_ns } in changes.into_changes() {
            let at_ns = at_ns.max(since_ns);
            self.follow(Received { change, at_ns }, false);
        }
    }

    /// Takes a change behind the snapshot with the id `last_id`, or one that the snapshot holds.
    fn catch_up(
        &mut self,
        last_id: u64,
        behind_since_ns: Option<i64>,
        stream_id: Option<u64>,
        received: Received,
        is_new_time: bool,
    ) {
        let Renewal::Request { joins } = self.rules.renewal else {
            return;
        };
        let ids = received.change.ids;
        let step = joins(last_id, &ids);
        if step != Step::Old {
            return self.advance(last_id, step, received, is_new_time);
        }
        // It is older than the snapshot. Whether it is new, only the stream's last id tells.
        let is_repeated = stream_id.is_some_and(|id| (self.rules.follows)(id, &ids) == Step::Old);
        // Not from the snapshot on: whoever takes that one may hold up the reading.
        let behind_since_ns = behind_since_ns.unwrap_or(received.at_ns);
        let is_overdue = received.at_ns.saturating_sub(behind_since_ns) > MAX_AHEAD_NS;
        if is_overdue || is_repeated && self.is_restart(&received.change, is_new_time) {
            return self.begin_anew(received);
        }
        self.state = SyncState::Joined {
            last_id,
            behind_since_ns: Some(behind_since_ns),
            stream_id: if is_repeated { stream_id } else { ids.last },
        };
    }

    /// Gives the book up: numbering begins anew with this change.
    fn begin_anew(&mut self, received: Received) {
        let ids = received.change.ids;
        self.first_id = ids.first.or(ids.last);
        self.give_up(InvalidReason::Restarted, received.at_ns, Some(received));
    }

    /// Takes a snapshot that came in the stream.
    fn take_streamed(&mut self, mut received: Received) {
        self.is_latest(&received.change);
        self.request = SnapshotRequest::None;
        match self.apply(&mut received.change) {
            Ok(()) => {
                self.state = SyncState::Live {
                    last_id: received.change.ids.last.unwrap_or_default(),
                };
                self.emit_snapshot(received);
            }
            Err(reason) => self.give_up(reason, received.at_ns, None),
        }
    }

    /// Applies the change, which stands so to a book that is true up to `last_id`.
    fn advance(&mut self, last_id: u64, step: Step, mut received: Received, is_new_time: bool) {
        let ids = received.change.ids;
        let reason = match step {
            // One that begins in what is known and ends behind it is applied: sizes are absolute, so
            // doing so twice makes no difference. Applied before it is looked at, since only the
            // whole change says whether prices meet. What is wrong is built anew and was never
            // emitted.
            Step::Next => match self.apply(&mut received.change) {
                Ok(()) => {
                    self.state = SyncState::Live {
                        last_id: ids.last.unwrap_or_default(),
                    };
                    self.emit_delta(received);
                    return;
                }
                Err(reason) => reason,
            },
            Step::Old if self.is_restart(&received.change, is_new_time) => {
                return self.begin_anew(received);
            }
            Step::Old => return,
            Step::Missing => gap(last_id, &ids),
        };
        self.give_up(reason, received.at_ns, Some(received));
    }

    /// Makes the change part of the book, and the change what the book has of it.
    fn apply(&mut self, change: &mut BookChange) -> Result<(), InvalidReason> {
        self.book.apply(change);
        if let Some(depth) = self.rules.cut {
            let [bids, asks] = self.book.cut(depth);
            forget(&mut change.bids, &bids, change.content);
            forget(&mut change.asks, &asks, change.content);
        }
        if self.book.depth() > MOST_LEVELS {
            return Err(InvalidReason::TooLarge);
        }
        if let Some((expected, checksum)) = change.checksum.zip(self.rules.checksum) {
            let computed = (checksum.of)(&self.book);
            if computed != expected {
                return Err(InvalidReason::Checksum { expected, computed });
            }
        }
        match self.book.crossed() {
            Some((bid, ask)) => Err(InvalidReason::Crossed {
                bid: bid.price,
                ask: ask.price,
            }),
            None => Ok(()),
        }
    }

    /// Builds the book again, from `change` on where changes wait for a snapshot.
    fn give_up(&mut self, reason: InvalidReason, now_ns: i64, change: Option<Received>) {
        self.emit_invalid(reason, now_ns);
        let change = change.filter(|_| self.is_requested());
        self.state = SyncState::joining_from(change);
        self.need_snapshot();
    }

    fn outdate_request(&mut self) {
        if self.request == SnapshotRequest::UnderWay {
            self.request = SnapshotRequest::Outdated;
        }
    }

    fn need_snapshot(&mut self) {
        if self.request == SnapshotRequest::None {
            self.request = SnapshotRequest::UnderWay;
            self.actions.push_back(BookAction::NeedSnapshot);
        }
    }

    fn emit_snapshot(&mut self, Received { change, at_ns }: Received) {
        self.epoch += 1;
        let covers = match self.rules.cut {
            Some(levels) => Covers::Top { levels },
            None => Covers::Prices {
                lowest_bid: change.bids.last().map(|level| level.price),
                highest_ask: change.asks.last().map(|level| level.price),
            },
        };
        let snapshot = L2Snapshot {
            symbol: change.symbol,
            epoch: self.epoch,
            covers,
            verified_levels: change
                .checksum
                .and(self.rules.checksum)
                .map(|checksum| checksum.levels),
            last_id: change.ids.last,
            bids: change.bids,
            asks: change.asks,
            timestamp_ns: change.time.ns(),
        };
        self.emit(FeedEventKind::L2Snapshot(snapshot), at_ns);
    }

    fn emit_delta(&mut self, Received { change, at_ns }: Received) {
        let delta = L2Delta {
            symbol: change.symbol,
            epoch: self.epoch,
            first_id: change.ids.first,
            last_id: change.ids.last,
            bids: change.bids,
            asks: change.asks,
            timestamp_ns: change.time.ns(),
        };
        self.emit(FeedEventKind::L2Delta(delta), at_ns);
    }

    fn emit_invalid(&mut self, reason: InvalidReason, at_ns: i64) {
        let symbol = self.symbol.clone();
        self.emit(FeedEventKind::BookInvalid { symbol, reason }, at_ns);
    }

    fn emit(&mut self, kind: FeedEventKind, at_ns: i64) {
        self.actions.push_back(BookAction::Emit(kind, at_ns));
    }
}

fn gap(last_id: u64, ids: &Ids) -> InvalidReason {
    let (expected, received) = match (ids.first, ids.previous) {
        (Some(first), _) => (last_id.saturating_add(1), first),
        (None, previous) => (last_id, previous.or(ids.last).unwrap_or_default()),
    };
    InvalidReason::Gap { expected, received }
}

/// Makes `levels` say that there is nothing at these prices any longer: who applies them shall have
/// the same book, without knowing how deep it is.
fn forget(levels: &mut Vec<Level>, prices: &[Decimal], content: BookContent) {
    for price in prices {
        levels.retain(|level| level.price != *price);
        if content == BookContent::Change {
            levels.push(Level {
                price: *price,
                size: Decimal::ZERO,
            });
        }
    }
}
