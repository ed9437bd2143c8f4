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
#[derive(Debug)]
pub(super) struct Warming {
    shards: BTreeMap<Shard, Instant>,
    patience: Duration,
}

impl Warming {
    /// None yet. After `patience`, symbols that are connected count as streaming: some books may never be true.
    pub(super) fn new(patience: Duration) -> Self {
        let shards = BTreeMap::new();
        Self { shards, patience }
    }

    pub(super) fn begin(&mut self, shard: Shard) {
        self.shards.insert(shard, Instant::now());
    }

    pub(super) fn end(&mut self, shard: Shard) {
        self.shards.remove(&shard);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.shards.is_empty()
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
                let Some(since) = self.shards.get(&shard) else {
                    continue;
                };
                let warm = since.elapsed();
                let is_late = warm > self.patience && symbol.connection.is_some();
                if !is_late && !is_streaming(symbol, warm) {
                    waiting.insert(shard);
                }
            }
        }
        let is_ready = |(shard, since): &(&Shard, &Instant)| {
            since.elapsed() > UNHEARD && !waiting.contains(shard)
        };
        let ready = self.shards.iter().filter(is_ready);
        let ready: Vec<_> = ready.map(|(it, _)| *it).collect();
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

#[cfg(test)]
mod tests {
    use feeds::{Channel, ChannelStatus, Symbol};
    use fleet::ShardCount;
    use tokio::time::advance;

    use super::*;

    fn feed(last_event_ns: Option<i64>, book: BookStatus) -> FeedStatus {
        let channel = ChannelStatus {
            channel: Channel::Trades,
            last_event_ns,
            events: 0,
            stale_since_ns: None,
            gaps: 0,
        };
        let symbol = SymbolStatus {
            symbol: Symbol::parse("A-B").unwrap(),
            is_trading: true,
            nearest: vec![],
            connection: Some(1),
            group: Some(1),
            channels: vec![channel],
            book: Some(book),
            book_since_ns: None,
        };
        FeedStatus {
            exchange: "okx".into(),
            is_listed: true,
            symbols: vec![symbol],
            unmatched: vec![],
            connections: vec![],
            outages: vec![],
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_shard_is_ready_when_all_that_trades_streams_or_has_nothing_to_say() {
        let shards = ShardCount::new(2).unwrap();
        let share = Share::none_of(shards);
        let here = share.shard_of(&"okx".into(), &Symbol::parse("A-B").unwrap());
        let other = shards.iter().find(|it| *it != here).unwrap();
        let patience = Duration::from_secs(30);
        let mut warming = Warming::new(patience);
        warming.begin(here);
        warming.begin(other);
        let live = feed(Some(1), BookStatus::Live);
        assert_eq!(warming.ready(std::slice::from_ref(&live), &share), []);
        advance(UNHEARD + Duration::from_millis(1)).await;
        let mut unlisted = live.clone();
        unlisted.is_listed = false;
        assert_eq!(warming.ready(&[unlisted], &share), []);
        let quiet = feed(None, BookStatus::Live);
        assert_eq!(warming.ready(std::slice::from_ref(&quiet), &share), [other]);
        let joining = feed(Some(1), BookStatus::Joining);
        assert_eq!(warming.ready(&[joining], &share), []);
        let mut apart = live.clone();
        apart.symbols[0].connection = None;
        assert_eq!(warming.ready(&[apart], &share), []);
        advance(QUIET).await;
        assert_eq!(warming.ready(&[quiet], &share), [here]);
        assert!(warming.is_empty() && warming.ready(&[live], &share).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_shard_is_taken_late_with_a_book_that_is_not_true_and_never_without_a_connection() {
        let share = Share::none_of(ShardCount::new(1).unwrap());
        let patience = Duration::from_secs(30);
        let mut warming = Warming::new(patience);
        let here = share.shard_of(&"okx".into(), &Symbol::parse("A-B").unwrap());
        warming.begin(here);
        let joining = feed(Some(1), BookStatus::Joining);
        let mut apart = joining.clone();
        apart.symbols[0].connection = None;
        advance(patience).await;
        assert_eq!(warming.ready(std::slice::from_ref(&joining), &share), []);
        advance(patience).await;
        assert_eq!(warming.ready(&[apart], &share), []);
        assert_eq!(warming.ready(&[joining], &share), [here]);
    }
}
