//! Makes one stream of two lines that carry the same, without any input, output or clock.

mod balance;
mod line;
mod newest;
mod ordered;

use std::collections::HashSet;

use self::balance::Balance;
pub(crate) use self::line::Line;
use self::line::Pair;
use self::newest::{Newest, is_news};
use self::ordered::{Ordered, Span, Taken};
use crate::channel::Channel;
use crate::exchange::{BookChange, ExchangeMessage, Rules, Trade, TradeId, TradeIds};
use crate::ranges::ids_of;
use crate::symbol::{Symbol, SymbolMap};

//     channel    where the exchange has               what is passed
//     trades     ids without a hole                   each once, in order
//                ids that grow, or text               all: who takes them knows those that came before
//                none                                 those of the line that leads
//     books      ranges of ids                        each change once, in order
//                snapshots in the stream              nothing is merged: each line has books of its own
//     tickers    ids, or times                        those that are newer than the last one
//                neither                              those of the line that leads
/// Merges the messages of two lines into those of one, by the rules of the exchange.
#[derive(Debug)]
pub(crate) struct Merge {
    trades: TradeIds,
    merges_books: bool,
    /// The line that is passed where nothing tells what is the same.
    leading: Line,
    open: Pair<bool>,
    streams: SymbolMap<Streams>,
    /// The symbols of which something is held.
    holding: HashSet<Symbol>,
}

#[derive(Debug, Default)]
struct Streams {
    trades: Ordered<Trade>,
    book: Ordered<BookChange>,
    ticker: Option<Newest>,
    of_trades: Balance,
    of_ticker: Balance,
    of_book: Balance,
}

impl Merge {
    /// That of an exchange with these rules. No line is open.
    pub(crate) fn new(rules: &Rules) -> Self {
        Self {
            trades: rules.trades,
            merges_books: !rules.books.is_streamed(),
            leading: Line::A,
            open: Pair::default(),
            streams: SymbolMap::default(),
            holding: HashSet::new(),
        }
    }

    /// The line that leads.
    pub(crate) fn leading(&self) -> Line {
        self.leading
    }

    /// Begins anew with one line, which leads.
    pub(crate) fn begin(&mut self) {
        self.streams.clear();
        self.holding.clear();
        self.open = Pair::default();
        self.leading = Line::A;
        self.open(Line::A);
    }

    /// `line` is open, too.
    pub(crate) fn open(&mut self, line: Line) {
        *self.open.of_mut(line) = true;
        for streams in self.streams.values_mut() {
            streams.open(line);
        }
    }

    /// `line` has ended, and the other one leads. What was held for its sake is due.
    pub(crate) fn close(&mut self, line: Line) {
        *self.open.of_mut(line) = false;
        self.leading = line.other();
        for streams in self.streams.values_mut() {
            streams.close(line);
        }
    }

    /// Forgets a stream, which is not subscribed to any longer.
    pub(crate) fn forget(&mut self, symbol: &Symbol, channel: Channel) {
        let open = self.open;
        if let Some(streams) = self.streams.get_mut(symbol) {
            match channel {
                Channel::Trades => streams.trades = opened(open),
                Channel::L2Book => streams.book = opened(open),
                Channel::Ticker => streams.ticker = None,
            }
            streams.balance(channel).reset();
        }
    }

    /// Counts a message of `line`. Returns the stream that the other line has not, if it has said nothing for
    /// long.
    pub(crate) fn count(
        &mut self,
        line: Line,
        said: &ExchangeMessage,
        now_ns: i64,
    ) -> Option<(Symbol, Channel)> {
        let (symbol, channel) = said.stream()?;
        if self.open.iter().any(|is_open| !is_open) {
            return None;
        }
        let balance = self.streams(symbol).balance(channel);
        balance
            .note(line, now_ns)
            .then(|| (symbol.clone(), channel))
    }

