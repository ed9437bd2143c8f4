//! Trades that are missing, and what is done about them.

mod gaps;

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, Sleep, sleep_until};

use self::gaps::Gaps;
use super::failure::Failure;
use super::permits::Deadline;
use super::rest::Rest;
use crate::exchange::{Exchange, Trade, TradeId, TradePage};
use crate::instruments::Instrument;
use crate::ranges::{Ranges, ids_of};
use crate::symbol::Symbol;

/// What has become of missing trades.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Trade(Trade),
    /// These will not be asked for again.
    Lost {
        symbol: Symbol,
        ids: RangeInclusive<u64>,
        reason: String,
    },
}

// One request at a time, lowest ids first, the gap that has waited longest first: snapshots of books, of
// which more depends, have most of the budget. Every id of a gap is either delivered, by whoever brings
// it first, or told lost: it is in `missing` until then, and never again.
/// Asks for the trades that are missing.
pub(super) struct Backfill {
    exchange: Arc<dyn Exchange>,
    rest: Arc<Rest>,
    gaps: HashMap<Symbol, Gaps>,
    /// How many symbols there have been.
    opened: u64,
    asked: Option<Asked>,
    /// Kept, since it is looked at after each message.
    timer: Pin<Box<Sleep>>,
}

/// A request that is under way.
struct Asked {
    symbol: Symbol,
    ids: RangeInclusive<u64>,
    answer: BoxFuture<'static, Result<Option<TradePage>, Failure>>,
}

impl Backfill {
    pub(super) fn new(exchange: Arc<dyn Exchange>, rest: Arc<Rest>) -> Self {
        Self {
            exchange,
            rest,
            gaps: HashMap::new(),
            opened: 0,
            asked: None,
            timer: Box::pin(sleep_until(Instant::now())),
        }
    }

    /// Whether anything is missing.
    pub(super) fn is_open(&self) -> bool {
        !self.gaps.is_empty()
    }

    /// Those of `ids` that nobody has been told about.
    pub(super) fn untold(&self, symbol: &Symbol, ids: &RangeInclusive<u64>) -> Ranges {
        match self.gaps.get(symbol) {
            Some(gaps) => gaps.untold(ids),
            None => Ranges::default().missing_in(ids),
        }
    }

    /// The trades with `ids` are missing. The one before them was at `after_ns`.
    pub(super) fn open(
        &mut self,
        instrument: &Instrument,
        ids: RangeInclusive<u64>,
        after_ns: Option<i64>,
    ) -> Vec<Found> {
        let symbol = instrument.symbol();
        if !self.gaps.contains_key(symbol) {
            self.opened += 1;
            let gaps = Gaps::new(instrument.clone(), self.opened);
            self.gaps.insert(symbol.clone(), gaps);
        }
        let mut found = Vec::new();
        if let Some(gaps) = self.gaps.get_mut(symbol) {
            gaps.open(ids, after_ns, &mut found);
        }
        found
    }

    /// The stream has brought a trade. Tells what has waited for it.
    pub(super) fn take(&mut self, trade: &Trade) -> Vec<Found> {
        let mut found = Vec::new();
        if let Some(TradeId::Number(id)) = trade.id
            && let Some(gaps) = self.gaps.get_mut(&trade.symbol)
        {
            gaps.fill(ids_of(id, trade.count));
            gaps.release(&mut found);
            self.close(&trade.symbol);
        }
        found
    }

    /// Gives up everything that is missing of `symbol`.
    pub(super) fn give_up(&mut self, symbol: &Symbol, reason: &str) -> Vec<Found> {
        let mut found = Vec::new();
        if let Some(gaps) = self.gaps.get_mut(symbol) {
            gaps.give_up(&(0..=u64::MAX), reason, &mut found);
            self.close(symbol);
        }
        found
    }

    /// What has become of missing trades, as soon as anything has. Cancel safe.
    pub(super) async fn next(&mut self) -> Vec<Found> {
        loop {
            let Some(asked) = &mut self.asked else {
                self.ask().await;
                continue;
            };
            let answer = (&mut asked.answer).await;
            let Some(Asked { symbol, ids, .. }) = self.asked.take() else {
                continue;
            };
            let Some(gaps) = self.gaps.get_mut(&symbol) else {
                continue;
            };
            let found = gaps.answered(&ids, answer);
            self.close(&symbol);
            if !found.is_empty() {
                return found;
            }
        }
    }

    /// Asks for the gap that has waited longest, when its time has come.
    async fn ask(&mut self) {
        let next = self.gaps.values().min_by_key(|it| (it.due, it.number));
        let Some(next) = next else {
            return std::future::pending().await;
        };
        if self.timer.deadline() != next.due {
            self.timer.as_mut().reset(next.due);
        }
        self.timer.as_mut().await;
        let Some((ids, hole)) = next.lowest() else {
            return;
        };
        let (exchange, rest) = (Arc::clone(&self.exchange), Arc::clone(&self.rest));
        let (instrument, cursor) = (next.instrument.clone(), next.cursor.clone());
        let symbol = instrument.symbol().clone();
        let answer = async move {
            let request = exchange.trades_request(&instrument, &hole, cursor.as_deref())?;
            let Some(request) = request else {
                return Ok(None);
            };
            let read = |body: &[u8]| exchange.parse_trades(instrument.symbol(), body);
            rest.fetch(request, Deadline::now(), read).await.map(Some)
        };
        self.asked = Some(Asked {
            symbol,
            ids,
            answer: answer.boxed(),
        });
    }

    /// Forgets `symbol`, if nothing is missing any longer.
    fn close(&mut self, symbol: &Symbol) {
        if self.gaps.get(symbol).is_some_and(Gaps::is_empty) {
            self.gaps.remove(symbol);
            self.asked.take_if(|asked| asked.symbol == *symbol);
        }
    }
}
