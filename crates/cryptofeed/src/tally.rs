//! Counting what feeds deliver.

use std::collections::{BTreeMap, BTreeSet};

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
    /// The connections that are open, by their numbers.
    open: BTreeSet<u64>,
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
            FeedEventKind::Connected { replaces, .. } => {
                self.open.extend(event.connection);
                if let Some(replaced) = replaces {
                    self.open.remove(replaced);
                    self.reconnects += 1;
                    return;
                }
                // A feed may have several connections. One that is made after a loss counts as its
                // replacement.
                if self.lost > 0 {
                    self.lost -= 1;
                    self.reconnects += 1;
                }
            }
            FeedEventKind::LineUp { .. } => self.open.extend(event.connection),
            FeedEventKind::LineDown { .. } => {
                if let Some(connection) = &event.connection {
                    self.open.remove(connection);
                }
            }
            // A failed retry has the number of the connection before, which is not open any more. The
            // attempt does not tell: a connection that lasts for seconds counts on.
            FeedEventKind::Disconnected { .. } => {
                let connection = event.connection.as_ref();
                if connection.is_some_and(|connection| self.open.remove(connection)) {
                    self.lost += 1;
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn event(connection: Option<u64>, kind: FeedEventKind) -> FeedEvent {
        FeedEvent {
            sequence: 1,
            exchange: "binance".into(),
            connection,
            received_ns: 0,
            kind,
        }
    }

    fn connected(connection: u64) -> FeedEvent {
        let kind = FeedEventKind::Connected {
            proxies: vec![],
            symbols: 1,
            replaces: None,
        };
        event(Some(connection), kind)
    }

    fn disconnected(connection: Option<u64>, attempt: u32) -> FeedEvent {
        let kind = FeedEventKind::Disconnected {
            reason: String::new(),
            retry_in: Duration::ZERO,
            attempt,
            planned: false,
        };
        event(connection, kind)
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
        let events = [
            connected(1),
            disconnected(Some(1), 1),
            disconnected(Some(1), 2),
            connected(2),
        ];
        assert_eq!(reconnects(&events), 1);
    }

    #[test]
    fn every_loss_counts_also_of_connections_that_last_for_seconds() {
        let events = [
            connected(1),
            disconnected(Some(1), 1),
            connected(2),
            disconnected(Some(2), 2),
            connected(3),
            disconnected(Some(3), 3),
            connected(4),
        ];
        assert_eq!(reconnects(&events), 3);
    }

    #[test]
    fn first_connections_are_no_reconnects() {
        let events = [disconnected(None, 1), connected(1), connected(2)];
        assert_eq!(reconnects(&events), 0);
    }
}
