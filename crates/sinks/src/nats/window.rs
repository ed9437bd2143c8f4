//! What has been sent and is not acknowledged.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::record::Record;

//     0   1   2   3   4        a number for each message
//     ok  ok  -   ok  -        those before the first that is not acknowledged are forgotten
//             ^ first
/// Messages in the order in which they were sent first.
#[derive(Debug)]
pub(super) struct Window {
    messages: VecDeque<Message>,
    /// The number of the first.
    first: u64,
    open: usize,
    most: usize,
}

#[derive(Debug)]
struct Message {
    record: Arc<Record>,
    is_stored: bool,
}

impl Window {
    /// For as many as `most` messages.
    pub(super) fn new(most: usize) -> Self {
        Self {
            messages: VecDeque::new(),
            first: 0,
            open: 0,
            most,
        }
    }

    /// How many messages are not acknowledged.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    pub(super) fn has_room(&self) -> bool {
        self.messages.len() < self.most
    }

    /// Takes a message, and gives it its number.
    pub(super) fn push(&mut self, record: Arc<Record>) -> u64 {
        let number = self.first + self.messages.len() as u64;
        self.messages.push_back(Message {
            record,
            is_stored: false,
        });
        self.open += 1;
        number
    }

    /// The message of that number, if it is not forgotten.
    pub(super) fn get(&self, number: u64) -> Option<&Record> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        Some(&self.messages.get(place)?.record)
    }

    /// The message is stored, or never will be. Returns whether that is new.
    pub(super) fn close(&mut self, number: u64) -> bool {
        let place = number.checked_sub(self.first);
        let place = place.and_then(|place| usize::try_from(place).ok());
        let message = place.and_then(|place| self.messages.get_mut(place));
        let Some(message) = message.filter(|it| !it.is_stored) else {
            return false;
        };
        message.is_stored = true;
        self.open -= 1;
        while self.messages.front().is_some_and(|it| it.is_stored) {
            self.messages.pop_front();
            self.first += 1;
        }
        true
    }

    /// Those that are not acknowledged, in the order in which they were sent first.
    pub(super) fn unacknowledged(&self) -> Vec<(u64, Arc<Record>)> {
        let numbered = (self.first..).zip(&self.messages);
        let open = numbered.filter(|(_, message)| !message.is_stored);
        open.map(|(number, message)| (number, Arc::clone(&message.record)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Identity;
    use crate::run::RunId;

    fn record(sequence: u64) -> Arc<Record> {
        Arc::new(Record {
            run: RunId::named("r"),
            claim: None,
            sequence,
            exchange: "binance".into(),
            connection: None,
            name: "notice",
            channel: None,
            symbol: None,
            received_ns: 0,
            identity: Identity::Sequence,
            line: bytes::Bytes::new(),
        })
    }

    fn open(window: &Window) -> Vec<u64> {
        let open = window.unacknowledged().into_iter();
        open.map(|(number, record)| {
            assert_eq!(number, record.sequence);
            number
        })
        .collect()
    }

    #[test]
    fn what_is_not_acknowledged_is_sent_again_in_its_order() {
        let mut window = Window::new(4);
        for sequence in 0..4 {
            assert!(window.has_room());
            assert_eq!(window.push(record(sequence)), sequence);
        }
        assert!(!window.has_room());
        assert!(window.close(1) && window.close(3));
        // An answer that comes twice, and one to what is forgotten.
        assert!(!window.close(1) && !window.close(7));
        assert!(!window.has_room());
        assert_eq!(open(&window), [0, 2]);
        assert!(window.close(0));
        assert!(window.has_room());
        assert_eq!((open(&window), window.open()), (vec![2], 1));
        assert_eq!(window.push(record(4)), 4);
        assert!(window.close(2) && window.close(4) && !window.close(0));
        assert_eq!((open(&window), window.open()), (vec![], 0));
        assert_eq!(window.push(record(5)), 5);
    }
}
