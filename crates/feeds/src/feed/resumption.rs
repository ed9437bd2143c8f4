//! Trades between the last one that is stored elsewhere and the first one of the stream.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep_until};

use super::backoff::Backoff;
use super::changes::is_settled;
use super::connection::Connection;
use super::event_sender::Stopped;
use super::failure::Failure;
use super::permits::Deadline;
use super::rest::Rest;
use super::session::Session;
use super::trades::{MOST_MISSING, Resumed};
use crate::channel::Channel;
use crate::exchange::{Exchange, Stream, TradeHole, TradeId, TradeIds, TradePage};
use crate::instruments::Instrument;
use crate::symbol::Symbol;

/// How long the first trade of a stream is waited for before the exchange is asked.
const QUIET: Duration = Duration::from_secs(5);

/// How soon to look again at a stream that is not live yet.
const AGAIN: Duration = Duration::from_secs(1);

/// How often to ask. Without an answer, the first trade of the stream still tells what is missing.
const FAILURES: u32 = 4;

/// The last trade of a symbol that its subscriber has from elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) id: u64,
    /// When it was: nanoseconds since 1970, UTC.
    pub(super) time_ns: Option<i64>,
}

//     a mark comes                            what follows
//     after trades of the stream              what is between it and the first of them is a gap
//     at or behind the first of them          nothing
//     before any                              the first one shows the gap
//     and none comes for 5 seconds            the exchange is asked for what follows the mark: a gap, too
/// The streams that have had no trade since their marks came.
pub(super) struct Resumption {
    exchange: Arc<dyn Exchange>,
    rest: Arc<Rest>,
    waiting: HashMap<Symbol, Waiting>,
    asked: Option<(Symbol, BoxFuture<'static, Answer>)>,
}

type Answer = Result<Option<TradePage>, Failure>;

struct Waiting {
    mark: Mark,
    due: Instant,
    failures: u32,
    backoff: Backoff,
}

/// What is due.
pub(super) enum Turn {
    Look(Symbol),
    Answered(Symbol, Answer),
}

impl Resumption {
    pub(super) fn new(exchange: Arc<dyn Exchange>, rest: Arc<Rest>) -> Self {
        Self {
            exchange,
            rest,
            waiting: HashMap::new(),
            asked: None,
        }
    }

    /// Whether a first trade is waited for.
    pub(super) fn is_open(&self) -> bool {
        !self.waiting.is_empty()
    }

    fn wait(&mut self, symbol: Symbol, mark: Mark) {
        self.asked.take_if(|(asked, _)| *asked == symbol);
        let waiting = Waiting {
            mark,
            due: Instant::now() + QUIET,
            failures: 0,
            backoff: Backoff::new(),
        };
        self.waiting.insert(symbol, waiting);
    }

    pub(super) fn forget(&mut self, symbol: &Symbol) {
        self.waiting.remove(symbol);
        self.asked.take_if(|(asked, _)| asked == symbol);
    }

    /// A connection begins.
    pub(super) fn begin_connection(&mut self) {
        let due = Instant::now() + QUIET;
        for waiting in self.waiting.values_mut() {
            waiting.due = waiting.due.max(due);
        }
    }

    /// What is due next, one request at a time. Cancel safe.
    pub(super) async fn next(&mut self) -> Turn {
        if let Some((_, answer)) = &mut self.asked {
            let answer = answer.await;
            if let Some((symbol, _)) = self.asked.take() {
                return Turn::Answered(symbol, answer);
            }
        }
        let next = self.waiting.iter().min_by_key(|(_, it)| it.due);
        let Some((symbol, waiting)) = next else {
            return std::future::pending().await;
        };
        sleep_until(waiting.due).await;
        Turn::Look(symbol.clone())
    }

    fn postpone(&mut self, symbol: &Symbol) {
        if let Some(waiting) = self.waiting.get_mut(symbol) {
            waiting.due = Instant::now() + AGAIN;
        }
    }

    /// Asks for what follows the mark of `instrument`.
    fn ask(&mut self, instrument: Instrument) {
        let symbol = instrument.symbol().clone();
        let Some(Waiting { mark, .. }) = self.waiting.get(&symbol) else {
            return;
        };
        let hole = TradeHole {
            after_id: mark.id,
            after_ns: mark.time_ns,
            before_id: mark.id.saturating_add(MOST_MISSING),
        };
        let (exchange, rest) = (Arc::clone(&self.exchange), Arc::clone(&self.rest));
        let answer = async move {
            let Some(request) = exchange.trades_request(&instrument, &hole, None)? else {
                return Ok(None);
            };
            let read = |body: &[u8]| exchange.parse_trades(instrument.symbol(), body);
            rest.fetch(request, Deadline::now(), read).await.map(Some)
        };
        self.asked = Some((symbol, answer.boxed()));
    }

