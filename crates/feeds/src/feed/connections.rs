//! Which connection carries what.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;
use transport::WsDialer;

use super::backfill::Backfill;
use super::books::Books;
use super::changes::{self, Order};
use super::event_sender::{EventSender, wall_clock_ns};
use super::handle::Shared;
use super::pacing::Pacing;
use super::pulse::Pulse;
use super::redundancy::Redundancy;
use super::rest::Rest;
use super::resumption::{Mark, Resumption};
use super::retries::Retries;
use super::second_line::SecondLine;
use super::session::Session;
use super::standby::Standby;
use super::successor::Successor;
use super::tickers::Tickers;
use super::trades::Trades;
use super::watch::Watch;
use crate::channel::Channel;
use crate::event::FeedEventKind;
use crate::exchange::{Exchange, Limits, RequestIds, Stream};
use crate::instruments::Instrument;
use crate::merge::Merge;
use crate::symbol::Symbol;

/// What a session is made of.
pub(super) struct Source {
    pub(super) exchange: Arc<dyn Exchange>,
    pub(super) rest: Arc<Rest>,
    pub(super) pulse: Arc<Pulse>,
    pub(super) ws: Arc<dyn WsDialer>,
    pub(super) silence_limit: Duration,
    pub(super) redundancy: Redundancy,
    /// How many levels of a side the books have at most.
    pub(super) depth: Option<usize>,
}

/// The sessions, each of which has one connection after the other.
///
/// All channels of a symbol are on one connection, in one order, as far as the exchange keeps one.
pub(super) struct Connections {
    source: Source,
    shared: Arc<Shared>,
    events: EventSender,
    starts: mpsc::UnboundedSender<Session>,
    channels: BTreeSet<Channel>,
    rows: BTreeMap<u64, Row>,
    /// What has been changed of each row, and is not ordered yet.
    pending: BTreeMap<u64, Order>,
    /// The row of each symbol.
    homes: HashMap<Symbol, u64>,
    /// How many rows there have been.
    count: u64,
}

/// The connections of a session.
struct Row {
    instruments: Vec<Instrument>,
    orders: mpsc::UnboundedSender<Order>,
}

impl Connections {
    pub(super) fn new(
        source: Source,
        shared: Arc<Shared>,
        events: EventSender,
        starts: mpsc::UnboundedSender<Session>,
    ) -> Self {
        Self {
            source,
            channels: shared.wanted().channels,
            shared,
            events,
            starts,
            rows: BTreeMap::new(),
            pending: BTreeMap::new(),
            homes: HashMap::new(),
            count: 0,
        }
    }

    /// Whether `symbol` is streamed.
    pub(super) fn has(&self, symbol: &Symbol) -> bool {
        self.homes.contains_key(symbol)
    }

    /// What is streamed.
    pub(super) fn symbols(&self) -> impl Iterator<Item = &Symbol> {
        self.homes.keys()
    }

    /// What is streamed, under the names that the exchange had for it.
    pub(super) fn instruments(&self) -> impl Iterator<Item = &Instrument> {
        self.rows.values().flat_map(|row| &row.instruments)
    }

    /// The channels that are streamed of each symbol.
    pub(super) fn channels(&self) -> &BTreeSet<Channel> {
        &self.channels
    }

    /// Streams `new`, too: on the connections that have room, and on as many more as that takes.
    pub(super) fn add(&mut self, new: &[Instrument]) {
        let mut rest = new;
        let ids: Vec<_> = self.rows.keys().copied().collect();
        for id in ids {
            let mut added = Vec::new();
            while let Some(row) = self.rows.get_mut(&id) {
                let (part, left) = rest.split_at(self.source.room(row, rest, &self.channels));
                if part.is_empty() {
                    break;
                }
                row.instruments.extend_from_slice(part);
                added.extend_from_slice(part);
                rest = left;
            }
            if !added.is_empty() {
                self.settle(id, &added);
                let add = streams(&added, &self.channels);
                self.pending.entry(id).or_default().add.extend(add);
            }
        }
        while !rest.is_empty() {
            rest = self.open(rest);
        }
    }

