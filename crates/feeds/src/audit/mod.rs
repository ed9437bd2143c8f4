//! Whether what a feed delivers is what its exchange did.
//!
//! Behind the feature `mock`, as only a mock knows what is true. An [`Audit`] takes every event of a feed
//! and nothing else of it, as a consumer does, and is asked from time to time to look at the market.
//!
//! ```
//! use feeds::audit::Audit;
//! use feeds::{Binance, Exchange};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let exchange = Binance::mock().start().await?;
//! let mut audit = Audit::new(Binance::default().rules().trades);
//! // For every event of a feed: audit.take(&event), and now and then:
//! audit.look(exchange.market(), &"BTC-USDT".parse()?, "BTCUSDT");
//! assert!(audit.findings().is_empty());
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod book;
mod trades;

use std::collections::HashMap;
use std::ops::RangeInclusive;

use testkit::mock::Market;

use self::book::{Book, Verdict};
use self::trades::Trades;
use crate::event::{FeedEvent, FeedEventKind, L2Delta, L2Snapshot};
use crate::exchange::{TradeId, TradeIds};
use crate::ranges::ids_of;
use crate::symbol::Symbol;

/// Follows a feed, and compares it with the market of its mock exchange.
#[derive(Debug)]
pub struct Audit {
    ids: TradeIds,
    sequence: u64,
    books: HashMap<Symbol, Book>,
    trades: HashMap<Symbol, Trades>,
    counts: Counts,
    findings: Vec<String>,
}

/// What an audit has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Events.
    pub events: u64,
    /// Trades, each as often as it stands for.
    pub trades: u64,
    /// Trades that were told to be missing.
    pub missing: u64,
    /// Trades that came because they were missing and were asked for.
    pub backfilled: u64,
    /// Trades that were told to be lost.
    pub lost: u64,
    /// Books that were found to be the market's.
    pub true_books: u64,
    /// Times that a book became invalid.
    pub invalid_books: u64,
}

impl Audit {
    /// That of a feed of an exchange whose trades have such ids.
    #[must_use]
    pub fn new(ids: TradeIds) -> Self {
        Self {
            ids,
            sequence: 0,
            books: HashMap::new(),
            trades: HashMap::new(),
            counts: Counts::default(),
            findings: Vec::new(),
        }
    }

    /// Takes the next event of the feed.
    pub fn take(&mut self, event: &FeedEvent) {
        self.counts.events += 1;
        if event.sequence != self.sequence + 1 {
            let before = self.sequence;
            self.find(format!("event {} follows event {before}", event.sequence));
        }
        self.sequence = event.sequence;
        match &event.kind {
            FeedEventKind::Trade(trade) => {
                self.counts.trades += u64::from(trade.count);
                if trade.backfilled {
                    self.counts.backfilled += u64::from(trade.count);
                }
                let Some(TradeId::Number(id)) = trade.id else {
                    return;
                };
                let trades = self.trades.entry(trade.symbol.clone()).or_default();
                if let Some(problem) = trades.deliver(ids_of(id, trade.count)) {
                    let symbol = &trade.symbol;
                    self.find(format!("{symbol}: {problem}"));
                }
            }
            FeedEventKind::TradeGap { symbol, from, to } => {
                self.counts.missing += to.saturating_sub(*from) + 1;
                let trades = self.trades.entry(symbol.clone()).or_default();
                trades.miss(*from..=*to);
            }
            FeedEventKind::TradesLost {
                symbol, from, to, ..
            } => {
                self.counts.lost += to.saturating_sub(*from) + 1;
                let trades = self.trades.entry(symbol.clone()).or_default();
                trades.lose(*from..=*to);
            }
            FeedEventKind::NumberingRestarted { symbol } => {
                let open = self.open_gaps(symbol);
                if !open.is_empty() {
                    self.find(format!(
                        "{symbol}: nobody told what came of trades {open:?}"
                    ));
                }
                self.trades.remove(symbol);
            }
            FeedEventKind::BookInvalid { symbol, .. } => {
                self.counts.invalid_books += 1;
                self.take_book(symbol, &event.kind);
            }
            FeedEventKind::L2Snapshot(L2Snapshot { symbol, .. })
            | FeedEventKind::L2Delta(L2Delta { symbol, .. }) => {
                self.take_book(symbol, &event.kind);
            }
            _ => {}
        }
    }

    /// Remembers what the book of `symbol`, which the exchange calls `exchange_symbol`, is now: as long
    /// as it stays valid, it must become that. Without effect while it is invalid, or has not become yet
    /// what it was at the look before.
    pub fn look(&mut self, market: &Market, symbol: &Symbol, exchange_symbol: &str) {
        if let Some(book) = self.books.get_mut(symbol)
            && book.is_idle()
            && let Some(truth) = market.latest(exchange_symbol)
        {
            book.expect(&truth);
            // It may be that already, and become something else with the next change.
            self.compare(symbol);
        }
    }

    /// Whether the book of `symbol` is valid.
    #[must_use]
    pub fn has_book(&self, symbol: &Symbol) -> bool {
        self.books.get(symbol).is_some_and(Book::is_valid)
    }

    /// The ids of the trades of `symbol` between the first one that was delivered and the last one that
    /// have neither been delivered nor told to be missing. There are none to tell of where ids are not
    /// contiguous.
    #[must_use]
    pub fn untold(&self, symbol: &Symbol) -> Vec<RangeInclusive<u64>> {
        match (self.ids, self.trades.get(symbol)) {
            (TradeIds::Contiguous, Some(trades)) => trades.untold(),
            _ => Vec::new(),
        }
    }

    /// The ids of the trades of `symbol` that were told to be missing, and that have neither come after
    /// all nor been told to be lost.
    #[must_use]
    pub fn open_gaps(&self, symbol: &Symbol) -> Vec<RangeInclusive<u64>> {
        let trades = self.trades.get(symbol);
        trades.map(Trades::open).unwrap_or_default()
    }

    /// The id of the last trade of `symbol` that was delivered.
    #[must_use]
    pub fn last_trade(&self, symbol: &Symbol) -> Option<u64> {
        self.trades.get(symbol)?.last()
    }

    /// What has been seen.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// What is wrong.
    #[must_use]
    pub fn findings(&self) -> &[String] {
        &self.findings
    }

    fn take_book(&mut self, symbol: &Symbol, event: &FeedEventKind) {
        let book = self.books.entry(symbol.clone()).or_default();
        if let Err(problem) = book.take(event) {
            self.find(format!("{symbol}: {problem}"));
        }
        self.compare(symbol);
    }

    fn compare(&mut self, symbol: &Symbol) {
        let verdict = self.books.get_mut(symbol).map(Book::compare);
        match verdict {
            Some(Verdict::True) => self.counts.true_books += 1,
            Some(Verdict::Wrong(problem)) => self.find(format!("{symbol}: {problem}")),
            Some(Verdict::Open) | None => {}
        }
    }

    fn find(&mut self, problem: String) {
        self.findings.push(problem);
    }
}
