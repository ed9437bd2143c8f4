//! The state of a feed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::channel::{Channel, EachChannel};
use crate::event::{ExchangeName, FeedEvent, FeedEventKind, InvalidReason};
use crate::pattern::SymbolPattern;
use crate::symbol::{Symbol, SymbolMap};

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
    /// What has no connection, since the last one failed.
    pub outages: Vec<OutageStatus>,
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
    /// The number of the symbols that share their connections with it; `None` if it is not trading.
    pub group: Option<u64>,
    /// The channels that are streamed.
    pub channels: Vec<ChannelStatus>,
    /// The state of the book, if it is streamed.
    pub book: Option<BookStatus>,
    /// Since when the book has been true, or has not been: nanoseconds since 1970, UTC.
    pub book_since_ns: Option<i64>,
}

/// The state of a channel of a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct ChannelStatus {
    /// The channel.
    pub channel: Channel,
    /// When the message of its last event arrived: nanoseconds since 1970, UTC. `None` before the first.
    pub last_event_ns: Option<i64>,
    /// How many events with market data it has had, since it is streamed.
    pub events: u64,
    /// Since when it has been silent, if it is [stale](FeedEventKind::Stale): nanoseconds since 1970, UTC.
    pub stale_since_ns: Option<i64>,
    /// How many times something of it was missing: gaps between trades, or ends of what was true of a book.
    pub gaps: u64,
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
    /// The number of these symbols.
    pub group: u64,
    /// How many events of market data it has brought first.
    pub events: u64,
}

/// What has no connection.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct OutageStatus {
    /// The number of the symbols that should have one; `None` if it is the exchange's list of what is
    /// trading that is missing.
    pub group: Option<u64>,
    /// How many symbols those are.
    pub symbols: usize,
    /// When the last connection ended, or could not be opened for the first time: nanoseconds since 1970, UTC.
    pub since_ns: i64,
    /// How many tries have failed in a row.
    pub attempt: u32,
    /// Why the last one has.
    pub reason: String,
    /// The proxies that the last open connection passed, as `host:port`, nearest first. Empty if there was
    /// none.
    pub proxies: Vec<String>,
}

/// Takes note of events.
#[derive(Debug, Default)]
pub(super) struct Board {
    pub(super) is_listed: bool,
    symbols: SymbolMap<Entry>,
    unmatched: BTreeSet<SymbolPattern>,
    /// The open connections, by their row.
    open: BTreeMap<u64, Open>,
    /// Those that are open beside them.
    beside: BTreeMap<u64, Open>,
    /// What failed last, by the row that has no connection, or `None` for the list.
    outages: BTreeMap<Option<u64>, Outage>,
}

#[derive(Debug)]
struct Outage {
    since_ns: i64,
    attempt: u32,
    reason: String,
    proxies: Vec<String>,
}

#[derive(Debug, Default)]
struct Entry {
    nearest: Vec<Symbol>,
    /// The row of connections that it is on; `None` if it is not trading.
    row: Option<u64>,
    channels: EachChannel<Option<Heard>>,
    book: Option<BookStatus>,
    book_since_ns: Option<i64>,
}

#[derive(Debug, Default)]
struct Heard {
    last_event_ns: Option<i64>,
    events: u64,
    stale_since_ns: Option<i64>,
    gaps: u64,
}

#[derive(Debug)]
struct Open {
    number: u64,
    opened_ns: i64,
    proxies: Vec<String>,
    events: u64,
}

impl Open {
    fn new(number: u64, opened_ns: i64, proxies: &[String]) -> Self {
        Self {
            number,
            opened_ns,
            proxies: proxies.to_vec(),
            events: 0,
        }
    }
}

impl Board {
    /// `symbol` is streamed on connections of `row` from `now_ns` on, with these channels, too.
    pub(super) fn assign(
        &mut self,
        symbol: &Symbol,
        row: u64,
        channels: &BTreeSet<Channel>,
        now_ns: i64,
    ) {
        let entry = self.symbols.get_or_insert_with(symbol, Entry::default);
        entry.row = Some(row);
        entry.nearest.clear();
        for channel in channels {
            entry.channels.get_mut(*channel).get_or_insert_default();
        }
        if channels.contains(&Channel::L2Book) {
            entry.book = Some(BookStatus::Joining);
            entry.book_since_ns = Some(now_ns);
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
            for channel in channels {
                *entry.channels.get_mut(*channel) = None;
            }
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
        let channels = self.symbols.get(symbol)?.channels.iter();
        channels
            .filter_map(|(_, heard)| heard.as_ref()?.last_event_ns)
            .max()
    }

    /// Takes note of events about connections of `row`.
    pub(super) fn note_all<'a>(
        &mut self,
        row: Option<u64>,
        events: impl Iterator<Item = &'a FeedEvent>,
    ) {
        // Of its last connection: market data of one comes in a row.
        let (mut connection, mut brought) = (None, 0);
        for event in events {
            let stream = event.kind.stream();
            if stream.is_none() || event.connection != connection {
                self.count(row, connection, brought);
                (connection, brought) = (event.connection, 0);
            }
            match stream {
                Some((symbol, channel)) => {
                    brought += 1;
                    self.heard(row, symbol, channel, event.received_ns);
                    if matches!(event.kind, FeedEventKind::L2Snapshot(_)) {
                        self.turn(row, symbol, BookStatus::Live, event.received_ns);
                    }
                }
                None => self.note(row, event.connection, &event.kind, event.received_ns),
            }
        }
        self.count(row, connection, brought);
    }

