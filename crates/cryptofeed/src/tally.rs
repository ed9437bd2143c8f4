//! Counting what feeds deliver.

use std::collections::BTreeMap;

use feeds::{ExchangeName, FeedEvent, FeedEventKind};

/// The counts of all feeds, by exchange.
pub(crate) type Tallies = BTreeMap<ExchangeName, Tally>;

/// The counts of one feed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// All events.
    pub(crate) events: u64,
    /// Those that are market data.
    pub(crate) market_data: u64,
    /// How often a book became invalid.
    pub(crate) invalid_books: u64,
    /// How often a connection was made again after it had been lost.
    pub(crate) reconnects: u64,
    open: u64,
    lost: u64,
}

impl Tally {
    /// Counts `event`.
    pub(crate) fn add(&mut self, event: &FeedEvent) {
        self.events += 1;
        match &event.kind {
            FeedEventKind::Trade(_)
            | FeedEventKind::Ticker(_)
            | FeedEventKind::L2Snapshot(_)
            | FeedEventKind::L2Delta(_) => self.market_data += 1,
            FeedEventKind::BookInvalid { .. } => self.invalid_books += 1,
            FeedEventKind::Connected { .. } => {
                self.open += 1;
                // A feed may have several connections, and its events do not tell them apart. One
                // that is made after a loss counts as its replacement.
                if self.lost > 0 {
                    self.lost -= 1;
                    self.reconnects += 1;
                }
            }
            // The first failure of a row is the loss; the others are failed retries.
            FeedEventKind::Disconnected { attempt: 1, .. } if self.open > 0 => {
                self.open -= 1;
                self.lost += 1;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn event(kind: FeedEventKind) -> FeedEvent {
        FeedEvent {
            sequence: 1,
            exchange: "binance".into(),
            connection: None,
            received_ns: 0,
            kind,
        }
    }

    fn connected() -> FeedEvent {
        event(FeedEventKind::Connected {
            proxies: vec![],
            symbols: 1,
        })
    }

    fn disconnected(attempt: u32) -> FeedEvent {
        event(FeedEventKind::Disconnected {
            reason: String::new(),
            retry_in: Duration::ZERO,
            attempt,
        })
    }

    fn reconnects(events: &[FeedEvent]) -> u64 {
        let mut tally = Tally::default();
        for event in events {
            tally.add(event);
        }
        tally.reconnects
    }

    #[test]
    fn a_lost_connection_that_is_made_again_is_one_reconnect_however_many_tries_it_took() {
        let events = [connected(), disconnected(1), disconnected(2), connected()];
        assert_eq!(reconnects(&events), 1);
    }

    #[test]
    fn first_connections_are_no_reconnects() {
        assert_eq!(reconnects(&[disconnected(1), connected(), connected()]), 0);
    }
}
