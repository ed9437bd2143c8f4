//! What is due for books at its time, and what follows from it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use tokio::time::{Instant, sleep};

use crate::event::{FeedEventKind, InvalidReason};
use crate::exchange::{BookChange, Exchange, Renewal};
use crate::feed::event_sender::Stopped;
use crate::feed::failure::Failure;
use crate::feed::permits::Deadline;
use crate::feed::rest::Rest;
use crate::feed::wait::wait;
use crate::instruments::Instrument;
use crate::symbol::Symbol;

use super::Books;

/// What is due for a book.
pub(in crate::feed) enum Due {
    OfBook {
        symbol: Symbol,
        /// The number of the book. What was due for one before it is no news.
        number: u64,
        what: What,
    },
    /// Changes of books were dropped, and there is room for snapshots.
    Dropped(Vec<Symbol>),
}

pub(in crate::feed) enum What {
    /// A snapshot arrived, or did not.
    Fetched(Result<BookChange, Failure>),
    /// A new snapshot shall be asked for in the stream.
    Renewal,
    /// The snapshot that was asked for in the stream, as the request of this number, should be there.
    Snapshot(u64),
    /// A book whose snapshot is requested has been subscribed to, or its subscription was declined.
    Subscription,
    /// The book should have changed, or shown a sign of life.
    SignOfLife,
}

/// What the connection has to do for a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::feed) enum Order {
    /// Unsubscribe from its stream and subscribe again.
    Resubscribe,
    /// End.
    Reconnect,
}

impl Books {
    /// Takes what is due, and tells what the connection has to do for it.
    pub(in crate::feed) async fn take_due(
        &mut self,
        due: Due,
    ) -> Result<Option<(Symbol, Order)>, Stopped> {
        let (symbol, number, what) = match due {
            Due::OfBook {
                symbol,
                number,
                what,
            } => (symbol, number, what),
            Due::Dropped(symbols) => {
                self.begin_anew(symbols).await?;
                self.await_drops();
                return Ok(None);
            }
        };
        let Some(book) = self
            .books
            .get_mut(&symbol)
            .filter(|book| book.number == number)
        else {
            return Ok(None);
        };
        match what {
            What::Fetched(outcome) => {
                self.fetched(symbol, outcome).await?;
                Ok(None)
            }
            What::Renewal => {
                if book.sync.book().is_some() {
                    return Ok(None);
                }
                let order = match self.exchange.rules().books.renewal {
                    Renewal::Reconnect { .. } => Order::Reconnect,
                    _ => Order::Resubscribe,
                };
                Ok(Some((symbol, order)))
            }
            What::Subscription => {
                match book.is_declined {
                    true => {
                        let now_ns = self.events.now_ns();
                        book.sync.invalidate(InvalidReason::Unsubscribed, now_ns);
                    }
                    false => book.sync.note_subscribed(),
                }
                self.act(&symbol).await?;
                Ok(None)
            }
            What::SignOfLife => {
                self.check_life(symbol).await?;
                Ok(None)
            }
            What::Snapshot(asked) => {
                let is_true = book.sync.book().is_some();
                if book.asked != asked || is_true && book.is_brought {
                    return Ok(None);
                }
                // What is known is from the connection before.
                if is_true {
                    let now_ns = self.events.now_ns();
                    book.sync.invalidate(InvalidReason::Silent, now_ns);
                    self.act(&symbol).await?;
                    return Ok(None);
                }
                let late = Failure::new("no snapshot came in the stream");
                let retry_in = book.backoff.delay_after(&late);
                self.renew(&symbol, retry_in, Duration::ZERO);
                self.tell_failure(symbol, late, retry_in).await?;
                Ok(None)
            }
        }
    }

    /// Takes a snapshot that arrived, or fetches it again.
    async fn fetched(
        &mut self,
        symbol: Symbol,
        outcome: Result<BookChange, Failure>,
    ) -> Result<(), Stopped> {
        let Some(book) = self.books.get_mut(&symbol) else {
            return Ok(());
        };
        match outcome {
            _ if book.is_declined => Ok(()),
            Ok(snapshot) => {
                book.sync.snapshot(snapshot, self.events.now_ns());
                self.act(&symbol).await
            }
            Err(failure) => {
                let retry_in = book.backoff.delay_after(&failure);
                self.events.send_blocked(&failure).await?;
                self.renew(&symbol, retry_in, failure.imposed());
                self.tell_failure(symbol, failure, retry_in).await
            }
        }
    }

    async fn tell_failure(
        &mut self,
        symbol: Symbol,
        failure: Failure,
        retry_in: Duration,
    ) -> Result<(), Stopped> {
        let failed = FeedEventKind::SnapshotFailed {
            symbol,
            reason: failure.reason,
            retry_in,
        };
        self.events.send_now(failed).await
    }

    /// Gets a snapshot after `delay`, of which the exchange asked for `imposed`.
    pub(super) fn renew(&mut self, symbol: &Symbol, delay: Duration, imposed: Duration) {
        let Some(book) = self.books.get_mut(symbol) else {
            return;
        };
        // When it will be sent, not when it was wanted: a long delay is not "recent" by itself.
        book.asked_at = Some(Instant::now() + delay);
        book.deadline = Deadline::after(book.sync.time_left(self.events.now_ns()));
        let deadline = book.deadline.clone();
        let (instrument, levels) = (book.instrument.clone(), book.levels);
        let number = book.number;
        let (exchange, rest) = (Arc::clone(&self.exchange), Arc::clone(&self.rest));
        let mut reloads = self.rest.reloads();
        let is_requested = matches!(exchange.rules().books.renewal, Renewal::Request { .. });
        let renewal = async move {
            wait(delay, imposed, &mut reloads).await;
            let what = match is_requested {
                true => What::Fetched(
                    fetch_snapshot(&*exchange, &rest, &instrument, levels, deadline).await,
                ),
                false => What::Renewal,
            };
            Due::OfBook {
                symbol: instrument.symbol().clone(),
                number,
                what,
            }
        };
        self.dues.push(renewal.boxed());
    }
}

pub(super) fn later(after: Duration, due: Due) -> BoxFuture<'static, Due> {
    async move {
        sleep(after).await;
        due
    }
    .boxed()
}

async fn fetch_snapshot(
    exchange: &dyn Exchange,
    rest: &Rest,
    instrument: &Instrument,
    levels: usize,
    deadline: Deadline,
) -> Result<BookChange, Failure> {
    let Some(request) = exchange.snapshot_request(instrument, levels)? else {
        return Err(Failure::new("the exchange has no request for a snapshot"));
    };
    let read = |body: &[u8]| exchange.parse_snapshot(instrument.symbol(), body);
    rest.fetch(request, deadline, read).await
}
