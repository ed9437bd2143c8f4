//! The order books of one connection, and the snapshots that they need.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, Stream, StreamExt};
use tokio::time::Instant;

use super::HEALTHY_AFTER;
use super::backoff::Backoff;
use super::convert::snapshot_event;
use super::event_sender::{EventSender, Stopped, now_ns};
use super::failure::Failure;
use super::rest::Rest;
use super::wait::wait;
use crate::event::{FeedEvent, L2Delta, L2Snapshot};
use crate::exchange::Exchange;
use crate::instruments::Instrument;
use crate::symbol::Symbol;
use crate::sync::{BookAction, BookSync};

/// A snapshot that arrived, or did not.
pub(super) struct Fetched {
    symbol: Symbol,
    outcome: Result<L2Snapshot, Failure>,
}

/// Keeps the books of several symbols in step with their exchange.
pub(super) struct Books {
    exchange: Arc<dyn Exchange>,
    rest: Arc<Rest>,
    events: EventSender,
    books: HashMap<Symbol, Book>,
    fetches: FuturesUnordered<BoxFuture<'static, Fetched>>,
}

//     sync wants a snapshot --> wait --> fetch --arrived--> sync
//                                ^         |
//                                +--failed-+--> SnapshotFailed
//
// At most one for each book, as `BookSync` asks for no second one. The waiting and fetching is done
// in the session's task: when that is dropped, or its connection ends, so are the fetches.
struct Book {
    instrument: Instrument,
    sync: BookSync,
    backoff: Backoff,
    asked_at: Option<Instant>,
}

impl Book {
    /// How long to wait before the next snapshot is fetched: nothing, unless the one before is
    /// recent, which means that it did not help for long.
    fn delay(&mut self) -> Duration {
        // A book that becomes invalid again and again, as on an exchange that sends nonsense, must
        // not use up what REST allows.
        let is_recent = |asked_at: Instant| asked_at.elapsed() < HEALTHY_AFTER;
        if self.asked_at.is_some_and(is_recent) {
            return self.backoff.growing();
        }
        self.backoff.reset();
        Duration::ZERO
    }
}

impl Books {
    /// The books of `instruments`, of which nothing is known yet.
    pub(super) fn new<'a>(
        exchange: Arc<dyn Exchange>,
        rest: Arc<Rest>,
        events: EventSender,
        instruments: impl IntoIterator<Item = &'a Instrument>,
    ) -> Self {
        let book = |instrument: &Instrument| {
            let symbol = instrument.symbol().clone();
            let book = Book {
                instrument: instrument.clone(),
                sync: BookSync::new(exchange.id(), symbol.clone()),
                backoff: Backoff::new(),
                asked_at: None,
            };
            (symbol, book)
        };
        let books = instruments.into_iter().map(book).collect();
        Self {
            exchange,
            rest,
            events,
            books,
            fetches: FuturesUnordered::new(),
        }
    }

    /// Takes a delta of the stream.
    pub(super) async fn update(&mut self, delta: L2Delta) -> Result<(), Stopped> {
        let symbol = delta.symbol.clone();
        if let Some(book) = self.books.get_mut(&symbol) {
            book.sync.update(delta);
        }
        self.act(&symbol).await
    }

    /// Takes a snapshot that arrived, or fetches it again.
    pub(super) async fn fetched(&mut self, fetched: Fetched) -> Result<(), Stopped> {
        let Fetched { symbol, outcome } = fetched;
        let Some(book) = self.books.get_mut(&symbol) else {
            return Ok(());
        };
        match outcome {
            Ok(snapshot) => {
                book.sync.snapshot(snapshot);
                self.act(&symbol).await
            }
            Err(failure) => {
                let retry_in = book.backoff.delay_after(&failure);
                self.fetch(&symbol, retry_in, failure.imposed());
                self.events
                    .send(FeedEvent::SnapshotFailed {
                        exchange: self.exchange.id(),
                        symbol,
                        reason: failure.reason,
                        retry_in,
                        received_ns: now_ns(),
                    })
                    .await
            }
        }
    }

    /// Forgets everything: the connection has ended.
    pub(super) async fn restart(&mut self) -> Result<(), Stopped> {
        // A snapshot from before the next stream may be too old for it. It would be found out, but
        // asked for twice.
        self.fetches.clear();
        let symbols: Vec<_> = self.books.keys().cloned().collect();
        for symbol in symbols {
            if let Some(book) = self.books.get_mut(&symbol) {
                book.sync.restart(now_ns());
                // With the next connection, the first snapshot of a book is due at once.
                book.asked_at = None;
            }
            self.act(&symbol).await?;
        }
        Ok(())
    }

    /// Does what the book of `symbol` wants done.
    async fn act(&mut self, symbol: &Symbol) -> Result<(), Stopped> {
        // Looked up each time around: sending awaits, and fetching needs all of `self`.
        while let Some(book) = self.books.get_mut(symbol) {
            match book.sync.next_action() {
                Some(BookAction::Emit(event)) => self.events.send(event).await?,
                Some(BookAction::NeedSnapshot) => {
                    let delay = book.delay();
                    self.fetch(symbol, delay, Duration::ZERO);
                }
                None => break,
            }
        }
        Ok(())
    }

    /// Fetches a snapshot after `delay`, of which the exchange asked for `imposed`.
    fn fetch(&mut self, symbol: &Symbol, delay: Duration, imposed: Duration) {
        let Some(book) = self.books.get_mut(symbol) else {
            return;
        };
        // When it will be sent, not when it was wanted: a long delay is not "recent" by itself.
        book.asked_at = Some(Instant::now() + delay);
        let instrument = book.instrument.clone();
        let (exchange, rest) = (Arc::clone(&self.exchange), Arc::clone(&self.rest));
        let mut reloads = self.rest.reloads();
        let fetch = async move {
            wait(delay, imposed, &mut reloads).await;
            Fetched {
                symbol: instrument.symbol().clone(),
                outcome: fetch_snapshot(&*exchange, &rest, &instrument).await,
            }
        };
        self.fetches.push(fetch.boxed());
    }
}

/// The snapshots, as they arrive.
impl Stream for Books {
    type Item = Fetched;

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Fetched>> {
        self.fetches.poll_next_unpin(cx)
    }
}

async fn fetch_snapshot(
    exchange: &dyn Exchange,
    rest: &Rest,
    instrument: &Instrument,
) -> Result<L2Snapshot, Failure> {
    let Some(request) = exchange.snapshot_request(instrument)? else {
        return Err(Failure::new("the exchange has no request for a snapshot"));
    };
    let read = |body: &[u8]| exchange.parse_snapshot(instrument.symbol(), body);
    let snapshot = rest.fetch(request, read).await?;
    Ok(snapshot_event(exchange.id(), snapshot, now_ns()))
}
