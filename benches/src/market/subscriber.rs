//! A subscriber that believes nothing.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use feeds::audit::Audit;
use feeds::{Channel, Events, FeedEvent, FeedEventKind, Symbol, Unavailable};
use serde::Serialize;
use testkit::MockExchange;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::meter::Meter;
use crate::error::Result;

/// How often one of the books is compared with the market's: a look at a deep one takes a millisecond, in
/// which the market stands still.
const LOOK_EVERY: Duration = Duration::from_millis(40);

/// Takes the events of a feed.
#[derive(Debug)]
pub(crate) struct Subscriber {
    /// With what the exchange calls them.
    symbols: Vec<(Symbol, String)>,
    events: Events,
    pub(crate) audit: Audit,
    pub(crate) meter: Arc<Meter>,
    heard: HashSet<(Symbol, Channel)>,
    books: HashMap<Symbol, Validity>,
    renewals: u64,
    told: BTreeMap<String, u64>,
    looked: Instant,
    /// Which book is looked at next.
    next: usize,
    /// Kept, so that it ends with this.
    feed: JoinSet<std::result::Result<(), Unavailable>>,
}

/// Whether a book is valid, and how long it was not.
#[derive(Debug)]
struct Validity {
    invalid_since: Option<Instant>,
    invalid: Duration,
}

impl Subscriber {
    pub(super) fn new(
        symbols: Vec<(Symbol, String)>,
        events: Events,
        feed: impl Future<Output = std::result::Result<(), Unavailable>> + Send + 'static,
        audit: Audit,
        meter: Arc<Meter>,
    ) -> Self {
        let now = Instant::now();
        let invalid = || Validity {
            invalid_since: Some(now),
            invalid: Duration::ZERO,
        };
        let books = symbols
            .iter()
            .map(|(symbol, _)| (symbol.clone(), invalid()));
        let mut tasks = JoinSet::new();
        tasks.spawn(feed);
        Self {
            books: books.collect(),
            symbols,
            events,
            audit,
            meter,
            heard: HashSet::new(),
            renewals: 0,
            told: BTreeMap::new(),
            looked: now,
            next: 0,
            feed: tasks,
        }
    }

    /// Goes on until `end`.
    pub(crate) async fn until(&mut self, exchange: &MockExchange, end: Instant) -> Result<()> {
        while let Ok(event) = timeout_at(end, self.events.recv()).await {
            self.take(exchange, event).await?;
        }
        Ok(())
    }

    /// Goes on until every channel of every symbol has come, a book with a change behind its snapshot. Tells
    /// whether that was before `end`.
    pub(crate) async fn until_live(
        &mut self,
        exchange: &MockExchange,
        end: Instant,
    ) -> Result<bool> {
        let all = self.symbols.len() * 3;
        while self.heard.len() < all {
            match timeout_at(end, self.events.recv()).await {
                Ok(event) => self.take(exchange, event).await?,
                Err(_) => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Has [`until_live`](Self::until_live) wait for news of every channel.
    pub(crate) fn forget_heard(&mut self) {
        self.heard.clear();
    }

    /// Counts from now on.
    pub(crate) fn begin_counting(&mut self) {
        let now = Instant::now();
        for book in self.books.values_mut() {
            book.invalid = Duration::ZERO;
            book.invalid_since = book.invalid_since.map(|_| now);
        }
        self.renewals = 0;
        self.told.clear();
    }

    /// The time that books were invalid, of all of them together.
    pub(crate) fn invalid_time(&self) -> Duration {
        let now = Instant::now();
        let since = |book: &Validity| book.invalid_since.map_or(Duration::ZERO, |at| now - at);
        self.books
            .values()
            .map(|book| book.invalid + since(book))
            .sum()
    }

    /// How often a book that was true got a newer snapshot.
    pub(crate) fn renewals(&self) -> u64 {
        self.renewals
    }

    /// How many events there were that are no market data, by kind; `book_invalid` with its reason.
    pub(crate) fn told(&self) -> &BTreeMap<String, u64> {
        &self.told
    }

    /// How many trades are missing without a word.
    pub(crate) fn untold(&self) -> u64 {
        self.count(Audit::untold)
    }

    /// How many trades were told to be missing and are neither there nor told to be lost yet.
    pub(crate) fn awaited(&self) -> u64 {
        self.count(Audit::open_gaps)
    }

    fn count(&self, trades: fn(&Audit, &Symbol) -> Vec<RangeInclusive<u64>>) -> u64 {
        let symbols = self.symbols.iter();
        let ids = symbols.flat_map(|(symbol, _)| trades(&self.audit, symbol));
        ids.map(|range| range.end() - range.start() + 1).sum()
    }

    async fn take(&mut self, exchange: &MockExchange, event: Option<FeedEvent>) -> Result<()> {
        let Some(event) = event else {
            let outcome = self.feed.join_next().await;
            return Err(format!("the feed has ended: {outcome:?}").into());
        };
        self.audit.take(&event);
        self.note(&event.kind)?;
        if self.looked.elapsed() >= LOOK_EVERY
            && let Some((symbol, name)) = self.symbols.get(self.next)
        {
            self.audit.look(exchange.market(), symbol, name);
            self.next = (self.next + 1) % self.symbols.len();
            self.looked = Instant::now();
        }
        Ok(())
    }

    fn note(&mut self, kind: &FeedEventKind) -> Result<()> {
        match kind {
            FeedEventKind::Trade(it) => self.hear(&it.symbol, Channel::Trades),
            FeedEventKind::Ticker(it) => self.hear(&it.symbol, Channel::Ticker),
            FeedEventKind::L2Delta(it) => self.hear(&it.symbol, Channel::L2Book),
            FeedEventKind::L2Snapshot(it) => {
                if let Some(book) = self.books.get_mut(&it.symbol) {
                    match book.invalid_since.take() {
                        Some(since) => book.invalid += since.elapsed(),
                        None => self.renewals += 1,
                    }
                }
            }
            other => {
                if let FeedEventKind::BookInvalid { symbol, .. } = other
                    && let Some(book) = self.books.get_mut(symbol)
                {
                    book.invalid_since.get_or_insert_with(Instant::now);
                }
                *self.told.entry(name(other)?).or_default() += 1;
            }
        }
        Ok(())
    }

    fn hear(&mut self, symbol: &Symbol, channel: Channel) {
        let all = self.symbols.len() * 3;
        if self.heard.len() < all {
            self.heard.insert((symbol.clone(), channel));
        }
    }
}

/// The type of an event, and the kind of its reason if that has one.
fn name(kind: &impl Serialize) -> Result<String> {
    let event = serde_json::to_value(kind)?;
    let text = |pointer| event.pointer(pointer).and_then(|it| it.as_str());
    let words = [text("/type"), text("/reason/kind")];
    Ok(words.into_iter().flatten().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use feeds::InvalidReason;

    use super::*;

    #[test]
    fn an_event_is_named_as_in_json() {
        assert_eq!(
            name(&FeedEventKind::MessagesMissed).unwrap(),
            "messages_missed"
        );
        let invalid = FeedEventKind::BookInvalid {
            symbol: "BTC-USDT".parse().unwrap(),
            reason: InvalidReason::OutOfRange,
        };
        assert_eq!(name(&invalid).unwrap(), "book_invalid out_of_range");
    }
}
