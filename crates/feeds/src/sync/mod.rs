//! Joins the snapshots and the changes of an exchange into one book without a hole.

mod allowance;
mod buffer;
mod depths;
mod emission;
mod joining;
mod known;
mod renewal;
mod replay;
mod standby;
mod stream_clock;

use std::collections::VecDeque;

pub(crate) use self::allowance::Allowance;
use self::buffer::{Buffer, Received};
use self::depths::Depths;
use self::known::KnownBook;
use self::replay::Told;
use self::stream_clock::StreamClock;
use crate::book::OrderBook;
use crate::event::{FeedEventKind, InvalidReason};
use crate::exchange::{BookChange, BookContent, BookRules, Ids, Renewal, Step};
use crate::symbol::Symbol;

/// How long the exchange may say nothing that is new, from the first change on that is not. Backpack's was
/// seen one change behind a snapshot.
// For ever would be silence: numbering may have begun anew, or the id was none.
const MAX_OLD_NS: i64 = 10_000_000_000;

// Where snapshots are requested:
//
//     state     what arrives                               next      to do
//     Joining   the subscription, or the first change      Joining   NeedSnapshot
//     Joining   a change that follows the last             Joining
//     Joining   a change behind a gap: older ones go       Joining
//     Joining   a snapshot                                 Joined    Emit it, then the newer changes
//     Joining   a snapshot older than the first change     Joining   NeedSnapshot
//     Joining   a snapshot that is wrong                   Joining   Emit BookInvalid, NeedSnapshot
//     Joined    a change that the snapshot holds           Joined
//     Joined    the first change that joins it             Live      Emit it
//     Joined    a change behind a gap                      Joining   Emit BookInvalid, NeedSnapshot
//     Live      a change after which a snapshot is due     Live      Emit it, NeedSnapshot
//     Live      a snapshot that is due                     Live, or  Emit it with all changes so far
//                                                          Joined
//     Live      one that is due and too old or wrong       Live      NeedSnapshot
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
//               that is not new and a time that is,
//               or nothing new for too long
//     Joining   the end of the stream                      Joining
//     Live      the end of the stream                      Joining   Emit BookInvalid
//
// A book is wrong if it is crossed or too large, if its best price is not known, or if its checksum is not
// the exchange's.
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
///
/// A snapshot that was requested is only so deep, and nobody tells what lies beyond it. The book is kept
/// within, and before the price leaves it, another snapshot is joined in the background.
#[derive(Debug)]
pub struct BookSync {
    symbol: Symbol,
    rules: BookRules,
    /// How many levels of a side are told.
    depth: Option<usize>,
    book: KnownBook,
    state: SyncState,
    /// The changes since another snapshot was due for a book that is true.
    renewal: Option<Buffer>,
    depths: Depths,
    /// When the snapshot of the book came.
    since_ns: i64,
    /// How many snapshots there have been.
    epoch: u64,
    /// The first id of the connection.
    first_id: Option<u64>,
    clock: StreamClock,
    /// When the first change came that was not new, of those since the last one that was.
    old_since_ns: Option<i64>,
    request: SnapshotRequest,
    /// How many levels were last requested.
    asked: usize,
    actions: VecDeque<BookAction>,
    is_replay: bool,
    /// Whether the stream may be behind that of the connection from which it has taken over.
    is_behind: bool,
    /// What the subscriber has from the connection before.
    told: Option<Told>,
}

