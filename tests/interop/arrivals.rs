//! When each trade came over which line.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use feeds::{Trade, TradeId};
use serde::Deserialize;
use transport::{ConnectionInfo, Message};
use transport_ws::FrameObserver;

/// The trades of Binance, when they came first, and how much later they came again.
#[derive(Clone, Default)]
pub(super) struct Arrivals(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    first: HashMap<(String, u64), SystemTime>,
    apart: Vec<Duration>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: Option<Data<'a>>,
}

#[derive(Deserialize)]
struct Data<'a> {
    e: Option<&'a str>,
    s: Option<&'a str>,
    t: Option<u64>,
}

impl FrameObserver for Arrivals {
    fn observe(&self, _: &ConnectionInfo, frame: &Message, at: SystemTime) {
        let Message::Text(text) = frame else {
            return;
        };
        let Ok(Envelope { data: Some(data) }) = serde_json::from_slice(text) else {
            return;
        };
        if let Data {
            e: Some("trade"),
            s: Some(symbol),
            t: Some(id),
        } = data
        {
            let mut seen = self.0.lock().unwrap();
            match seen.first.entry((symbol.to_owned(), id)) {
                Entry::Vacant(entry) => {
                    entry.insert(at);
                }
                Entry::Occupied(entry) => {
                    let apart = at.duration_since(*entry.get()).unwrap_or_default();
                    seen.apart.push(apart);
                }
            }
        }
    }
}

impl Arrivals {
    /// How long ago `trade` came first, by whichever line.
    pub(super) fn age(&self, trade: &Trade) -> Option<Duration> {
        let symbol = trade.symbol.to_string().replace('-', "");
        let TradeId::Number(id) = trade.id.as_ref()? else {
            return None;
        };
        let key = (symbol, *id);
        let first = *self.0.lock().unwrap().first.get(&key)?;
        SystemTime::now().duration_since(first).ok()
    }

    /// How far apart the two lines were, for each trade since the last call that came over both.
    pub(super) fn take_apart(&self) -> Vec<Duration> {
        std::mem::take(&mut self.0.lock().unwrap().apart)
    }
}

/// The 99th percentile and the maximum.
pub(super) fn worst(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    let at = |rank: usize| times.get(rank).copied().unwrap_or_default();
    (
        at(times.len() * 99 / 100),
        at(times.len().saturating_sub(1)),
    )
}
