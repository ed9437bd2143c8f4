//! What an exchange lists, and under which name.

use std::collections::HashMap;
use std::sync::Arc;

use crate::symbol::Symbol;

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
    by_symbol: HashMap<Symbol, Instrument>,
    by_exchange_symbol: HashMap<Arc<str>, Symbol>,
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
        self.by_exchange_symbol.get(exchange_symbol)
    }

    /// The instruments with these names, in their order.
    ///
    /// # Errors
    /// [`UnknownSymbol`] for the first that is not listed.
    pub fn select(&self, symbols: &[Symbol]) -> Result<Vec<Instrument>, UnknownSymbol> {
        let find = |symbol| {
            let found = self.by_symbol(symbol).cloned();
            found.ok_or_else(|| UnknownSymbol {
                symbol: symbol.clone(),
                nearest: self.nearest(symbol),
                nothing_is_listed: self.is_empty(),
            })
        };
        symbols.iter().map(find).collect()
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

    fn nearest(&self, symbol: &Symbol) -> Option<Symbol> {
        let wanted = symbol.as_str().to_uppercase();
        let distance =
            |known: &Symbol| strsim::osa_distance(&wanted, &known.as_str().to_uppercase());
        // Another symbol of the same quote currency is no misspelling.
        let is_near = |known: &&Symbol| distance(known) * 4 <= wanted.len();
        let known = self.by_symbol.keys().filter(is_near);
        // By name where two are equally near: a map has no order, but a message should not change.
        known.min_by_key(|known| (distance(known), *known)).cloned()
    }
}

impl FromIterator<Instrument> for Instruments {
    fn from_iter<T: IntoIterator<Item = Instrument>>(listed: T) -> Self {
        let mut instruments = Self::default();
        for instrument in listed {
            // A message must lead to one symbol, and a symbol to one stream.
            let is_taken = instruments.by_symbol.contains_key(&instrument.symbol)
                || instruments
                    .by_exchange_symbol
                    .contains_key(&instrument.exchange_symbol);
            if !is_taken {
                let symbol = instrument.symbol.clone();
                let exchange_symbol = Arc::clone(&instrument.exchange_symbol);
                instruments
                    .by_exchange_symbol
                    .insert(exchange_symbol, symbol.clone());
                instruments.by_symbol.insert(symbol, instrument);
            }
        }
        instruments
    }
}

/// A symbol that the exchange does not list, or does not trade at present.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct UnknownSymbol {
    symbol: Symbol,
    nearest: Option<Symbol>,
    nothing_is_listed: bool,
}

impl UnknownSymbol {
    /// The symbol that is not known.
    #[must_use]
    pub fn symbol(&self) -> &Symbol {
        &self.symbol
    }

    /// The listed symbol that is spelt most alike, if one is spelt nearly so.
    #[must_use]
    pub fn nearest(&self) -> Option<&Symbol> {
        self.nearest.as_ref()
    }
}

impl std::fmt::Display for UnknownSymbol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "symbol {} is unknown or not trading", self.symbol)?;
        match &self.nearest {
            Some(nearest) => write!(f, "; the nearest known is {nearest}"),
            None if self.nothing_is_listed => f.write_str("; nothing is listed"),
            None => Ok(()),
        }
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
    fn an_unknown_symbol_names_the_nearest_one() {
        let wanted = ["ETH-USDT".parse().unwrap(), "btc-usdt".parse().unwrap()];
        let error = listed().select(&wanted).unwrap_err();
        assert_eq!(
            error.to_string(),
            "symbol btc-usdt is unknown or not trading; the nearest known is BTC-USDT"
        );
        let doge = ["DOGE-USDT".parse().unwrap()];
        assert_eq!(
            listed().select(&doge).unwrap_err().to_string(),
            "symbol DOGE-USDT is unknown or not trading"
        );
        let error = Instruments::default().select(&wanted).unwrap_err();
        assert_eq!(error.nearest(), None);
    }
}
