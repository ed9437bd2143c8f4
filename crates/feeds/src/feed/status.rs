//! The state of a feed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::channel::Channel;
use crate::event::{ExchangeName, FeedEventKind, InvalidReason};
use crate::pattern::SymbolPattern;
use crate::symbol::Symbol;

/// The state of a feed: what its events have told up to now.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FeedStatus {
    /// The exchange.
    pub exchange: ExchangeName,
    /// Whether the exchange's list of what is trading has been loaded.
    pub is_listed: bool,
    /// What is wanted by name or is streamed, by name.
    pub symbols: Vec<SymbolStatus>,
    /// The wanted patterns that no trading symbol has.
    pub unmatched: Vec<SymbolPattern>,
    /// The open connections, by number.
    pub connections: Vec<ConnectionStatus>,
}

/// The state of a symbol.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SymbolStatus {
    /// The symbol.
    pub symbol: Symbol,
    /// Whether the exchange lists it as trading.
    pub is_trading: bool,
    /// Listed symbols that are spelt nearly like it, if it is not trading.
    pub nearest: Vec<Symbol>,
    /// The number of its connection; `None` while there is none.
    pub connection: Option<u64>,
    /// The channels that are streamed.
    pub channels: Vec<ChannelStatus>,
    /// The state of the book, if it is streamed.
    pub book: Option<BookStatus>,
}

/// The state of a channel of a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct ChannelStatus {
    /// The channel.
    pub channel: Channel,
    /// When the message of its last event arrived: nanoseconds since 1970, UTC. `None` before the first.
    pub last_event_ns: Option<i64>,
}

/// The state of an order book.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BookStatus {
    /// The first snapshot is awaited.
    Joining,
    /// It is true.
    Live,
    /// It is void, and a snapshot is awaited.
    Invalid(InvalidReason),
}

/// The state of an open connection.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ConnectionStatus {
    /// Its number, as in events.
    pub number: u64,
    /// When it was opened: nanoseconds since 1970, UTC.
    pub opened_ns: i64,
    /// The proxies that it passes, as `host:port`, nearest first.
    pub proxies: Vec<String>,
    /// How many symbols it is for.
    pub symbols: usize,
}

/// Takes note of events.
#[derive(Debug, Default)]
pub(super) struct Board {
    pub(super) is_listed: bool,
    symbols: HashMap<Symbol, Entry>,
    unmatched: BTreeSet<SymbolPattern>,
    /// The open connections, by their row.
    open: BTreeMap<u64, Open>,
    /// Those that are open beside them.
    beside: BTreeMap<u64, Open>,
}

#[derive(Debug, Default)]
struct Entry {
    nearest: Vec<Symbol>,
    /// The row of connections that it is on; `None` if it is not trading.
    row: Option<u64>,
    channels: BTreeMap<Channel, Option<i64>>,
    book: Option<BookStatus>,
}

#[derive(Debug)]
struct Open {
    number: u64,
    opened_ns: i64,
    proxies: Vec<String>,
}

impl Open {
    fn new(number: u64, opened_ns: i64, proxies: &[String]) -> Self {
        Self {
            number,
            opened_ns,
            proxies: proxies.to_vec(),
        }
    }
}

impl Board {
    /// `symbol` is streamed on connections of `row`, with these channels, too.
    pub(super) fn assign(&mut self, symbol: &Symbol, row: u64, channels: &BTreeSet<Channel>) {
        let entry = self.symbols.entry(symbol.clone()).or_default();
        entry.row = Some(row);
        entry.nearest.clear();
        for channel in channels {
            entry.channels.entry(*channel).or_default();
        }
        if channels.contains(&Channel::L2Book) {
            entry.book = Some(BookStatus::Joining);
        }
    }

    /// `symbol` is wanted and not trading.
    pub(super) fn miss(&mut self, symbol: &Symbol, nearest: &[Symbol]) {
        let entry = Entry {
            nearest: nearest.to_vec(),
            ..Entry::default()
        };
        self.symbols.insert(symbol.clone(), entry);
    }

    /// `symbol` is not streamed any longer, or not wanted.
    pub(super) fn remove(&mut self, symbol: &Symbol) {
        self.symbols.remove(symbol);
    }

    /// `symbol` is streamed without these channels.
    pub(super) fn leave(&mut self, symbol: &Symbol, channels: &BTreeSet<Channel>) {
        if let Some(entry) = self.symbols.get_mut(symbol) {
            entry
                .channels
                .retain(|channel, _| !channels.contains(channel));
            entry.book.take_if(|_| channels.contains(&Channel::L2Book));
        }
    }

