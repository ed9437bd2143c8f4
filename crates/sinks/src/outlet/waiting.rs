//! What waits for one sink.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use feeds::{Backpressure, FeedEvent, FeedEventKind, InvalidReason, Symbol};

use super::OutletLimits;
use crate::books::{Book, Books};
use crate::record::Record;
use crate::sink::Records;

/// Two records take the place of those that are dropped: fewer than this are not worth it.
const FEWEST: usize = 4;

/// Records in their order.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    records: Records,
    bytes: usize,
    /// The books of which changes were dropped, until they have a snapshot.
    broken: HashMap<Book, Broken>,
    /// How many records have been dropped.
    pub(super) dropped: u64,
    /// No more will come.
    pub(super) is_closed: bool,
    /// What can be ended shall be.
    pub(super) is_to_reopen: bool,
}

/// A book that nothing is stored of until its next snapshot.
#[derive(Debug, Default)]
struct Broken {
    /// How many changes were dropped that nobody has told of.
    untold: u64,
    /// The last of them.
    last: Option<Arc<Record>>,
}

/// An event that comes to wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival<'a> {
    pub(crate) event: &'a FeedEvent,
    pub(crate) record: &'a Arc<Record>,
    /// The books after the event, if a sink may drop changes.
    pub(crate) books: Option<&'a Books>,
}

impl Waiting {
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn is_over(&self, limits: &OutletLimits) -> bool {
        // A record that is larger than everything comes alone.
        self.records.len() > limits.events || self.bytes > limits.bytes && self.records.len() > 1
    }

    /// Whether half of it is free, so that who was held up may go on.
    pub(super) fn is_half_free(&self, limits: &OutletLimits) -> bool {
        self.records.len() <= limits.events / 2 && self.bytes <= limits.bytes / 2
    }

    pub(super) fn put(
        &mut self,
        arrival: Arrival<'_>,
        backpressure: Backpressure,
        limits: &OutletLimits,
    ) {
        let drops = backpressure == Backpressure::DropBookChanges;
        if drops && !self.broken.is_empty() && self.is_void(arrival, limits) {
            return;
        }
        self.push(Arc::clone(arrival.record));
        if drops && self.is_over(limits) {
            self.drop_changes(limits);
        }
    }

    //     a change    is stored
    //     ...         the queue is full: changes_dropped {count}, book_invalid {dropped}
    //     a change    is dropped, and counted
    //     ...         half of the queue is free
    //     a change    changes_dropped {those that were counted}, l2_snapshot of the book after the change
    //     a change    is stored
    /// Whether the record is of a book that is broken, and not to be stored, or stored already in another
    /// form.
    fn is_void(&mut self, arrival: Arrival<'_>, limits: &OutletLimits) -> bool {
        let Arrival {
            event,
            record,
            books,
        } = arrival;
        let Some(symbol) = event.symbol() else {
            return false;
        };
        let book = (event.exchange.clone(), symbol.clone());
        let has_room = self.is_half_free(limits);
        let Some(broken) = self.broken.get_mut(&book) else {
            return false;
        };
        match &event.kind {
            FeedEventKind::L2Snapshot(_) => {
                self.mend(&book);
                false
            }
            FeedEventKind::L2Delta(_) => {
                let snapshot = books.filter(|_| has_room);
                match snapshot.and_then(|books| books.snapshot(event)) {
                    Some(snapshot) => {
                        self.mend(&book);
                        let snapshot = Record::of(record.run.clone(), &snapshot);
                        self.push(Arc::new(snapshot.with_claim(record.claim.clone())));
                    }
                    None => {
                        broken.untold += 1;
                        broken.last = Some(Arc::clone(record));
                        self.dropped += 1;
                    }
                }
                true
            }
            _ => false,
        }
    }