/// What the owner of a [`BookSync`] has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BookAction {
    /// Get a snapshot in the way that the rules say: request it and pass it to
    /// [`BookSync::snapshot`], or have it sent in the stream. No other is asked for before that.
    NeedSnapshot {
        /// How many levels of each side to request.
        levels: usize,
    },
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
        /// The last id of the stream.
        stream_id: Option<u64>,
    },
    /// The book is true up to `last_id`, which is the stream's.
    Live { last_id: u64 },
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
    /// The book of `symbol` at an exchange with these rules, of which nothing is known yet. Of its levels,
    /// the best `depth` of each side are told, or half of what the exchange's deepest snapshot has; all that
    /// are known without it.
    #[must_use]
    pub fn new(symbol: Symbol, rules: &BookRules, depth: Option<usize>) -> Self {
        let offered = rules.renewal.depths();
        let depth = depth.map(|depth| Depths::most_told(offered, depth));
        Self {
            symbol,
            rules: *rules,
            depth,
            book: KnownBook::new(rules, depth),
            state: SyncState::Joining {
                changes: Buffer::default(),
            },
            renewal: None,
            depths: Depths::new(offered, depth),
            since_ns: 0,
            epoch: 0,
            first_id: None,
            clock: StreamClock::default(),
            old_since_ns: None,
            request: SnapshotRequest::None,
            asked: 0,
            actions: VecDeque::new(),
            is_replay: false,
            is_behind: false,
            told: None,
        }
    }

    /// Has the book become deeper only as far as `allowance` lets it, which others share.
    pub(crate) fn sharing(mut self, allowance: Allowance) -> Self {
        self.depths.share(allowance);
        self
    }

    /// What to do next; `None` if there is nothing to do until something arrives.
    pub fn next_action(&mut self) -> Option<BookAction> {
        if self.waits_for_told() {
            return None;
        }
        self.actions.pop_front()
    }

    /// Whether [`next_action`](Self::next_action) may have something to say.
    pub(crate) fn has_actions(&self) -> bool {
        !self.actions.is_empty()
    }

    /// The book as far as it is known and the id of its last change, while it is true. Without ids, that is
    /// zero.
    #[must_use]
    pub fn book(&self) -> Option<(&OrderBook, u64)> {
        match self.state {
            SyncState::Live { last_id } | SyncState::Joined { last_id, .. } => {
                Some((self.book.book(), last_id))
            }
            SyncState::Joining { .. } => None,
        }
    }

    /// The memory of the changes that wait for a snapshot, in bytes.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        self.waiting().map_or(0, Buffer::bytes)
    }

    /// Forgets the older half of the changes that wait for a snapshot, and tells how many those are. A
    /// snapshot that would have needed them is then too old, and asked for again.
    pub fn forget_waiting(&mut self) -> usize {
        let waiting = match &mut self.state {
            SyncState::Joining { changes } => Some(changes),
            _ => self.renewal.as_mut(),
        };
        waiting.map_or(0, Buffer::forget)
    }

    fn waiting(&self) -> Option<&Buffer> {
        match &self.state {
            SyncState::Joining { changes } => Some(changes),
            _ => self.renewal.as_ref(),
        }
    }

    /// The stream has been subscribed to. Where snapshots are requested, one is needed, whether anything
    /// changes or not.
    pub fn note_subscribed(&mut self) {
        if self.is_requested() && self.book().is_none() {
            self.need_snapshot();
        }
    }

    /// Takes what comes next in the stream, received at `received_ns`.
    pub fn update(&mut self, mut change: BookChange, received_ns: i64) {
        if self.take_next(&mut change, received_ns) {
            // Before what has become necessary by it.
            let delta = FeedEventKind::L2Delta(self.delta(change));
            let delta = BookAction::Emit(delta, received_ns);
            self.actions.push_front(delta);
        }
    }

    /// As [`update`](Self::update). If a delta is the first thing to be emitted then, that is what is left in
    /// `change`, and true is returned: the caller has it told, as [`delta`](Self::delta) makes it, before anything
    /// else.
    // Most changes are nothing but that, and each way through a queue costs as much as a level of a book. By
    // reference, since a change is large, and each function would copy it.
    #[inline(always)]
    pub(crate) fn take_next(&mut self, change: &mut BookChange, received_ns: i64) -> bool {
        self.note_waited(received_ns);
        if change.content == BookContent::Snapshot {
            self.take_streamed(Received::taken(change, received_ns));
            return false;
        }
        let is_new_time = self.is_latest(change, received_ns);
        match self.state {
            SyncState::Joining { .. } if !self.is_requested() => false,
            _ => self.follow(change, received_ns, is_new_time),
        }
    }

    /// Takes a snapshot that was requested, received at `received_ns`. It is ignored if the book is
    /// true without it and none is due.
    pub fn snapshot(&mut self, snapshot: BookChange, received_ns: i64) {
        let request = std::mem::replace(&mut self.request, SnapshotRequest::None);
        let Renewal::Request { joins, .. } = self.rules.renewal else {
            return;
        };
        let snapshot = Received {
            change: snapshot,
            at_ns: received_ns,
        };
        match &mut self.state {
            SyncState::Joining { .. } if request == SnapshotRequest::Outdated => {
                self.need_snapshot();
            }
            SyncState::Joining { changes } => {
                let changes = std::mem::take(changes);
                self.join(snapshot, changes, joins);
            }
            SyncState::Joined { .. } | SyncState::Live { .. } => {
                if let Some(changes) = self.renewal.take() {
                    self.replace(snapshot, changes, joins);
                }
            }
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
        self.wait_with(Buffer::default());
        (self.first_id, self.old_since_ns) = (None, None);
        self.clock = StreamClock::default();
        self.request = SnapshotRequest::None;
        (self.is_behind, self.told) = (false, None);
    }

    /// Gives the book up, for a `reason` that its changes do not show.
    pub fn invalidate(&mut self, reason: InvalidReason, now_ns: i64) {
        self.outdate_request();
        if self.book().is_some() {
            self.give_up(reason, now_ns, Buffer::default());
        } else {
            self.wait_with(Buffer::default());
        }
    }

    /// Gives the book up without a word: its subscriber has been told.
    pub(crate) fn give_up_silently(&mut self) {
        if self.book().is_some() {
            self.wait_with(Buffer::default());
            self.need_snapshot();
        }
    }

    /// Whether snapshots are requested, and do not come in the stream.
    fn is_requested(&self) -> bool {
        matches!(self.rules.renewal, Renewal::Request { .. })
    }

    /// Whether the exchange's time of the change is later than all before it on the connection.
    fn is_latest(&mut self, change: &BookChange, at_ns: i64) -> bool {
        let ids = change.ids;
        self.first_id = self.first_id.or(ids.first).or(ids.last);
        self.clock.note(change.time, at_ns)
    }

    /// Whether numbering has begun anew with a change whose id is not new.
    fn is_restart(&self, ids: &Ids, is_new_time: bool) -> bool {
        let is_before = |(last, first): (u64, u64)| last < first;
        // Another connection may tell another time of the same change.
        !(self.is_replay || self.is_behind)
            && (is_new_time || ids.last.zip(self.first_id).is_some_and(is_before))
    }

    /// Whether nothing that is new has come for too long, with this change that is not.
    fn is_old_for_too_long(&mut self, change: &BookChange, at_ns: i64) -> bool {
        if self.is_replay {
            return false;
        }
        // What was sent before the snapshot came is old without a doubt: whoever is slow to take events holds
        // up the reading.
        let sent_ns = self.clock.sent_ns(change.time, at_ns).max(self.since_ns);
        let since_ns = *self.old_since_ns.get_or_insert(sent_ns);
        sent_ns.saturating_sub(since_ns) > MAX_OLD_NS
    }

    /// Takes what comes next in the stream. Returns whether what is left of it is told before anything else.
    #[inline(always)]
    fn follow(&mut self, change: &mut BookChange, at_ns: i64, is_new_time: bool) -> bool {
        match self.state {
            SyncState::Live { last_id } => {
                let step = (self.rules.follows)(last_id, &change.ids);
                self.advance(last_id, step, change, at_ns, is_new_time)
            }
            SyncState::Joined {
                last_id, stream_id, ..
            } => self.catch_up(last_id, stream_id, change, at_ns, is_new_time),
            SyncState::Joining { .. } => {
                self.buffer(Received::taken(change, at_ns), is_new_time);
                false
            }
        }
    }

    /// Gives the book up: numbering begins anew with this change.
    fn begin_anew(&mut self, received: Received) {
        let ids = received.change.ids;
        self.first_id = ids.first.or(ids.last);
        self.outdate_request();
        let now_ns = received.at_ns;
        self.give_up(
            InvalidReason::Restarted,
            now_ns,
            [received].into_iter().collect(),
        );
    }

    /// Takes a snapshot that came in the stream.
    fn take_streamed(&mut self, mut received: Received) {
        self.is_latest(&received.change, received.at_ns);
        self.request = SnapshotRequest::None;
        match self.begin(&mut received) {
            Ok(()) => {
                self.state = SyncState::Live {
                    last_id: received.change.ids.last.unwrap_or_default(),
                };
                self.emit_snapshot(received);
            }
            Err(reason) => self.give_up(reason, received.at_ns, Buffer::default()),
        }
    }

    /// As [`follow`](Self::follow), for a change that stands so to a book that is true up to `last_id`.
    #[inline(always)]
    fn advance(
        &mut self,
        last_id: u64,
        step: Step,
        change: &mut BookChange,
        at_ns: i64,
        is_new_time: bool,
    ) -> bool {
        let ids = change.ids;
        match step {
            // One that begins in what is known and ends behind it is applied: sizes are absolute, so
            // doing so twice makes no difference. Applied before it is looked at, since only the
            // whole change says whether prices meet. What is wrong was never emitted.
            Step::Next => {
                self.note_applied(change, at_ns);
                match self.apply(change) {
                    Ok(()) => {
                        let last_id = ids.last.unwrap_or_default();
                        self.state = SyncState::Live { last_id };
                        self.old_since_ns = None;
                        self.is_behind = false;
                        let is_next = self.actions.is_empty() && self.told.is_none();
                        if !is_next {
                            let taken = Received::taken(change, at_ns);
                            let delta = self.delta(taken.change);
                            self.emit(FeedEventKind::L2Delta(delta), at_ns);
                        }
                        self.renew_in_time(at_ns);
                        return is_next;
                    }
                    // What is left of the change is what is told. The snapshot has to hold it.
                    Err(reason) => self.give_up(reason, at_ns, Buffer::behind(ids)),
                }
            }
            Step::Old
                if self.is_restart(&ids, is_new_time)
                    || self.is_old_for_too_long(change, at_ns) =>
            {
                self.begin_anew(Received::taken(change, at_ns));
            }
            Step::Old => {}
            Step::Missing => {
                let changes = [Received::taken(change, at_ns)].into_iter().collect();
                self.give_up(gap(last_id, &ids), at_ns, changes);
            }
        }
        false
    }

    /// Makes the snapshot the book, and leaves in it what is told.
    fn begin(&mut self, snapshot: &mut Received) -> Result<(), InvalidReason> {
        let asked = self.is_requested().then_some(self.asked);
        self.book = KnownBook::new(&self.rules, self.depth);
        self.book.begin(&mut snapshot.change, asked);
        self.since_ns = snapshot.at_ns;
        self.verify(snapshot.change.checksum)
    }

    /// Makes the change part of the book, and leaves in it what is told.
    fn apply(&mut self, change: &mut BookChange) -> Result<(), InvalidReason> {
        self.book.apply(change);
        self.verify(change.checksum)
    }

    fn verify(&self, checksum: Option<u32>) -> Result<(), InvalidReason> {
        if let Some((expected, checksum)) = checksum.zip(self.rules.checksum) {
            let computed = (checksum.of)(self.book.book());
            if computed != expected {
                return Err(InvalidReason::Checksum { expected, computed });
            }
        }
        self.book.fault().map_or(Ok(()), Err)
    }

    /// Builds the book again, from `changes` on where changes wait for a snapshot.
    fn give_up(&mut self, reason: InvalidReason, now_ns: i64, changes: Buffer) {
        if reason == InvalidReason::OutOfRange {
            self.note_end(now_ns);
        }
        self.emit_invalid(reason, now_ns);
        match self.is_requested() {
            true => self.wait_with(changes),
            false => self.wait_with(Buffer::default()),
        }
        self.need_snapshot();
    }

    fn wait_with(&mut self, changes: Buffer) {
        self.state = SyncState::Joining { changes };
        self.renewal = None;
    }

    fn outdate_request(&mut self) {
        if self.request == SnapshotRequest::UnderWay {
            self.request = SnapshotRequest::Outdated;
        }
    }

    fn need_snapshot(&mut self) {
        if self.request == SnapshotRequest::None {
            self.request = SnapshotRequest::UnderWay;
            self.asked = self.depths.ask();
            let levels = self.asked;
            self.actions.push_back(BookAction::NeedSnapshot { levels });
        }
    }
}

fn gap(last_id: u64, ids: &Ids) -> InvalidReason {
    let (expected, received) = match (ids.first, ids.previous) {
        (Some(first), _) => (last_id.saturating_add(1), first),
        (None, previous) => (last_id, previous.or(ids.last).unwrap_or_default()),
    };
    InvalidReason::Gap { expected, received }
}