    /// These patterns have nothing.
    pub(super) fn set_unmatched<'a>(
        &mut self,
        patterns: impl IntoIterator<Item = &'a SymbolPattern>,
    ) {
        self.unmatched = patterns.into_iter().cloned().collect();
    }

    /// When the last market data of `symbol` arrived.
    pub(super) fn last_event_ns(&self, symbol: &Symbol) -> Option<i64> {
        let channels = &self.symbols.get(symbol)?.channels;
        channels.values().copied().max().flatten()
    }

    /// Takes note of an event about connections of `row`.
    pub(super) fn note(
        &mut self,
        row: Option<u64>,
        connection: Option<u64>,
        kind: &FeedEventKind,
        received_ns: i64,
    ) {
        match kind {
            FeedEventKind::Trade(it) => self.heard(row, &it.symbol, Channel::Trades, received_ns),
            FeedEventKind::Ticker(it) => self.heard(row, &it.symbol, Channel::Ticker, received_ns),
            FeedEventKind::L2Delta(it) => self.heard(row, &it.symbol, Channel::L2Book, received_ns),
            FeedEventKind::L2Snapshot(it) => {
                self.heard(row, &it.symbol, Channel::L2Book, received_ns);
                self.turn(row, &it.symbol, BookStatus::Live);
            }
            FeedEventKind::BookInvalid { symbol, reason } => {
                self.turn(row, symbol, BookStatus::Invalid(reason.clone()));
            }
            FeedEventKind::Connected { proxies, .. } => {
                if let (Some(row), Some(number)) = (row, connection) {
                    let open = Open::new(number, received_ns, proxies);
                    self.open.insert(row, open);
                    self.beside.remove(&row);
                }
            }
            FeedEventKind::LineUp { proxies, .. } => {
                if let (Some(row), Some(number)) = (row, connection) {
                    let open = Open::new(number, received_ns, proxies);
                    self.beside.insert(row, open);
                }
            }
            FeedEventKind::LineDown { .. } => {
                if let Some(row) = row {
                    let beside = self.beside.remove(&row);
                    let is_first = self.open.get(&row).map(|it| it.number) == connection;
                    if let Some(beside) = beside.filter(|_| is_first) {
                        self.open.insert(row, beside);
                    }
                }
            }
            FeedEventKind::Disconnected { .. } => {
                if let Some(row) = row {
                    self.close(row);
                }
            }
            _ => {}
        }
    }

    /// The connections of `row` are over.
    pub(super) fn close(&mut self, row: u64) {
        self.open.remove(&row);
        self.beside.remove(&row);
    }

    fn heard(&mut self, row: Option<u64>, symbol: &Symbol, channel: Channel, received_ns: i64) {
        let entry = self.entry(row, symbol);
        if let Some(last) = entry.and_then(|entry| entry.channels.get_mut(&channel)) {
            *last = Some(received_ns);
        }
    }

    fn turn(&mut self, row: Option<u64>, symbol: &Symbol, status: BookStatus) {
        if let Some(book) = self
            .entry(row, symbol)
            .and_then(|entry| entry.book.as_mut())
        {
            *book = status;
        }
    }

    /// That of `symbol`, unless it has been moved away from `row`.
    fn entry(&mut self, row: Option<u64>, symbol: &Symbol) -> Option<&mut Entry> {
        let entry = self.symbols.get_mut(symbol)?;
        (entry.row == row).then_some(entry)
    }

    pub(super) fn status(&self, exchange: &'static str) -> FeedStatus {
        let number = |row: Option<u64>| Some(self.open.get(&row?)?.number);
        let symbol = |(symbol, entry): (&Symbol, &Entry)| SymbolStatus {
            symbol: symbol.clone(),
            is_trading: entry.row.is_some(),
            nearest: entry.nearest.clone(),
            connection: number(entry.row),
            channels: entry.channels.iter().map(channel).collect(),
            book: entry.book.clone(),
        };
        let mut symbols: Vec<_> = self.symbols.iter().map(symbol).collect();
        symbols.sort_unstable_by(|a, b| a.symbol.cmp(&b.symbol));
        let mut counts: HashMap<u64, usize> = HashMap::new();
        for row in self.symbols.values().filter_map(|entry| entry.row) {
            *counts.entry(row).or_default() += 1;
        }
        let open = |(row, open): (&u64, &Open)| ConnectionStatus {
            number: open.number,
            opened_ns: open.opened_ns,
            proxies: open.proxies.clone(),
            symbols: counts.get(row).copied().unwrap_or_default(),
        };
        let mut connections: Vec<_> = self.open.iter().chain(&self.beside).map(open).collect();
        connections.sort_unstable_by_key(|it| it.number);
        FeedStatus {
            exchange: exchange.into(),
            is_listed: self.is_listed,
            symbols,
            unmatched: self.unmatched.iter().cloned().collect(),
            connections,
        }
    }
}

fn channel((channel, last_event_ns): (&Channel, &Option<i64>)) -> ChannelStatus {
    ChannelStatus {
        channel: *channel,
        last_event_ns: *last_event_ns,
    }
}
