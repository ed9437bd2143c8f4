//! What an exchange lists, and under which name.

use std::sync::Arc;

use hashbrown::HashTable;

use crate::symbol::{Symbol, SymbolMap, hash_of};

/// How many names are told where one is not known.
const NEAREST: usize = 3;

/// One thing that an exchange trades, under its neutral and its exchange's own name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Instrument {
    symbol: Symbol,
    exchange_symbol: Arc<str>,
}

impl Instrument {
    /// Pairs a symbol with the exchange's own name for it.
    #[must_use]
    pub fn new(symbol: Symbol, exchange_symbol: &str) -> Self {
        Self {
            symbol,
            exchange_symbol: exchange_symbol.into(),
        }
    }

    /// The exchange-neutral name: `BTC-USDT`.
    #[must_use]
    pub fn symbol(&self) -> &Symbol {
        &self.symbol
    }

    /// The exchange's own name: `BTCUSDT` or `BTC_USDT`.
    #[must_use]
    pub fn exchange_symbol(&self) -> &str {
        &self.exchange_symbol
    }
}

//     neutral           exchange's         at
//     BTC-USDT          BTCUSDT            Binance
//     SOL-USDC-PERP     SOL_USDC_PERP      Backpack
//
// One name is no function of the other, so both are looked up in what the exchange lists.
/// The instruments that can be traded at an exchange, found by either of their names.
///
/// Both names are unique: of two instruments that share one, the first counts.
#[derive(Debug, Clone, Default)]
pub struct Instruments {
    by_symbol: SymbolMap<Instrument>,
    by_exchange_symbol: HashTable<Instrument>,
}

impl Instruments {
    /// The instrument with an exchange-neutral name.
    #[must_use]
    pub fn by_symbol(&self, symbol: &Symbol) -> Option<&Instrument> {
        self.by_symbol.get(symbol)
    }

    /// The exchange-neutral name of what the exchange calls `exchange_symbol`.
    #[must_use]
    pub fn symbol_of(&self, exchange_symbol: &str) -> Option<&Symbol> {
        let is_it = |known: &Instrument| known.exchange_symbol() == exchange_symbol;
        let known = self
            .by_exchange_symbol
            .find(hash_of(exchange_symbol), is_it)?;
        Some(known.symbol())
    }

    /// All instruments, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Instrument> {
        self.by_symbol.values()
    }

    /// How many instruments there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_symbol.len()
    }

    /// Whether there is no instrument.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_symbol.is_empty()
    }

    /// Up to three listed symbols that are spelt nearly like `symbol`, the nearest first.
    #[must_use]
    pub fn nearest(&self, symbol: &Symbol) -> Vec<Symbol> {
        let wanted = symbol.as_str().to_uppercase();
        let distance =
            |known: &Symbol| strsim::osa_distance(&wanted, &known.as_str().to_uppercase());
        // Another symbol of the same quote currency is no misspelling.
        let mut near: Vec<_> = self
            .by_symbol
            .keys()
            .filter(|known| known.as_str() != symbol.as_str())
            .map(|known| (distance(known), known))
            .filter(|(distance, _)| distance * 4 <= wanted.len())
            .map(|(distance, known)| (distance, known.as_str().len().abs_diff(wanted.len()), known))
            .collect();
        // By length and name where two are equally near: a map has no order, but a message should not change.
        near.sort_unstable();
        let least = near.first().map_or(0, |(distance, ..)| *distance);
        let near = near.into_iter().take(NEAREST);
        let near = near.take_while(|(distance, ..)| *distance <= least + 1);
        near.map(|(.., known)| known.clone()).collect()
    }

    /// Adds `instrument`, in place of what had its symbol.
    pub(crate) fn replace(&mut self, instrument: Instrument) {
        if let Some(before) = self.by_symbol.remove(&instrument.symbol) {
            let hash = hash_of(before.exchange_symbol());
            let listed = self.by_exchange_symbol.find_entry(hash, |it| *it == before);
            if let Ok(listed) = listed {
                listed.remove();
            }
        }
        self.insert(instrument);
    }

    /// Adds `instrument`, unless one of its names is taken.
    pub(crate) fn insert(&mut self, instrument: Instrument) {
        // A message must lead to one symbol, and a symbol to one stream.
        let is_taken = self.by_symbol.contains_key(&instrument.symbol)
            || self.symbol_of(instrument.exchange_symbol()).is_some();
        if !is_taken {
            let hash = |known: &Instrument| hash_of(known.exchange_symbol());
            self.by_exchange_symbol
                .insert_unique(hash(&instrument), instrument.clone(), hash);
            self.by_symbol.insert(instrument.symbol.clone(), instrument);
        }
    }
}

impl FromIterator<Instrument> for Instruments {
    fn from_iter<T: IntoIterator<Item = Instrument>>(listed: T) -> Self {
        let mut instruments = Self::default();
        for instrument in listed {
            instruments.insert(instrument);
        }
        instruments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed() -> Instruments {
        [
            ("BTC-USDT", "BTCUSDT"),
            ("ETH-USDT", "ETHUSDT"),
            ("BTC-USDT", "BTCUSDT2"),
        ]
        .into_iter()
        .map(|(symbol, exchange)| Instrument::new(symbol.parse().unwrap(), exchange))
        .collect()
    }

    #[test]
    fn instruments_are_found_by_either_name() {
        let listed = listed();
        let btc: Symbol = "BTC-USDT".parse().unwrap();
        assert_eq!(listed.by_symbol(&btc).unwrap().exchange_symbol(), "BTCUSDT");
        assert_eq!(listed.symbol_of("BTCUSDT"), Some(&btc));
        assert_eq!(listed.symbol_of("BTCUSDT2"), None);
        assert_eq!(listed.len(), 2);
    }

    #[test]
    fn the_nearest_names_are_those_of_a_misspelling() {
        let nearest = |listed: &Instruments, wanted: &str| {
            let names = listed.nearest(&wanted.parse().unwrap());
            names.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(nearest(&listed(), "btc-usdt"), ["BTC-USDT"]);
        assert_eq!(nearest(&listed(), "DOGE-USDT"), [] as [&str; 0]);
        assert_eq!(
            nearest(&Instruments::default(), "BTC-USDT"),
            [] as [&str; 0]
        );
        let listed = ["BTC-USD", "BTC-USDC", "BTC-USDT", "BTC-USDX", "WBTC-USDT"];
        let listed = listed.map(|name| Instrument::new(name.parse().unwrap(), name));
        let names = nearest(&listed.into_iter().collect(), "BTC-USTD");
        assert_eq!(names, ["BTC-USDT", "BTC-USD", "BTC-USDC"]);
    }
}