    /// Opens a connection for as many of `new` as it takes, and returns the others.
    fn open<'a>(&mut self, mut new: &'a [Instrument]) -> &'a [Instrument] {
        self.count += 1;
        let id = self.count;
        let (orders, receiver) = mpsc::unbounded_channel();
        let mut row = Row {
            instruments: Vec::new(),
            orders,
        };
        loop {
            let room = self.source.room(&row, new, &self.channels);
            // A symbol that is too much by itself is left to the exchange to refuse.
            let least = usize::from(row.instruments.is_empty());
            let (part, left) = new.split_at(room.max(least).min(new.len()));
            if part.is_empty() {
                break;
            }
            row.instruments.extend_from_slice(part);
            new = left;
        }
        self.settle(id, &row.instruments);
        let events = self.events.for_other_connections(id);
        let session = self
            .source
            .session(&row.instruments, &self.channels, events, receiver);
        // Nobody runs it if the feed ends.
        let _ = self.starts.send(session);
        self.rows.insert(id, row);
        new
    }

    /// Notes that `instruments` are on connections of the row `id`.
    fn settle(&mut self, id: u64, instruments: &[Instrument]) {
        self.source.pulse.add(instruments);
        let now_ns = wall_clock_ns();
        let mut board = self.shared.board.lock();
        for instrument in instruments {
            self.homes.insert(instrument.symbol().clone(), id);
            board.assign(instrument.symbol(), id, &self.channels, now_ns);
        }
    }

    /// Streams these symbols no longer, and then tells that of each. Returns their instruments.
    pub(super) fn remove(
        &mut self,
        mut leaving: HashMap<Symbol, Option<FeedEventKind>>,
    ) -> Vec<Instrument> {
        let ids: BTreeSet<_> = leaving
            .keys()
            .filter_map(|it| self.homes.remove(it))
            .collect();
        let mut board = self.shared.board.lock();
        leaving.keys().for_each(|symbol| board.remove(symbol));
        drop(board);
        let mut all = Vec::new();
        for id in ids {
            let Some(row) = self.rows.get_mut(&id) else {
                continue;
            };
            let is_leaving = |it: &mut Instrument| leaving.contains_key(it.symbol());
            let removed: Vec<_> = row.instruments.extract_if(.., is_leaving).collect();
            let order = self.pending.entry(id).or_default();
            order.remove.extend(streams(&removed, &self.channels));
            let told = removed.iter().filter_map(|it| leaving.remove(it.symbol()));
            order.told.extend(told.flatten());
            all.extend(removed);
        }
        all
    }

    /// Streams these channels of each symbol, and no others. What is too much for its connection then
    /// moves to others.
    pub(super) fn set_channels(&mut self, channels: &BTreeSet<Channel>) {
        if self.channels == *channels {
            return;
        }
        let left: BTreeSet<_> = self.channels.difference(channels).copied().collect();
        let new: BTreeSet<_> = channels.difference(&self.channels).copied().collect();
        let mut excess = HashMap::new();
        for (id, row) in &self.rows {
            let order = self.pending.entry(*id).or_default();
            order.remove.extend(streams(&row.instruments, &left));
            if !left.is_empty() {
                let unsubscribed = |it: &Instrument| FeedEventKind::Unsubscribed {
                    symbol: it.symbol().clone(),
                    channels: left.iter().copied().collect(),
                };
                order.told.extend(row.instruments.iter().map(unsubscribed));
            }
            let kept = self.source.fitting(row, channels);
            let moving = row.instruments.iter().skip(kept);
            // Trades may be missed between the two connections, and its next book is another one.
            let unsubscribed = |it: &Instrument| {
                let event = FeedEventKind::Unsubscribed {
                    symbol: it.symbol().clone(),
                    channels: self.channels.difference(&left).copied().collect(),
                };
                (it.symbol().clone(), Some(event))
            };
            excess.extend(moving.map(unsubscribed));
        }
        self.channels.retain(|channel| !left.contains(channel));
        let moved = self.remove(excess);
        self.channels.clone_from(channels);
        let now_ns = wall_clock_ns();
        let mut board = self.shared.board.lock();
        for (id, row) in &self.rows {
            let add = streams(&row.instruments, &new);
            self.pending.entry(*id).or_default().add.extend(add);
            for instrument in &row.instruments {
                board.leave(instrument.symbol(), &left);
                board.assign(instrument.symbol(), *id, &new, now_ns);
            }
        }
        drop(board);
        self.add(&moved);
    }

    /// Has the trades of `symbol` go on after `mark`.
    pub(super) fn resume(&mut self, symbol: Symbol, mark: Mark) {
        if let Some(id) = self.homes.get(&symbol) {
            let order = self.pending.entry(*id).or_default();
            order.marks.push((symbol, mark));
        }
    }

    /// Gives the orders for what has been changed. A connection that has nothing left is closed.
    pub(super) fn order(&mut self) {
        for (id, order) in std::mem::take(&mut self.pending) {
            if let Some(row) = self.rows.get(&id) {
                // A session that has ended follows the feed.
                let _ = row.orders.send(order);
            }
        }
        self.rows.retain(|_, row| !row.instruments.is_empty());
    }
}