    /// Takes note of an event about connections of `row` that is no market data.
    pub(super) fn note(
        &mut self,
        row: Option<u64>,
        connection: Option<u64>,
        kind: &FeedEventKind,
        received_ns: i64,
    ) {
        match kind {
            FeedEventKind::BookInvalid { symbol, reason } => {
                self.turn(
                    row,
                    symbol,
                    BookStatus::Invalid(reason.clone()),
                    received_ns,
                );
                if *reason != InvalidReason::Unsubscribed {
                    self.miss_some(row, symbol, Channel::L2Book);
                }
            }
            FeedEventKind::TradeGap { symbol, .. } => {
                self.miss_some(row, symbol, Channel::Trades);
            }
            FeedEventKind::Stale {
                symbol,
                channel,
                since_ns,
            } => {
                if let Some(heard) = self.channel(row, symbol, *channel) {
                    heard.stale_since_ns = Some(*since_ns);
                }
            }
            FeedEventKind::Live { symbol, channel } => {
                if let Some(heard) = self.channel(row, symbol, *channel) {
                    heard.stale_since_ns = None;
                }
            }
            FeedEventKind::Connected { proxies, .. } => {
                self.outages.remove(&row);
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
            FeedEventKind::Disconnected {
                reason, attempt, ..
            } => self.fail(row, reason, *attempt, received_ns),
            _ => {}
        }
    }

    /// The connections of `row` are over.
    pub(super) fn close(&mut self, row: u64) {
        self.open.remove(&row);
        self.beside.remove(&row);
        self.outages.remove(&Some(row));
    }

    /// The connection of `row` has ended, or could not be opened.
    fn fail(&mut self, row: Option<u64>, reason: &str, attempt: u32, now_ns: i64) {
        let mut last = None;
        if let Some(row) = row {
            self.beside.remove(&row);
            last = self.open.remove(&row);
        }
        let outage = self.outages.entry(row).or_insert_with(|| Outage {
            since_ns: now_ns,
            attempt,
            reason: String::new(),
            proxies: last.map(|it| it.proxies).unwrap_or_default(),
        });
        outage.attempt = attempt;
        reason.clone_into(&mut outage.reason);
    }

    /// `connection` has brought so many events of market data.
    fn count(&mut self, row: Option<u64>, connection: Option<u64>, events: u64) {
        let Some(row) = row else { return };
        let is_it = |open: &&mut Open| Some(open.number) == connection;
        let first = self.open.get_mut(&row).filter(is_it);
        if let Some(open) = first.or_else(|| self.beside.get_mut(&row).filter(is_it)) {
            open.events += events;
        }
    }

    fn heard(&mut self, row: Option<u64>, symbol: &Symbol, channel: Channel, received_ns: i64) {
        if let Some(heard) = self.channel(row, symbol, channel) {
            heard.last_event_ns = Some(received_ns);
            heard.events += 1;
        }
    }

    fn miss_some(&mut self, row: Option<u64>, symbol: &Symbol, channel: Channel) {
        if let Some(heard) = self.channel(row, symbol, channel) {
            heard.gaps += 1;
        }
    }

    fn turn(&mut self, row: Option<u64>, symbol: &Symbol, status: BookStatus, now_ns: i64) {
        let Some(entry) = self.entry(row, symbol) else {
            return;
        };
        let Some(book) = &mut entry.book else { return };
        if (*book == BookStatus::Live) != (status == BookStatus::Live) {
            entry.book_since_ns = Some(now_ns);
        }
        *book = status;
    }

    fn channel(
        &mut self,
        row: Option<u64>,
        symbol: &Symbol,
        channel: Channel,
    ) -> Option<&mut Heard> {
        self.entry(row, symbol)?.channels.get_mut(channel).as_mut()
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
            group: entry.row,
            channels: entry.channels.iter().filter_map(channel).collect(),
            book: entry.book.clone(),
            book_since_ns: entry.book.as_ref().and(entry.book_since_ns),
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
            group: *row,
            events: open.events,
        };
        let mut connections: Vec<_> = self.open.iter().chain(&self.beside).map(open).collect();
        connections.sort_unstable_by_key(|it| it.number);
        let outage = |(row, outage): (&Option<u64>, &Outage)| OutageStatus {
            group: *row,
            symbols: row
                .and_then(|row| counts.get(&row).copied())
                .unwrap_or_default(),
            since_ns: outage.since_ns,
            attempt: outage.attempt,
            reason: outage.reason.clone(),
            proxies: outage.proxies.clone(),
        };
        FeedStatus {
            exchange: exchange.into(),
            is_listed: self.is_listed,
            symbols,
            unmatched: self.unmatched.iter().cloned().collect(),
            connections,
            outages: self
                .outages
                .iter()
                .filter(|(row, _)| row.is_some() || !self.is_listed)
                .map(outage)
                .collect(),
        }
    }
}

fn channel((channel, heard): (Channel, &Option<Heard>)) -> Option<ChannelStatus> {
    let heard = heard.as_ref()?;
    Some(ChannelStatus {
        channel,
        last_event_ns: heard.last_event_ns,
        events: heard.events,
        stale_since_ns: heard.stale_since_ns,
        gaps: heard.gaps,
    })
}
