//! What waits in the queue.

use std::collections::vec_deque::Drain;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::task::Waker;

use super::QueueLimits;
use super::gathered::Gathered;
use super::lane::{Backpressure, Lane};
use super::size::bytes_of;
use crate::event::{FeedEvent, FeedEventKind, InvalidReason};
use crate::symbol::Symbol;

/// Two events take the place of those that are dropped: fewer than this are not worth it.
const FEWEST: usize = 4;

/// Events in their order.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    events: VecDeque<FeedEvent>,
    /// Whose they are: as many as each says come by its lane.
    runs: VecDeque<Run>,
    bytes: usize,
    /// Who waits for an event.
    pub(super) subscriber: Option<Waker>,
    /// The subscriber has gone.
    pub(super) is_closed: bool,
    /// Nobody can put anything there any more.
    pub(super) is_last: bool,
}

#[derive(Debug)]
struct Run {
    lane: Arc<Lane>,
    count: usize,
}

/// What has become of events that were to be put there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    All,
    /// Those that are left find no room.
    Full,
    /// They never will.
    Refused,
}

/// A book, by the lane that it comes by.
type Book = (*const Lane, Symbol);

impl Waiting {
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether half of it is free, so that who was held up may go on.
    pub(super) fn is_half_free(&self, limits: &QueueLimits) -> bool {
        self.events.len() <= limits.events / 2 && self.bytes <= limits.bytes / 2
    }

    /// Puts as many of the `gathered` events there as there is room for, or can be made.
    pub(super) fn put(
        &mut self,
        lane: &Arc<Lane>,
        gathered: &mut Gathered,
        limits: &QueueLimits,
    ) -> Put {
        if self.is_closed || lane.source.is_behind() {
            return Put::Refused;
        }
        if gathered.is_empty() {
            return Put::All;
        }
        if self.has_room_for_all(gathered, limits) && lane.is_whole() {
            self.bytes += gathered.bytes();
            self.note(lane, gathered.len());
            gathered.move_to(&mut self.events);
        }
        while !gathered.is_empty() {
            if let Some((event, bytes)) = gathered.pop_if(|bytes| self.has_room(bytes, limits)) {
                if !lane.is_void(&event) {
                    self.push(lane, event, bytes);
                }
                continue;
            }
            match lane.source.backpressure {
                Backpressure::DropBookChanges if self.drop_changes(limits) => {}
                Backpressure::Slow | Backpressure::DropBookChanges => return Put::Full,
                Backpressure::Stop => {
                    lane.source.end_behind();
                    return Put::Refused;
                }
            }
        }
        Put::All
    }

    fn has_room(&self, bytes: usize, limits: &QueueLimits) -> bool {
        // An event that is larger than everything comes alone.
        self.events.is_empty()
            || self.events.len() < limits.events && self.bytes.saturating_add(bytes) <= limits.bytes
    }

    fn has_room_for_all(&self, gathered: &Gathered, limits: &QueueLimits) -> bool {
        self.events.len() + gathered.len() <= limits.events
            && self.bytes.saturating_add(gathered.bytes()) <= limits.bytes
    }

    fn push(&mut self, lane: &Arc<Lane>, event: FeedEvent, bytes: usize) {
        self.bytes += bytes;
        self.events.push_back(event);
        self.note(lane, 1);
    }

    /// So many more come by this lane.
    fn note(&mut self, lane: &Arc<Lane>, count: usize) {
        match self.runs.back_mut() {
            Some(run) if Arc::ptr_eq(&run.lane, lane) => run.count += count,
            _ => self.runs.push_back(Run {
                lane: Arc::clone(lane),
                count,
            }),
        }
    }