impl Source {
    /// How many of `new`, from the first on, a connection takes beside what it has.
    fn room(&self, row: &Row, new: &[Instrument], channels: &BTreeSet<Channel>) -> usize {
        let most = self.symbols_per_connection(channels);
        let mut count = most.saturating_sub(row.instruments.len()).min(new.len());
        let is_too_much = |count: usize| {
            let together = row.instruments.iter().chain(new.iter().take(count));
            let together: Vec<_> = together.cloned().collect();
            self.is_url_too_long(&together, channels)
        };
        while count > 0 && is_too_much(count) {
            count /= 2;
        }
        count
    }

    /// How many of the instruments of `row`, from the first on, have room for these channels.
    fn fitting(&self, row: &Row, channels: &BTreeSet<Channel>) -> usize {
        let instruments = &row.instruments;
        let mut count = instruments.len().min(self.symbols_per_connection(channels));
        let is_too_much = |count| {
            let fitting = instruments.get(..count).unwrap_or_default();
            self.is_url_too_long(fitting, channels)
        };
        while count > 1 && is_too_much(count) {
            count -= count.div_ceil(8).min(count - 1);
        }
        count
    }

    fn is_url_too_long(&self, instruments: &[Instrument], channels: &BTreeSet<Channel>) -> bool {
        let Some(limit) = self.exchange.limits().url else {
            return false;
        };
        let plan = self
            .exchange
            .plan(&streams(instruments, channels), &mut RequestIds::default());
        plan.is_ok_and(|plan| {
            let path = plan.socket.uri().path_and_query();
            path.is_some_and(|path| path.as_str().len() > limit)
        })
    }

    /// How many symbols one connection carries.
    fn symbols_per_connection(&self, channels: &BTreeSet<Channel>) -> usize {
        let Limits {
            streams, symbols, ..
        } = self.exchange.limits();
        let number = |limit: u32| usize::try_from(limit).unwrap_or(usize::MAX);
        let by_streams = streams.map(|streams| number(streams) / channels.len().max(1));
        let by_symbols = symbols.map(number);
        let least = by_streams.into_iter().chain(by_symbols).min();
        least.map_or(usize::MAX, |symbols| symbols.max(1))
    }

    fn session(
        &self,
        chosen: &[Instrument],
        channels: &BTreeSet<Channel>,
        events: EventSender,
        orders: mpsc::UnboundedReceiver<Order>,
    ) -> Session {
        let with_books = if channels.contains(&Channel::L2Book) {
            chosen
        } else {
            &[]
        };
        let (exchange, rest) = (Arc::clone(&self.exchange), Arc::clone(&self.rest));
        let streams = streams(chosen, channels);
        Session {
            exchange: Arc::clone(&self.exchange),
            ws: Arc::clone(&self.ws),
            silence_limit: self.silence_limit,
            watch: Watch::new(Arc::clone(&self.pulse), events.clone(), &streams),
            streams,
            orders,
            left: changes::Left::default(),
            instruments: chosen.iter().cloned().collect(),
            backfill: Backfill::new(Arc::clone(&exchange), Arc::clone(&rest)),
            resumption: Resumption::new(Arc::clone(&exchange), Arc::clone(&rest)),
            books: Books::new(exchange, rest, events.clone(), with_books, self.depth),
            events,
            trades: Trades::new(self.exchange.rules().trades),
            tickers: Tickers::default(),
            without_time: HashSet::new(),
            messages: Vec::new(),
            answers_pings: None,
            pacing: Pacing::new(),
            retries: Retries::default(),
            successor: Successor::new(),
            merge: match self.redundancy {
                Redundancy::None => None,
                Redundancy::TwoLines => Some(Merge::new(self.exchange.rules())),
            },
            second: SecondLine::new(),
            standby: Standby::new(Arc::clone(&self.exchange), self.depth),
            number: None,
            is_replacement_due: false,
            fault: None,
            under_way: None,
            farewells: FuturesUnordered::new(),
        }
    }
}

/// All of `channels` of each of `instruments`, symbol by symbol.
fn streams(instruments: &[Instrument], channels: &BTreeSet<Channel>) -> Vec<Stream> {
    let of = |instrument: &Instrument| {
        let instrument = instrument.clone();
        channels.iter().map(move |channel| Stream {
            instrument: instrument.clone(),
            channel: *channel,
        })
    };
    instruments.iter().flat_map(of).collect()
}
