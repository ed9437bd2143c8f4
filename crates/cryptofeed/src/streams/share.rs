//! The symbols that one collector of a fleet streams.

use std::collections::HashMap;
use std::sync::Arc;

use feeds::{ExchangeName, Symbol, SymbolFilter};
use fleet::{Shard, ShardCount};
use parking_lot::Mutex;

/// The shards of which a collector streams the symbols.
#[derive(Debug, Clone)]
pub(crate) struct Share {
    shards: ShardCount,
    /// By the number of the shard.
    has: Arc<[bool]>,
    /// Which shards symbols belong to, by exchange: it takes a hash for each shard to find out.
    known: Arc<Mutex<HashMap<ExchangeName, Known>>>,
}

type Known = Arc<Mutex<HashMap<Symbol, Shard>>>;

impl Share {
    /// None of them.
    pub(crate) fn none_of(shards: ShardCount) -> Self {
        Self {
            shards,
            has: vec![false; usize::from(shards.value())].into(),
            known: Arc::default(),
        }
    }

    /// The same with `shard`, or without it. What has been made of it before stays as it is.
    pub(crate) fn set(&mut self, shard: Shard, is_streamed: bool) {
        let has = Arc::make_mut(&mut self.has);
        if let Some(has) = has.get_mut(shard.index()) {
            *has = is_streamed;
        }
    }

    /// The shard that a symbol of `exchange` belongs to.
    pub(crate) fn shard_of(&self, exchange: &ExchangeName, symbol: &Symbol) -> Shard {
        shard_of(&self.known(exchange), self.shards, exchange, symbol)
    }

    /// The symbols of `exchange`.
    pub(super) fn of(&self, exchange: ExchangeName) -> SymbolFilter {
        let known = self.known(&exchange);
        let (shards, has) = (self.shards, Arc::clone(&self.has));
        SymbolFilter::new(move |symbol| {
            let shard = shard_of(&known, shards, &exchange, symbol);
            has.get(shard.index()).copied().unwrap_or_default()
        })
    }

    fn known(&self, exchange: &ExchangeName) -> Known {
        Arc::clone(self.known.lock().entry(exchange.clone()).or_default())
    }
}

fn shard_of(known: &Known, shards: ShardCount, exchange: &ExchangeName, symbol: &Symbol) -> Shard {
    let mut known = known.lock();
    if let Some(shard) = known.get(symbol) {
        return *shard;
    }
    let shard = shards.shard_of(exchange.as_str(), symbol);
    known.insert(symbol.clone(), shard);
    shard
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_has_the_symbols_of_the_shards_that_there_were_when_it_was_made() {
        let shards = ShardCount::new(4).unwrap();
        let mut share = Share::none_of(shards);
        let symbols = (0..40).map(|it| Symbol::parse(&format!("S{it}-USDT")).unwrap());
        let symbols: Vec<_> = symbols.collect();
        let none = share.of("okx".into());
        let third = shards.iter().nth(3).unwrap();
        share.set(third, true);
        let some = share.of("okx".into());
        share.set(third, false);
        for symbol in &symbols {
            let is_here = shards.shard_of("okx", symbol) == third;
            assert_eq!((none.has(symbol), some.has(symbol)), (false, is_here));
            assert!(!share.of("okx".into()).has(symbol));
        }
        assert!(symbols.iter().any(|it| some.has(it)));
    }
}
