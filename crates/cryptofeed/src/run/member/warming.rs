//! Which shards stream.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use feeds::{BookStatus, FeedStatus, SymbolStatus};
use fleet::Shard;
use tokio::time::Instant;

use crate::streams::Share;

/// Until then, a feed may not have heard yet that it has more symbols.
const UNHEARD: Duration = Duration::from_millis(1_500);

/// For how long a stream may say nothing before it counts as one that has nothing to say.
const QUIET: Duration = Duration::from_secs(5);

/// Shards that are to stream before they are this collector's.
#[derive(Debug, Default)]
pub(super) struct Warming(BTreeMap<Shard, Instant>);

impl Warming {
    pub(super) fn begin(&mut self, shard: Shard) {
        self.0.insert(shard, Instant::now());
    }

    pub(super) fn end(&mut self, shard: Shard) {
        self.0.remove(&shard);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those of which every symbol that is trading streams. Each is told once.
    pub(super) fn ready(&mut self, feeds: &[FeedStatus], share: &Share) -> Vec<Shard> {
        let mut waiting = BTreeSet::new();
        for feed in feeds {
            if !feed.is_listed {
                return Vec::new();
            }
            for symbol in feed.symbols.iter().filter(|it| it.is_trading) {
                let shard = share.shard_of(&feed.exchange, &symbol.symbol);
                let Some(since) = self.0.get(&shard) else {
                    continue;
                };
                if !is_streaming(symbol, since.elapsed()) {
                    waiting.insert(shard);
                }
            }
        }
        let is_ready = |(shard, since): &(&Shard, &Instant)| {
            since.elapsed() > UNHEARD && !waiting.contains(shard)
        };
        let ready: Vec<_> = self.0.iter().filter(is_ready).map(|(it, _)| *it).collect();
        for shard in &ready {
            self.end(*shard);
        }
        ready
    }
}

/// Whether a symbol streams on every channel, in a shard that has been warm for so long.
fn is_streaming(symbol: &SymbolStatus, warm: Duration) -> bool {
    let is_book_true = matches!(symbol.book, None | Some(BookStatus::Live));
    let mut channels = symbol.channels.iter();
    let is_heard = channels.all(|it| it.last_event_ns.is_some() || warm > QUIET);
    symbol.connection.is_some() && is_book_true && is_heard
}