    /// Takes as many as `most` events, and numbers them.
    pub(super) fn take(&mut self, most: usize) -> Drain<'_, FeedEvent> {
        let count = most.min(self.events.len());
        self.number(count);
        self.events.drain(..count)
    }

    /// Moves as many as `most` events behind those of `batch`, and numbers them.
    pub(super) fn move_to(&mut self, batch: &mut Vec<FeedEvent>, most: usize) {
        if !batch.is_empty() || self.events.len() > most {
            return batch.extend(self.take(most));
        }
        self.number(self.events.len());
        // One's memory for the other's, so that no event is copied.
        let free = std::mem::take(batch);
        *batch = std::mem::replace(&mut self.events, free.into()).into();
    }

    /// Numbers the first `count` events, which are about to be taken.
    fn number(&mut self, count: usize) {
        let mut events = self.events.range_mut(..count);
        let mut left = count;
        while left > 0
            && let Some(run) = self.runs.front_mut()
        {
            let of_run = run.count.min(left);
            let numbers = run.lane.next_numbers(of_run);
            for (number, event) in numbers.zip(events.by_ref().take(of_run)) {
                self.bytes -= bytes_of(&event.kind);
                event.sequence = number;
            }
            left -= of_run;
            run.count -= of_run;
            if run.count == 0 {
                self.runs.pop_front();
            }
        }
    }

    /// Drops changes until a quarter is free. Returns whether there were any to drop.
    fn drop_changes(&mut self, limits: &QueueLimits) -> bool {
        let chosen = self.choose(limits);
        if chosen.is_empty() {
            return false;
        }
        // What is dropped of each book since its last snapshot, and where that is told.
        let mut told: HashMap<Book, usize> = HashMap::new();
        let mut lanes = HashMap::new();
        let events = std::mem::take(&mut self.events);
        let mut runs = std::mem::take(&mut self.runs).into_iter();
        let mut run = runs.next();
        self.bytes = 0;
        for event in events {
            while run.as_ref().is_some_and(|run| run.count == 0) {
                run = runs.next();
            }
            let Some(Run { lane, count }) = &mut run else {
                break;
            };
            *count -= 1;
            let book = event.symbol().map(|symbol| book_of(lane, symbol));
            let book = book.filter(|book| chosen.contains_key(book));
            match (&event.kind, book) {
                (FeedEventKind::L2Delta(delta), Some(book)) => {
                    if let Some(at) = told.get(&book) {
                        self.count_one_more(*at);
                        continue;
                    }
                    lanes.insert(book.clone(), Arc::clone(lane));
                    told.insert(book, self.events.len());
                    for kind in told_of(&delta.symbol) {
                        let bytes = bytes_of(&kind);
                        let event = FeedEvent {
                            kind,
                            exchange: event.exchange.clone(),
                            ..event
                        };
                        self.push(lane, event, bytes);
                    }
                }
                (FeedEventKind::L2Snapshot(_), Some(book)) => {
                    told.remove(&book);
                    let bytes = bytes_of(&event.kind);
                    self.push(lane, event, bytes);
                }
                _ => {
                    let bytes = bytes_of(&event.kind);
                    self.push(lane, event, bytes);
                }
            }
        }
        // Behind a snapshot that waits nothing is missing.
        for book in told.into_keys() {
            if let Some(lane) = lanes.get(&book) {
                lane.broken.lock().insert(book.1);
            }
        }
        true
    }

    /// The books with the most changes that wait, until those are a quarter of the queue.
    fn choose(&self, limits: &QueueLimits) -> HashMap<Book, (usize, usize)> {
        let lanes = self
            .runs
            .iter()
            .flat_map(|run| std::iter::repeat_n(&run.lane, run.count));
        let mut waiting: HashMap<Book, (usize, usize)> = HashMap::new();
        for (event, lane) in self.events.iter().zip(lanes) {
            if let FeedEventKind::L2Delta(delta) = &event.kind
                && lane.drops()
            {
                let (count, bytes) = waiting.entry(book_of(lane, &delta.symbol)).or_default();
                *count += 1;
                *bytes += bytes_of(&event.kind);
            }
        }
        let mut most_first: Vec<_> = waiting.into_iter().collect();
        most_first.retain(|(_, (count, _))| *count >= FEWEST);
        most_first.sort_by_key(|(_, (_, bytes))| std::cmp::Reverse(*bytes));
        let (mut events, mut bytes) = (0, 0);
        let is_too_little = |(_, (count_here, bytes_here)): &(Book, (usize, usize))| {
            let is_too_little =
                events < limits.events.div_ceil(4) && bytes < limits.bytes.div_ceil(4);
            events += count_here;
            bytes += bytes_here;
            is_too_little
        };
        most_first.into_iter().take_while(is_too_little).collect()
    }

    fn count_one_more(&mut self, at: usize) {
        if let Some(FeedEvent {
            kind: FeedEventKind::ChangesDropped { count, .. },
            ..
        }) = self.events.get_mut(at)
        {
            *count += 1;
        }
    }
}

fn book_of(lane: &Arc<Lane>, symbol: &Symbol) -> Book {
    (Arc::as_ptr(lane), symbol.clone())
}

/// What takes the place of changes: of one, until there are more.
fn told_of(symbol: &Symbol) -> [FeedEventKind; 2] {
    [
        FeedEventKind::ChangesDropped {
            symbol: symbol.clone(),
            count: 1,
        },
        FeedEventKind::BookInvalid {
            symbol: symbol.clone(),
            reason: InvalidReason::Dropped,
        },
    ]
}
