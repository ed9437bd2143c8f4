//! A reader of a fleet's stream, which follows the rule of fences and shares no code with `tail`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use feeds::{FeedEvent, FeedEventKind, OrderBook, TradeId};

use super::truth::Looks;
use crate::nats_server::{Message, NatsServer};

/// What a reader has seen.
#[derive(Default)]
pub(super) struct Reader {
    /// Each shard's highest fence.
    highest: HashMap<String, u64>,
    /// The book of each symbol, and the run that it is of.
    books: HashMap<String, (String, OrderBook)>,
    /// How often each trade of each symbol is there.
    trades: HashMap<String, BTreeMap<u64, u32>>,
    /// Events from a collector that the shard was taken from.
    pub(super) fenced: u64,
    /// Trades that were fetched.
    pub(super) fetched: u64,
    pub(super) events: u64,
    /// The symbols whose books were compared with the market, by the run that they are of.
    pub(super) compared: HashMap<String, BTreeSet<String>>,
    /// When each run told something of a symbol first: nanoseconds since 1970.
    pub(super) begun: HashMap<(String, String), i64>,
}

impl Reader {
    /// Reads what has come.
    pub(super) fn read(&mut self, server: &NatsServer, looks: &Looks) {
        for message in server.messages_from("MD", self.events + 1) {
            self.take(&message, looks);
        }
    }

    fn take(&mut self, message: &Message, looks: &Looks) {
        let event: FeedEvent = serde_json::from_str(&message.payload).unwrap();
        self.events += 1;
        let Some(symbol) = event.symbol().map(ToString::to_string) else {
            return;
        };
        let run = message.header("Cryptofeed-Run").unwrap().to_owned();
        let fence = message.header("Cryptofeed-Fence");
        let fence = fence.unwrap_or_else(|| panic!("no fence: {}", message.payload));
        let (shard, revision) = fence.rsplit_once('.').unwrap();
        let revision: u64 = revision.parse().unwrap();
        let highest = self.highest.entry(shard.to_owned()).or_default();
        let is_fenced = revision < *highest;
        *highest = revision.max(*highest);
        self.fenced += u64::from(is_fenced);
        if let FeedEventKind::Trade(trade) = &event.kind {
            let Some(TradeId::Number(last)) = trade.id else {
                panic!("no id: {}", message.payload);
            };
            self.fetched += u64::from(trade.backfilled);
            let trades = self.trades.entry(symbol.clone()).or_default();
            for id in last + 1 - u64::from(trade.count)..=last {
                *trades.entry(id).or_default() += 1;
            }
        }
        if is_fenced {
            return;
        }
        let begun = (run.clone(), symbol.clone());
        self.begun.entry(begun).or_insert(message.stored_ns);
        if matches!(
            event.kind,
            FeedEventKind::L2Snapshot(_)
                | FeedEventKind::L2Delta(_)
                | FeedEventKind::BookInvalid { .. }
        ) {
            self.apply(&symbol, run, &event.kind, looks);
        }
    }

    fn apply(&mut self, symbol: &str, run: String, kind: &FeedEventKind, looks: &Looks) {
        let is_snapshot = matches!(kind, FeedEventKind::L2Snapshot(_));
        let new = || (run.clone(), OrderBook::default());
        let of = self.books.entry(symbol.to_owned()).or_insert_with(new);
        if of.0 != run {
            assert!(
                is_snapshot,
                "{symbol}: the book of {run} begins with {kind:?}"
            );
            *of = new();
        }
        let applied = of.1.apply_event(kind);
        applied.unwrap_or_else(|error| panic!("{symbol} of {run}: {error}"));
        if let Some((bid, ask)) = of.1.crossed() {
            panic!("{symbol} of {run}: {bid:?} meets {ask:?}");
        }
        if of.1.covers().is_some() && looks.compare(symbol, &of.1) {
            self.compared
                .entry(run)
                .or_default()
                .insert(symbol.to_owned());
        }
    }

    /// The trades that are not there, from the first that is there to the last of `until`.
    pub(super) fn missing(&self, until: &HashMap<String, u64>) -> Vec<(String, u64)> {
        let missing = until.iter().flat_map(|(symbol, last)| {
            let there = self.trades.get(symbol);
            let is_there = move |id: &u64| there.is_some_and(|there| there.contains_key(id));
            let first = there.and_then(|there| there.first_key_value());
            let first = first.map_or(*last, |(first, _)| *first);
            let missing = (first..=*last).filter(move |id| !is_there(id));
            missing.map(|id| (symbol.clone(), id))
        });
        missing.collect()
    }

    /// The trades that are there more than once.
    pub(super) fn repeated(&self) -> Vec<(String, u64)> {
        let repeated = self.trades.iter().flat_map(|(symbol, there)| {
            let repeated = there.iter().filter(|(_, times)| **times != 1);
            repeated.map(|(id, _)| (symbol.clone(), *id))
        });
        repeated.collect()
    }

    /// How many different trades there are.
    pub(super) fn count(&self) -> usize {
        self.trades.values().map(BTreeMap::len).sum()
    }
}