    /// Tells what was dropped of a book whose snapshot follows.
    fn mend(&mut self, book: &Book) {
        if let Some(Broken {
            untold,
            last: Some(last),
        }) = self.broken.remove(book)
        {
            let count = untold;
            let symbol = book.1.clone();
            self.push(told(&last, FeedEventKind::ChangesDropped { symbol, count }));
        }
    }

    fn push(&mut self, record: Arc<Record>) {
        self.bytes += record.line.len();
        self.records.push_back(record);
    }

    /// Moves as many as `most` records to `taken`.
    pub(super) fn take(&mut self, most: usize, taken: &mut Records) {
        for record in self.records.drain(..most.min(self.records.len())) {
            self.bytes -= record.line.len();
            taken.push_back(record);
        }
    }

    /// Drops the changes of the books that have most of them, until a quarter is free.
    fn drop_changes(&mut self, limits: &OutletLimits) {
        let chosen = self.choose(limits);
        if chosen.is_empty() {
            return;
        }
        // Of each book since its last snapshot: where it is told, and how many are dropped.
        let mut open: HashMap<Book, (usize, Arc<Record>, u64)> = HashMap::new();
        let mut left = Records::with_capacity(self.records.len());
        for record in std::mem::take(&mut self.records) {
            let book = book_of(&record).filter(|book| chosen.contains(book));
            match (book, record.name) {
                (Some(book), "l2_delta") => {
                    let symbol = book.1.clone();
                    self.dropped += 1;
                    match open.get_mut(&book) {
                        None => {
                            open.insert(book, (left.len(), Arc::clone(&record), 1));
                            // Its place; it is replaced when the number is known.
                            left.push_back(record);
                        }
                        Some((_, _, count)) => {
                            *count += 1;
                            if *count == 2 {
                                let reason = InvalidReason::Dropped;
                                left.push_back(told(
                                    &record,
                                    FeedEventKind::BookInvalid { symbol, reason },
                                ));
                            }
                        }
                    }
                }
                (Some(book), "l2_snapshot") => {
                    if let Some(closed) = open.remove(&book) {
                        tell(&mut left, &book.1, closed);
                    }
                    left.push_back(record);
                }
                _ => left.push_back(record),
            }
        }
        // Behind a snapshot that waits nothing is missing.
        for (book, closed) in open {
            tell(&mut left, &book.1, closed);
            self.broken.insert(book, Broken::default());
        }
        self.bytes = left.iter().map(|record| record.line.len()).sum();
        self.records = left;
    }

    /// The books with the most changes that wait, until those are a quarter of the queue.
    fn choose(&self, limits: &OutletLimits) -> HashSet<Book> {
        let mut waiting: HashMap<Book, (usize, usize)> = HashMap::new();
        for record in &self.records {
            if record.name == "l2_delta"
                && let Some(book) = book_of(record)
            {
                let (count, bytes) = waiting.entry(book).or_default();
                *count += 1;
                *bytes += record.line.len();
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
        let chosen = most_first.into_iter().take_while(is_too_little);
        chosen.map(|(book, _)| book).collect()
    }
}

/// Tells of the changes of a book that were dropped, in the place of the first.
fn tell(left: &mut Records, symbol: &Symbol, (place, first, count): (usize, Arc<Record>, u64)) {
    if let Some(record) = left.get_mut(place) {
        let symbol = symbol.clone();
        *record = told(&first, FeedEventKind::ChangesDropped { symbol, count });
    }
}

fn book_of(record: &Record) -> Option<Book> {
    Some((record.exchange.clone(), record.symbol.clone()?))
}

/// What takes the place of `record`, with its number and its claim.
fn told(record: &Record, kind: FeedEventKind) -> Arc<Record> {
    let event = FeedEvent {
        sequence: record.sequence,
        exchange: record.exchange.clone(),
        connection: record.connection,
        received_ns: record.received_ns,
        kind,
    };
    let told = Record::of(record.run.clone(), &event);
    Arc::new(told.with_claim(record.claim.clone()))
}
