//! The order books of one connection, and the snapshots that they need.

mod due;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

pub(super) use self::due::{Due, Order};
use self::due::{What, later};
use super::HEALTHY_AFTER;
use super::backoff::Backoff;
use super::event_sender::{EventSender, Stopped};
use super::permits::Deadline;
use super::rest::Rest;
use crate::event::{FeedEventKind, InvalidReason, L2Snapshot};
use crate::exchange::{
    Acknowledgement, Activity, BestPrices, BookChange, BookContent, Exchange, Renewal,
};
use crate::instruments::Instrument;
use crate::queue::JoiningShare;
use crate::symbol::{Symbol, SymbolMap};
use crate::sync::{BookAction, BookSync};

/// How long an exchange that does not acknowledge a subscription is taken to need for it, unless a change
/// comes earlier.
// A snapshot from before would lack what changed in between, and in a quiet market nothing would show it.
const UNACKNOWLEDGED: Duration = Duration::from_secs(1);

/// Keeps the books of several symbols in step with their exchange.
pub(super) struct Books {
    exchange: Arc<dyn Exchange>,
    rest: Arc<Rest>,
    events: EventSender,
    /// How many levels of a side are told.
    depth: Option<usize>,
    books: SymbolMap<Book>,
    /// How many books there have been, each one that began with nothing.
    count: u64,
    is_replay: bool,
    /// What is due at its time.
    pub(super) dues: FuturesUnordered<BoxFuture<'static, Due>>,
    /// What is due because nothing came in time. What has come and is not read yet counts before it.
    pub(super) silences: FuturesUnordered<BoxFuture<'static, Due>>,
}

// What follows when a book wants a snapshot, after the delay of the book:
//
//     snapshots                what is done             and then
//     are requested            a request                to the book; or SnapshotFailed, and again
//     come in the stream       unsubscribe, subscribe   it comes in time; or SnapshotFailed, and again
//     come with a connection   the connection ends      the next one begins with it
//
// At most one for each book, as `BookSync` asks for no second one. The waiting and fetching is done
// in the session's task: when that is dropped, or its connection ends, so is what is due.
struct Book {
    number: u64,
    instrument: Instrument,
    sync: BookSync,
    /// The memory of its changes that wait for a snapshot.
    joining: JoiningShare,
    backoff: Backoff,
    /// How many levels a snapshot shall have.
    levels: usize,
    asked_at: Option<Instant>,
    /// When the snapshot that was asked for should be there: before the book is void, or by now.
    deadline: Deadline,
    /// How many snapshots were asked for soon after the one before.
    in_a_row: u32,
    /// How often it has been asked for in the stream.
    asked: u64,
    /// The exchange has declined to send its changes.
    is_declined: bool,
    /// Whether a snapshot has come in the stream of this connection.
    is_brought: bool,
    /// When something came in its stream.
    heard_at: Instant,
    /// Its stream is silent without a reason: a snapshot would not change.
    is_silenced: bool,
    /// A snapshot is wanted as soon as that is over.
    is_deferred: bool,
}

impl Book {
    fn due(&self, what: What) -> Due {
        Due::OfBook {
            symbol: self.instrument.symbol().clone(),
            number: self.number,
            what,
        }
    }

    /// Whether nothing is to be done, and no change waits for a snapshot.
    fn is_settled(&self) -> bool {
        !self.sync.has_actions() && self.sync.waiting_bytes() == 0
    }

    /// How long to wait before the next snapshot, of so many levels, is fetched.
    fn delay(&mut self, levels: usize) -> Duration {
        // A book that becomes invalid again and again, as on an exchange that sends nonsense, must not use
        // up what REST allows. Once is no reason to wait, and a deeper one than before will last.
        let is_deeper = levels > std::mem::replace(&mut self.levels, levels);
        let is_recent = |asked_at: Instant| asked_at.elapsed() < HEALTHY_AFTER;
        if !self.asked_at.is_some_and(is_recent) {
            self.backoff.reset();
            self.in_a_row = 0;
            return Duration::ZERO;
        }
        self.in_a_row += 1;
        match is_deeper || self.in_a_row == 1 {
            true => Duration::ZERO,
            false => self.backoff.growing(),
        }
    }
}