    /// Takes what `line` says, and returns what is news now. Something that is [held](Self::release) may be due
    /// then.
    pub(crate) fn take(
        &mut self,
        line: Line,
        said: ExchangeMessage,
        now_ns: i64,
    ) -> Option<ExchangeMessage> {
        let is_leading = line == self.leading;
        let is_alone = !self.open.of(line.other());
        match said {
            ExchangeMessage::Trade(trade) if self.is_past(line, &trade) => None,
            ExchangeMessage::Trade(trade) => match (&trade.id, self.trades) {
                (Some(TradeId::Number(id)), TradeIds::Contiguous) => {
                    let span = Span {
                        ids: ids_of(*id, trade.count),
                        time_ns: trade.time.ns(),
                    };
                    let symbol = trade.symbol.clone();
                    let trades = &mut self.streams(&symbol).trades;
                    match trades.take(line, trade, span, now_ns) {
                        // One that is late, or of a new numbering, is known by who takes it.
                        Taken::Passed(trade, _) | Taken::Repeated(trade) => {
                            Some(ExchangeMessage::Trade(trade))
                        }
                        Taken::Held => {
                            self.holding.insert(symbol);
                            None
                        }
                    }
                }
                (Some(_), _) => Some(ExchangeMessage::Trade(trade)),
                (None, _) => is_leading.then_some(ExchangeMessage::Trade(trade)),
            },
            ExchangeMessage::Book(change) => match (change.ids.first, change.ids.last) {
                (Some(first), Some(last)) if self.merges_books && first <= last => {
                    let span = Span {
                        ids: first..=last,
                        time_ns: change.time.ns(),
                    };
                    let symbol = change.symbol.clone();
                    let book = &mut self.streams(&symbol).book;
                    match book.take(line, change, span, now_ns) {
                        Taken::Passed(change, next) => Some(trimmed(change, next)),
                        // Alone, a line is judged by who takes it.
                        Taken::Repeated(change) => {
                            is_alone.then_some(ExchangeMessage::Book(change))
                        }
                        Taken::Held => {
                            self.holding.insert(symbol);
                            None
                        }
                    }
                }
                _ => is_leading.then_some(ExchangeMessage::Book(change)),
            },
            ExchangeMessage::Ticker(ticker) => {
                let last = &mut self.streams(&ticker.symbol).ticker;
                is_news(last, line, &ticker, is_leading).then_some(ExchangeMessage::Ticker(ticker))
            }
            other => Some(other),
        }
    }

    /// Whether a trade was before a subscription of `line` that begins beside another one.
    // If the other line has said nothing of the symbol, it was missed since both lines of before ended.
    fn is_past(&self, line: Line, trade: &Trade) -> bool {
        let other = line.other();
        let has_heard = || {
            let streams = self.streams.get(&trade.symbol);
            streams.is_some_and(|streams| streams.trades.has_heard(other))
        };
        trade.is_history
            && *self.open.of(other)
            && (self.trades != TradeIds::Contiguous || has_heard())
    }

    /// The next of what was held and is due at `now_ns`.
    pub(crate) fn release(&mut self, now_ns: i64) -> Option<ExchangeMessage> {
        if self.holding.is_empty() {
            return None;
        }
        let streams = &mut self.streams;
        let mut holding = self.holding.iter();
        let due = holding.find_map(|symbol| streams.get_mut(symbol)?.release(now_ns));
        if due.is_none() {
            let is_holding = |it: &Symbol| streams.get(it)?.due_ns();
            self.holding.retain(|symbol| is_holding(symbol).is_some());
        }
        due
    }

    /// When what is held is due, whatever comes.
    pub(crate) fn due_ns(&self) -> Option<i64> {
        let held = self.holding.iter().filter_map(|it| self.streams.get(it));
        held.filter_map(Streams::due_ns).min()
    }

    fn streams(&mut self, symbol: &Symbol) -> &mut Streams {
        let open = self.open;
        self.streams.get_or_insert_with(symbol, || Streams {
            trades: opened(open),
            book: opened(open),
            ..Streams::default()
        })
    }
}

impl Streams {
    fn balance(&mut self, channel: Channel) -> &mut Balance {
        match channel {
            Channel::Trades => &mut self.of_trades,
            Channel::Ticker => &mut self.of_ticker,
            Channel::L2Book => &mut self.of_book,
        }
    }

    fn open(&mut self, line: Line) {
        self.trades.open(line);
        self.book.open(line);
        self.reset();
    }

    fn close(&mut self, line: Line) {
        self.trades.close(line);
        self.book.close(line);
        self.reset();
    }

    fn reset(&mut self) {
        for channel in Channel::ALL {
            self.balance(channel).reset();
        }
    }

    fn release(&mut self, now_ns: i64) -> Option<ExchangeMessage> {
        if let Some(Taken::Passed(trade, _) | Taken::Repeated(trade)) = self.trades.release(now_ns)
        {
            return Some(ExchangeMessage::Trade(trade));
        }
        while let Some(taken) = self.book.release(now_ns) {
            if let Taken::Passed(change, next) = taken {
                return Some(trimmed(change, next));
            }
        }
        None
    }

    fn due_ns(&self) -> Option<i64> {
        let due = [self.trades.due_ns(), self.book.due_ns()];
        due.into_iter().flatten().min()
    }
}

/// A merge with the lines that are open.
fn opened<T>(open: Pair<bool>) -> Ordered<T> {
    let mut merge = Ordered::default();
    for line in [Line::A, Line::B] {
        if *open.of(line) {
            merge.open(line);
        }
    }
    merge
}

/// What is left to tell of a change: what begins in what is known and ends behind it begins there.
// Its levels stay: sizes are absolute.
fn trimmed(mut change: BookChange, next: Option<u64>) -> ExchangeMessage {
    change.ids.first = next.or(change.ids.first);
    ExchangeMessage::Book(change)
}