    /// Takes an answer about `symbol`. Tells the newest trade that it has, if that is behind the mark.
    fn answered(&mut self, symbol: &Symbol, answer: Answer) -> Option<Mark> {
        let waiting = self.waiting.get_mut(symbol)?;
        let page = match answer {
            Ok(page) => page,
            Err(failure) => {
                waiting.failures += 1;
                if waiting.failures >= FAILURES {
                    self.waiting.remove(symbol);
                } else {
                    // What the exchange has imposed, the next request waits for by itself.
                    let failure = failure.with_retry_after(None);
                    waiting.due = Instant::now() + waiting.backoff.delay_after(&failure);
                }
                return None;
            }
        };
        let cursor = page.as_ref().and_then(|page| page.cursor.as_ref());
        let has_more = cursor.is_some();
        let newest = page.and_then(|page| newest(&page));
        let newest = newest.filter(|it| waiting.mark.id < it.id);
        match newest {
            // Of those that go upwards, it is the first page.
            Some(newest) if has_more => {
                waiting.mark = newest;
                waiting.due = Instant::now();
            }
            _ => {
                self.waiting.remove(symbol);
            }
        }
        newest
    }
}

/// The trade with the highest id.
fn newest(page: &TradePage) -> Option<Mark> {
    let marks = page.trades.iter().filter_map(|trade| match trade.id {
        Some(TradeId::Number(id)) => Some(Mark {
            id,
            time_ns: trade.time.ns(),
        }),
        _ => None,
    });
    marks.max_by_key(|it| it.id)
}

impl Session {
    /// Has the trades of symbols go on after their marks.
    pub(super) async fn resume(&mut self, marks: Vec<(Symbol, Mark)>) -> Result<(), Stopped> {
        if marks.is_empty() {
            return Ok(());
        }
        let streams = self.streams.iter();
        let trades = streams.filter(|it| it.channel == Channel::Trades);
        let streamed: HashSet<_> = trades.map(|it| it.instrument.symbol().clone()).collect();
        for (symbol, mark) in marks {
            if !streamed.contains(&symbol) {
                continue;
            }
            match self.trades.resume(&symbol, mark) {
                Resumed::Awaited => self.resumption.wait(symbol, mark),
                Resumed::Missing(missing) => {
                    for ids in missing {
                        for ids in self.backfill.untold(&symbol, &ids) {
                            self.miss(&symbol, ids, mark.time_ns);
                        }
                    }
                }
            }
        }
        self.events.hand_over().await
    }

    /// Does what is due for streams that have had no trade since their marks.
    pub(super) fn take_resumption(&mut self, turn: Turn, connection: &Connection) {
        match turn {
            Turn::Look(symbol) => match self.instruments.by_symbol(&symbol).cloned() {
                Some(instrument) if !self.trades.is_begun(&symbol) => {
                    let stream = Stream {
                        instrument: instrument.clone(),
                        channel: Channel::Trades,
                    };
                    // What comes after the answer must come in the stream.
                    match is_settled(&stream, connection) {
                        true => self.resumption.ask(instrument),
                        false => self.resumption.postpone(&symbol),
                    }
                }
                _ => self.resumption.forget(&symbol),
            },
            Turn::Answered(symbol, answer) => {
                if let Some(newest) = self.resumption.answered(&symbol, answer)
                    && let Some(hole) = self.trades.note_newest(&symbol, newest)
                {
                    let ids = hole.after_id.saturating_add(1)..=newest.id;
                    self.miss(&symbol, ids, hole.after_ns);
                }
            }
        }
    }

    /// Trades are missing: tells so where that is certain, and asks for them.
    fn miss(&mut self, symbol: &Symbol, ids: RangeInclusive<u64>, after_ns: Option<i64>) {
        let now_ns = self.events.now_ns();
        match self.exchange.rules().trades {
            TradeIds::Contiguous => self.open_gap(symbol, ids, after_ns, now_ns),
            TradeIds::Growing | TradeIds::Opaque { .. } => {
                self.ask_for(symbol, ids, after_ns, now_ns);
            }
        }
    }
}