impl Books {
    /// The books of `instruments`, of which nothing is known yet. Of each, the best `depth` levels are told;
    /// all that are known without it.
    pub(super) fn new<'a>(
        exchange: Arc<dyn Exchange>,
        rest: Arc<Rest>,
        events: EventSender,
        instruments: impl IntoIterator<Item = &'a Instrument>,
        depth: Option<usize>,
    ) -> Self {
        let mut books = Self {
            exchange,
            rest,
            events,
            depth,
            books: SymbolMap::default(),
            count: 0,
            is_replay: false,
            dues: FuturesUnordered::new(),
            silences: FuturesUnordered::new(),
        };
        for instrument in instruments {
            books.add(instrument, false);
        }
        books.await_drops();
        books
    }

    /// Adds the book of `instrument`, also while a connection is open.
    pub(super) fn add(&mut self, instrument: &Instrument, is_open: bool) {
        let symbol = instrument.symbol().clone();
        self.count += 1;
        let book = Book {
            number: self.count,
            instrument: instrument.clone(),
            sync: BookSync::new(symbol.clone(), &self.exchange.rules().books, self.depth)
                .sharing(self.rest.allowance().clone()),
            joining: self.events.queue().joining_share(),
            backoff: Backoff::new(),
            levels: 0,
            asked_at: None,
            deadline: Deadline::now(),
            in_a_row: 0,
            asked: 0,
            is_declined: false,
            is_brought: false,
            heard_at: Instant::now(),
            is_silenced: false,
            is_deferred: false,
        };
        self.books.insert(symbol.clone(), book);
        if is_open {
            self.await_life(&symbol);
        }
    }

    /// Gives the book of `symbol` up, which is not subscribed to any longer.
    pub(super) async fn remove(&mut self, symbol: &Symbol) -> Result<(), Stopped> {
        let Some(mut book) = self.books.remove(symbol) else {
            return Ok(());
        };
        book.sync
            .invalidate(InvalidReason::Unsubscribed, self.events.now_ns());
        while let Some(action) = book.sync.next_action() {
            if let BookAction::Emit(event, at_ns) = action {
                self.events.send(event, at_ns).await?;
            }
        }
        Ok(())
    }

    /// The instrument of the book of `symbol`.
    pub(super) fn instrument(&self, symbol: &Symbol) -> Option<&Instrument> {
        self.books.get(symbol).map(|book| &book.instrument)
    }

    /// Takes what comes in the stream.
    #[inline]
    pub(super) fn update(&mut self, mut change: BookChange, received_ns: i64) {
        let rules = &self.exchange.rules().books;
        let Some(book) = self.books.get_mut(&change.symbol) else {
            return;
        };
        // Nobody else wants to know, and looking at the clock takes as long as reading a number.
        if rules.quiet.is_some() {
            book.heard_at = Instant::now();
        }
        book.is_silenced = false;
        book.is_brought |= change.content == BookContent::Snapshot;
        // A snapshot of the stream that is no news has all that is behind it put into it first.
        if self.is_replay && rules.is_streamed() {
            return book.sync.update(change, received_ns);
        }
        let is_next = book.sync.take_next(&mut change, received_ns);
        let is_deferred = std::mem::replace(&mut book.is_deferred, false);
        let is_all = is_next && book.is_settled();
        let symbol = (is_deferred || !is_all).then(|| book.instrument.symbol().clone());
        if is_next {
            let delta = FeedEventKind::L2Delta(book.sync.delta(change));
            self.events.gather(delta, received_ns);
        }
        if let Some(symbol) = symbol {
            if is_deferred {
                self.renew(&symbol, Duration::ZERO, Duration::ZERO);
            }
            self.carry_out(&symbol);
        }
    }

    /// Takes what comes in the stream, and tells nothing. Returns whether a book that was true still is.
    pub(super) fn check(&mut self, change: BookChange, received_ns: i64) -> bool {
        let Some(book) = self.books.get_mut(&change.symbol) else {
            return true;
        };
        book.heard_at = Instant::now();
        book.is_brought |= change.content == BookContent::Snapshot;
        let was_true = book.sync.book().is_some();
        book.sync.update(change, received_ns);
        !was_true || book.sync.book().is_some()
    }

    /// Has `next`, the book of another connection, go on in place of that of `symbol`. An event would say of it
    /// what `snapshot` has.
    pub(super) async fn replace(
        &mut self,
        symbol: &Symbol,
        mut next: BookSync,
        snapshot: L2Snapshot,
    ) -> Result<(), Stopped> {
        let now_ns = self.events.now_ns();
        if let Some(book) = self.books.get_mut(symbol) {
            next.take_over(&book.sync, snapshot, now_ns);
            book.sync = next;
            book.is_brought = true;
            book.heard_at = Instant::now();
        }
        self.act(symbol).await
    }

    /// The best prices of a book that is true.
    pub(super) fn best(&self, symbol: &Symbol) -> Option<Activity> {
        let (book, _) = self.books.get(symbol)?.sync.book()?;
        let best = BestPrices {
            bid: book.best_bid().map(|level| level.price),
            ask: book.best_ask().map(|level| level.price),
        };
        Some(Activity {
            best: Some(best),
            ..Activity::default()
        })
    }

    /// The stream of `symbol` is silent although it should not be: its book is void. A snapshot that is
    /// requested waits until the stream speaks again.
    pub(super) async fn silenced(&mut self, symbol: &Symbol) -> Result<(), Stopped> {
        let is_requested = matches!(self.exchange.rules().books.renewal, Renewal::Request { .. });
        if let Some(book) = self.books.get_mut(symbol) {
            book.is_silenced = is_requested;
            book.sync
                .invalidate(InvalidReason::Silent, self.events.now_ns());
        }
        self.act(symbol).await
    }

    /// Forgets the older half of the changes of a book that wait for its snapshot.
    fn forget_waiting(&mut self, symbol: &Symbol) {
        let Some(book) = self.books.get_mut(symbol) else {
            return;
        };
        let count = book.sync.forget_waiting();
        book.joining.resize(book.sync.waiting_bytes());
        let most = self.events.queue().joining_bytes();
        let forgotten = FeedEventKind::SnapshotFailed {
            symbol: symbol.clone(),
            reason: format!(
                "the oldest {count} changes that waited for it are forgotten: all that wait may take {most} bytes"
            ),
            retry_in: Duration::ZERO,
        };
        self.events.gather(forgotten, self.events.now_ns());
    }

    /// The book of `symbol` has been asked for: a change or a snapshot should come. It has been subscribed
    /// to when the exchange says so, if it `is_acknowledged`.
    pub(super) fn asked(&mut self, symbol: &Symbol, is_acknowledged: bool) {
        let Some(book) = self.books.get_mut(symbol) else {
            return;
        };
        book.asked += 1;
        match self.exchange.rules().books.renewal {
            Renewal::Request { .. } => {
                book.is_declined = false;
                let after = match self.exchange.rules().acknowledgement {
                    Acknowledgement::Never => UNACKNOWLEDGED,
                    _ if is_acknowledged => return,
                    Acknowledgement::PerRequest | Acknowledgement::PerStream => Duration::ZERO,
                };
                let due = book.due(What::Subscription);
                self.dues.push(later(after, due));
            }
            Renewal::Resubscribe { within } | Renewal::Reconnect { within } => {
                let due = book.due(What::Snapshot(book.asked));
                self.silences.push(later(within, due));
            }
        }
    }

    /// The exchange has subscribed to the book of `symbol`, or has declined that. A book that is not subscribed
    /// to and whose snapshot is requested would never change.
    pub(super) fn answered(&mut self, symbol: &Symbol, is_declined: bool) {
        if let (Renewal::Request { .. }, Some(book)) = (
            self.exchange.rules().books.renewal,
            self.books.get_mut(symbol),
        ) {
            book.is_declined = is_declined;
            let due = book.due(What::Subscription);
            self.dues.push(later(Duration::ZERO, due));
        }
    }

    /// A connection begins: where the exchange promises signs of life, they are awaited.
    pub(super) fn begin_connection(&mut self) {
        self.silences.clear();
        let symbols: Vec<_> = self.books.keys().cloned().collect();
        for symbol in symbols {
            if let Some(book) = self.books.get_mut(&symbol) {
                book.is_brought = false;
            }
            self.await_life(&symbol);
        }
    }

    fn await_life(&self, symbol: &Symbol) {
        if let (Some(quiet), Some(book)) =
            (self.exchange.rules().books.quiet, self.books.get(symbol))
        {
            self.silences.push(later(quiet, book.due(What::SignOfLife)));
        }
    }

    /// Has it told when changes are dropped on their way to the subscriber.
    fn await_drops(&self) {
        let events = self.events.clone();
        let dropped = async move { Due::Dropped(events.broken().await) };
        self.dues.push(dropped.boxed());
    }

    /// Begins books anew whose subscriber has been told that they are invalid.
    async fn begin_anew(&mut self, symbols: Vec<Symbol>) -> Result<(), Stopped> {
        for symbol in symbols {
            if let Some(book) = self.books.get_mut(&symbol) {
                book.sync.give_up_silently();
            }
            self.act(&symbol).await?;
        }
        Ok(())
    }

    /// What comes now comes from another connection, which takes over: what is known of it is no news.
    pub(super) fn begin_replay(&mut self) {
        self.is_replay = true;
        for book in self.books.values_mut() {
            book.sync.begin_replay();
        }
    }

    /// The other connection has taken over.
    pub(super) async fn end_replay(&mut self) -> Result<(), Stopped> {
        self.is_replay = false;
        let symbols: Vec<_> = self.books.keys().cloned().collect();
        for symbol in symbols {
            if let Some(book) = self.books.get_mut(&symbol) {
                book.sync.end_replay();
            }
            self.act(&symbol).await?;
        }
        Ok(())
    }

    /// Voids a book that has been silent for too long.
    async fn check_life(&mut self, symbol: Symbol) -> Result<(), Stopped> {
        let rules = self.exchange.rules();
        let (Some(quiet), Some(book)) = (rules.books.quiet, self.books.get_mut(&symbol)) else {
            return Ok(());
        };
        let left = quiet.saturating_sub(book.heard_at.elapsed());
        if left.is_zero() && book.sync.book().is_some() {
            let now_ns = self.events.now_ns();
            book.sync.invalidate(InvalidReason::Silent, now_ns);
            self.act(&symbol).await?;
        }
        let left = if left.is_zero() { quiet } else { left };
        if let Some(book) = self.books.get(&symbol) {
            self.silences.push(later(left, book.due(What::SignOfLife)));
        }
        Ok(())
    }

    /// Messages are missing that only concern books, or cannot be told apart: what nothing else would
    /// show. With `only_unnumbered`, books with ids are left alone: their next change shows it.
    pub(super) async fn note_loss(
        &mut self,
        only_unnumbered: bool,
        received_ns: i64,
    ) -> Result<(), Stopped> {
        if only_unnumbered && !self.exchange.rules().books.is_unnumbered() {
            return Ok(());
        }
        let symbols: Vec<_> = self.books.keys().cloned().collect();
        for symbol in symbols {
            if let Some(book) = self.books.get_mut(&symbol) {
                book.sync.invalidate(InvalidReason::Missed, received_ns);
            }
            self.act(&symbol).await?;
        }
        Ok(())
    }

    /// Forgets everything: the connection has ended.
    pub(super) async fn restart(&mut self) -> Result<(), Stopped> {
        // A snapshot from before the next stream may be too old for it. It would be found out, but
        // asked for twice.
        self.dues.clear();
        self.await_drops();
        self.silences.clear();
        let symbols: Vec<_> = self.books.keys().cloned().collect();
        for symbol in symbols {
            self.lose(&symbol).await?;
        }
        Ok(())
    }

    /// Forgets the book of `symbol`, which is on no connection until it is asked for.
    pub(super) async fn lose(&mut self, symbol: &Symbol) -> Result<(), Stopped> {
        self.count += 1;
        if let Some(book) = self.books.get_mut(symbol) {
            book.number = self.count;
            book.sync.restart(self.events.now_ns());
            // With the next connection, the first snapshot of a book is due at once.
            book.asked_at = None;
            (book.is_silenced, book.is_deferred) = (false, false);
        }
        self.act(symbol).await
    }

    /// Does what the book of `symbol` wants done, and hands over what it tells.
    async fn act(&mut self, symbol: &Symbol) -> Result<(), Stopped> {
        self.carry_out(symbol);
        self.events.hand_over_due().await
    }

    /// Does what the book of `symbol` wants done.
    pub(super) fn carry_out(&mut self, symbol: &Symbol) {
        // Looked up each time around: fetching needs all of `self`.
        while let Some(book) = self.books.get_mut(symbol) {
            if book.sync.book().is_none() {
                book.deadline.hasten();
            }
            match book.sync.next_action() {
                Some(BookAction::Emit(event, at_ns)) => self.events.gather(event, at_ns),
                Some(BookAction::NeedSnapshot { .. }) if book.is_declined => {}
                Some(BookAction::NeedSnapshot { levels }) if book.is_silenced => {
                    (book.levels, book.is_deferred) = (levels, true);
                }
                Some(BookAction::NeedSnapshot { levels }) => {
                    let delay = book.delay(levels);
                    self.renew(symbol, delay, Duration::ZERO);
                }
                None if book.joining.resize(book.sync.waiting_bytes()) => {
                    return self.forget_waiting(symbol);
                }
                None => break,
            }
        }
    }
}
