//! The books of a second connection, where each connection begins with snapshots of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::event::{FeedEventKind, InvalidReason, L2Snapshot};
use crate::exchange::{BookChange, Exchange};
use crate::symbol::{Symbol, SymbolMap};
use crate::sync::{BookAction, BookSync};

/// How long after a book of the second connection was asked for again that may be repeated.
const RENEWAL: Duration = Duration::from_secs(10);

/// Books that nobody is told of, ready to go on in place of those that are told.
pub(super) struct Standby {
    exchange: Arc<dyn Exchange>,
    depth: Option<usize>,
    books: SymbolMap<Ready>,
}

/// A book, and what an event would say of it beside its levels.
struct Ready {
    sync: BookSync,
    snapshot: Option<L2Snapshot>,
    renewed_at: Option<Instant>,
    /// No snapshot has come since it was wanted.
    is_wanting: bool,
}

impl Standby {
    /// No books.
    pub(super) fn new(exchange: Arc<dyn Exchange>, depth: Option<usize>) -> Self {
        Self {
            exchange,
            depth,
            books: SymbolMap::default(),
        }
    }

    /// Forgets all of them: their connection has ended.
    pub(super) fn clear(&mut self) {
        self.books.clear();
    }

    /// Forgets the book of `symbol`, which is not subscribed to any longer.
    pub(super) fn forget(&mut self, symbol: &Symbol) {
        self.books.remove(symbol);
    }

    /// Whether the book of `symbol` is true.
    pub(super) fn is_true(&self, symbol: &Symbol) -> bool {
        let ready = self.books.get(symbol);
        ready.is_some_and(|ready| ready.sync.book().is_some())
    }

    /// Takes what comes in the stream. Returns whether the book has to be asked for again.
    pub(super) fn update(&mut self, change: BookChange, now_ns: i64) -> bool {
        let symbol = &change.symbol;
        let ready = self.books.get_or_insert_with(symbol, || Ready {
            sync: BookSync::new(symbol.clone(), &self.exchange.rules().books, self.depth),
            snapshot: None,
            renewed_at: None,
            is_wanting: false,
        });
        ready.sync.update(change, now_ns);
        ready.act();
        ready.is_renewal_due()
    }

    /// Messages of the connection are missing: no book on it is true.
    pub(super) fn note_loss(&mut self, now_ns: i64) {
        for ready in self.books.values_mut() {
            ready.sync.invalidate(InvalidReason::Missed, now_ns);
            ready.act();
        }
    }

    /// The book of `symbol`, if it is true.
    pub(super) fn take(&mut self, symbol: &Symbol) -> Option<(BookSync, L2Snapshot)> {
        let Ready { sync, snapshot, .. } = self.books.remove(symbol)?;
        sync.book()?;
        Some((sync, snapshot?))
    }
}

impl Ready {
    fn act(&mut self) {
        while let Some(action) = self.sync.next_action() {
            match action {
                BookAction::Emit(FeedEventKind::L2Snapshot(snapshot), _) => {
                    self.is_wanting = false;
                    self.snapshot = Some(L2Snapshot {
                        bids: Vec::new(),
                        asks: Vec::new(),
                        ..snapshot
                    });
                }
                BookAction::Emit(FeedEventKind::L2Delta(delta), _) => {
                    if let Some(snapshot) = &mut self.snapshot {
                        snapshot.last_id = delta.last_id;
                        snapshot.timestamp_ns = delta.timestamp_ns;
                    }
                }
                BookAction::Emit(..) => self.snapshot = None,
                BookAction::NeedSnapshot { .. } => self.is_wanting = true,
            }
        }
    }

    /// Whether it is to be asked for again now.
    // Not in a loop: a book may be wrong again and again.
    fn is_renewal_due(&mut self) -> bool {
        let is_early = |at: Instant| at.elapsed() < RENEWAL;
        if !self.is_wanting || self.renewed_at.is_some_and(is_early) {
            return false;
        }
        self.renewed_at = Some(Instant::now());
        true
    }
}
