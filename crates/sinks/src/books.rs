//! The order books as they are, for sinks that have dropped changes of them.

use std::collections::HashMap;

use feeds::{ExchangeName, FeedEvent, FeedEventKind, L2Delta, L2Snapshot, OrderBook, Symbol};

/// A book of an exchange.
pub(crate) type Book = (ExchangeName, Symbol);

/// Every book, kept from the events.
#[derive(Debug, Default)]
pub(crate) struct Books(HashMap<Book, OrderBook>);

impl Books {
    /// Takes the next event of a feed.
    pub(crate) fn take(&mut self, event: &FeedEvent) {
        if let FeedEventKind::L2Snapshot(_)
        | FeedEventKind::L2Delta(_)
        | FeedEventKind::BookInvalid { .. } = &event.kind
            && let Some(symbol) = event.symbol()
        {
            let book = self.0.entry((event.exchange.clone(), symbol.clone()));
            // A change that does not follow makes the book void, which is all that counts here.
            let _ = book.or_default().apply_event(&event.kind);
        }
    }

    /// The snapshot of the book that `event`, a change of it, has made it to: it can take the place of that
    /// change. `None` if the book is void.
    pub(crate) fn snapshot(&self, event: &FeedEvent) -> Option<FeedEvent> {
        let FeedEventKind::L2Delta(L2Delta {
            symbol,
            timestamp_ns,
            ..
        }) = &event.kind
        else {
            return None;
        };
        let book = self.0.get(&(event.exchange.clone(), symbol.clone()))?;
        let snapshot = L2Snapshot {
            symbol: symbol.clone(),
            epoch: book.epoch()?,
            covers: book.covers()?,
            // The last change may have come without a checksum.
            verified_levels: None,
            last_id: book.last_id(),
            bids: book.bids().collect(),
            asks: book.asks().collect(),
            timestamp_ns: *timestamp_ns,
        };
        Some(FeedEvent {
            exchange: event.exchange.clone(),
            kind: FeedEventKind::L2Snapshot(snapshot),
            ..*event
        })
    }
}
