//! What a mock remembers about the connections it accepted.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

/// The most connections a ledger remembers, and the most entries of one list within a record. A
/// mock may run for weeks; the oldest are forgotten first.
const CAPACITY: usize = 10_000;

/// One record per accepted connection, in the order of acceptance.
///
/// A ledger is a view of a running mock: what happens later shows in it. It outlives the mock.
pub struct Ledger<T> {
    // A watch channel is a lock with a bell: whoever waits for a condition needs no polling.
    book: Arc<watch::Sender<Book<T>>>,
}

struct Book<T> {
    records: Vec<T>,
    forgotten: usize,
}

impl<T: Clone> Ledger<T> {
    /// All records so far, the last 10,000 if there are more.
    #[must_use]
    pub fn connections(&self) -> Vec<T> {
        self.book.borrow().records.clone()
    }

    /// Waits until `condition` holds for the records, and returns them.
    ///
    /// The condition is looked at now and after each change. There is no time limit; put a
    /// [`timeout`](tokio::time::timeout) around it.
    pub async fn wait_for(&self, mut condition: impl FnMut(&[T]) -> bool) -> Vec<T> {
        let mut changes = self.book.subscribe();
        match changes.wait_for(|book| condition(&book.records)).await {
            Ok(book) => book.records.clone(),
            // Only when the sender is gone, which `self` holds.
            Err(_) => self.connections(),
        }
    }

    /// Starts the record of a connection.
    pub(crate) fn open(&self, record: T) -> Entry<T>
    where
        T: Record,
    {
        let mut position = 0;
        self.book.send_modify(|book| {
            book.forgotten += push_bounded(&mut book.records, record);
            position = book.forgotten + book.records.len() - 1;
        });
        Entry {
            ledger: self.clone(),
            position,
        }
    }
}

impl<T> Clone for Ledger<T> {
    fn clone(&self) -> Self {
        Self {
            book: Arc::clone(&self.book),
        }
    }
}

impl<T> Default for Ledger<T> {
    fn default() -> Self {
        Self {
            book: Arc::new(watch::Sender::new(Book {
                records: Vec::new(),
                forgotten: 0,
            })),
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Ledger<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.book.borrow().records).finish()
    }
}

/// What every record can be told.
pub(crate) trait Record: Clone {
    /// The connection is over.
    fn close(&mut self);
}

/// The right to write one record. Dropping it closes the record.
#[derive(Debug)]
pub(crate) struct Entry<T: Record> {
    ledger: Ledger<T>,
    // Counted from the first record ever, so that it stays right when the oldest are forgotten.
    position: usize,
}

impl<T: Record> Entry<T> {
    pub(crate) fn update(&self, change: impl FnOnce(&mut T)) {
        self.ledger.book.send_modify(|book| {
            let index = self.position.checked_sub(book.forgotten);
            if let Some(record) = index.and_then(|index| book.records.get_mut(index)) {
                change(record);
            }
        });
    }
}

impl<T: Record> Drop for Entry<T> {
    fn drop(&mut self) {
        self.update(Record::close);
    }
}

/// Appends to a list that forgets its oldest entry when it is full. Returns how many it forgot.
pub(crate) fn push_bounded<T>(list: &mut Vec<T>, item: T) -> usize {
    let full = list.len() >= CAPACITY;
    if full {
        // Moves all others; in return, the records are a plain slice.
        list.remove(0);
    }
    list.push(item);
    usize::from(full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, PartialEq)]
    struct Visit {
        number: usize,
        closed: bool,
    }

    impl Record for Visit {
        fn close(&mut self) {
            self.closed = true;
        }
    }

    fn visit(number: usize) -> Visit {
        Visit {
            number,
            closed: false,
        }
    }

    #[tokio::test]
    async fn waiting_ends_with_the_change_that_fulfils_the_condition() {
        let ledger = Ledger::default();
        let entry = ledger.open(visit(1));
        let waiting = tokio::spawn({
            let ledger = ledger.clone();
            async move { ledger.wait_for(|visits| visits[0].closed).await }
        });
        entry.update(|visit| visit.number = 7);
        drop(entry);
        assert_eq!(
            waiting.await.unwrap(),
            [Visit {
                number: 7,
                closed: true
            }]
        );
    }

    #[test]
    fn a_full_ledger_forgets_its_oldest_records_and_updates_the_right_ones() {
        let ledger = Ledger::default();
        let first = ledger.open(visit(0));
        let entries: Vec<_> = (1..=CAPACITY).map(|n| ledger.open(visit(n))).collect();
        drop(first);
        entries[CAPACITY - 1].update(|visit| visit.number = 77);
        let visits = ledger.connections();
        assert_eq!(visits.len(), CAPACITY);
        assert_eq!(visits[0], visit(1));
        assert_eq!(visits[CAPACITY - 1], visit(77));
    }
}
