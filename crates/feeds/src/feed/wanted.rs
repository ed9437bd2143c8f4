//! What a feed shall deliver at present.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::channel::Channel;
use crate::filter::SymbolFilter;
use crate::instruments::{Instrument, Instruments};
use crate::pattern::SymbolPattern;
use crate::subscription::Subscription;
use crate::symbol::Symbol;

//     subscribe    BTC-USDT, *-USDC
//     unsubscribe  LUNA-USDC            all of USDC but that
//     subscribe    LUNA-USDC            that, too
//     unsubscribe  *                    nothing, and no rule is left
/// Symbols that are wanted, and channels. Of the rules that have a symbol, the latest counts. What the filter
/// lacks is not wanted here, whatever they say.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// The rules for one symbol. No pattern that has it and says otherwise is later.
    named: HashMap<Symbol, Named>,
    /// The others.
    patterns: Vec<(SymbolPattern, bool)>,
    pub(super) channels: BTreeSet<Channel>,
    filter: Option<SymbolFilter>,
    /// How many symbols have been named.
    count: u64,
}

#[derive(Debug, Clone, Copy)]
struct Named {
    number: u64,
    is_wanted: bool,
}

impl Wanted {
    pub(super) fn new(subscription: &Subscription) -> Self {
        let mut wanted = Self {
            named: HashMap::new(),
            patterns: Vec::new(),
            channels: subscription.channels().clone(),
            filter: None,
            count: 0,
        };
        for pattern in subscription.symbols() {
            wanted.add(pattern.clone());
        }
        wanted
    }

    /// The symbols and channels of `subscription`, and no others. The filter stays.
    pub(super) fn replace(&mut self, subscription: &Subscription) {
        let filter = self.filter.take();
        *self = Self::new(subscription);
        self.filter = filter;
    }

    /// Of what is wanted, only what `filter` has.
    pub(super) fn limit_to(&mut self, filter: SymbolFilter) {
        self.filter = Some(filter);
    }

    pub(super) fn is_limited(&self) -> bool {
        self.filter.is_some()
    }

    pub(super) fn add(&mut self, pattern: SymbolPattern) {
        match pattern.symbol() {
            Some(symbol) => self.name(symbol.clone(), true),
            None => {
                self.outdate(&pattern, false);
                self.patterns.push((pattern, true));
            }
        }
    }

    pub(super) fn remove(&mut self, pattern: SymbolPattern) {
        // Without a wider rule before it, there is nothing left that it could take away.
        if let Some(symbol) = pattern.symbol() {
            self.named.remove(symbol);
            if self.is_asked_for(symbol) {
                self.name(symbol.clone(), false);
            }
        } else {
            self.outdate(&pattern, true);
            if self.patterns().next().is_some() {
                self.patterns.push((pattern, false));
            }
        }
    }

    fn name(&mut self, symbol: Symbol, is_wanted: bool) {
        self.count += 1;
        let number = self.count;
        self.named.insert(symbol, Named { number, is_wanted });
    }

    /// Drops the rules against what `pattern` has, or with `is_removed` those for it, too: behind one for
    /// `pattern`, they count no longer.
    fn outdate(&mut self, pattern: &SymbolPattern, is_removed: bool) {
        self.named
            .retain(|symbol, named| named.is_wanted && !is_removed || !pattern.matches(symbol));
        let has_all = pattern.as_str() == "*";
        self.patterns
            .retain(|(it, is_wanted)| it != pattern && (*is_wanted && !is_removed || !has_all));
    }

    /// Whether `symbol` is wanted.
    pub(super) fn has(&self, symbol: &Symbol) -> bool {
        self.is_within(symbol) && self.is_asked_for(symbol)
    }

    /// Whether the filter, if there is one, has `symbol`.
    fn is_within(&self, symbol: &Symbol) -> bool {
        self.filter.as_ref().is_none_or(|it| it.has(symbol))
    }

    /// Whether the rules want `symbol`.
    fn is_asked_for(&self, symbol: &Symbol) -> bool {
        if let Some(named) = self.named.get(symbol) {
            return named.is_wanted;
        }
        let mut latest = self.patterns.iter().rev();
        let rule = latest.find(|(pattern, _)| pattern.matches(symbol));
        rule.is_some_and(|(_, is_wanted)| *is_wanted)
    }

    /// The symbols that are wanted by their names, in the order in which they were named.
    pub(super) fn symbols(&self) -> Vec<&Symbol> {
        let is_wanted =
            |(symbol, named): &(&Symbol, &Named)| named.is_wanted && self.is_within(symbol);
        let named = self.named.iter().filter(is_wanted);
        let mut symbols: Vec<_> = named
            .map(|(symbol, named)| (named.number, symbol))
            .collect();
        symbols.sort_unstable();
        symbols.into_iter().map(|(_, symbol)| symbol).collect()
    }

    /// The patterns that are wanted.
    pub(super) fn patterns(&self) -> impl Iterator<Item = &SymbolPattern> {
        let wanted = self.patterns.iter().filter(|(_, is_wanted)| *is_wanted);
        wanted.map(|(pattern, _)| pattern)
    }

    /// The wanted ones of `listed`: those that are named in their order, the others by name.
    pub(super) fn select(&self, listed: &Instruments) -> Vec<Instrument> {
        let mut selected: Vec<_> = self
            .symbols()
            .into_iter()
            .filter_map(|symbol| listed.by_symbol(symbol))
            .collect();
        if self.patterns().next().is_some() {
            let named: HashSet<_> = selected.iter().map(|it| it.symbol()).collect();
            let is_other = |it: &&Instrument| !named.contains(it.symbol()) && self.has(it.symbol());
            let mut others: Vec<_> = listed.iter().filter(is_other).collect();
            others.sort_unstable_by_key(|it| it.symbol());
            selected.extend(others);
        }
        selected.into_iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Wanted {
        let subscription = Subscription::new(patterns("BTC-USDT ETH-USDT"), Channel::ALL);
        Wanted::new(&subscription.unwrap())
    }

    fn patterns(text: &str) -> Vec<SymbolPattern> {
        let words = text.split_whitespace();
        words.map(|word| word.parse().unwrap()).collect()
    }

    fn selected(wanted: &Wanted) -> String {
        let listed = ["BTC-USDC", "ETH-USDT", "BTC-USDT", "LUNA-USDC"];
        let listed = listed.map(|name| Instrument::new(name.parse().unwrap(), name));
        let selected = wanted.select(&listed.into_iter().collect());
        let names = selected.iter().map(|it| it.symbol().as_str());
        names.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn of_the_rules_that_have_a_symbol_the_latest_counts() {
        let mut wanted = wanted();
        assert_eq!(selected(&wanted), "BTC-USDT ETH-USDT");
        for (is_wanted, text, expected) in [
            (true, "*-USDC", "BTC-USDT ETH-USDT BTC-USDC LUNA-USDC"),
            (false, "LUNA-USDC", "BTC-USDT ETH-USDT BTC-USDC"),
            (false, "BTC-*", "ETH-USDT"),
            (true, "LUNA-USDC", "ETH-USDT LUNA-USDC"),
            (true, "BTC-USDC", "ETH-USDT LUNA-USDC BTC-USDC"),
            (false, "*-USDC", "ETH-USDT"),
            (false, "*", ""),
        ] {
            for pattern in patterns(text) {
                match is_wanted {
                    true => wanted.add(pattern),
                    false => wanted.remove(pattern),
                }
            }
            assert_eq!(selected(&wanted), expected, "{is_wanted} {text}");
        }
        assert!(wanted.named.is_empty() && wanted.patterns.is_empty());
    }

    #[test]
    fn what_the_filter_lacks_is_not_wanted_and_the_rules_are_as_without_it() {
        let mut wanted = wanted();
        wanted.limit_to(SymbolFilter::new(|it| it.as_str().starts_with("BTC-")));
        assert_eq!(selected(&wanted), "BTC-USDT");
        assert_eq!(wanted.symbols().len(), 1);
        for pattern in patterns("*-USDC LUNA-USDC") {
            wanted.add(pattern);
        }
        assert_eq!(selected(&wanted), "BTC-USDT BTC-USDC");
        for pattern in patterns("LUNA-USDC ETH-USDT") {
            wanted.remove(pattern);
        }
        wanted.limit_to(SymbolFilter::new(|_| true));
        assert_eq!(selected(&wanted), "BTC-USDT BTC-USDC");
        wanted.limit_to(SymbolFilter::new(|it| it.as_str().ends_with("-USDC")));
        let subscription = Subscription::new(patterns("BTC-USDT *-USDC"), Channel::ALL);
        wanted.replace(&subscription.unwrap());
        assert_eq!(selected(&wanted), "BTC-USDC LUNA-USDC");
    }

    #[test]
    fn rules_do_not_grow_with_what_comes_and_goes() {
        let mut wanted = wanted();
        for pattern in patterns("*-USDC *-USDC") {
            wanted.add(pattern);
        }
        for round in 0..100 {
            for pattern in patterns(&format!("A{round}-USDT A{round}-USDC")) {
                wanted.add(pattern.clone());
                wanted.remove(pattern);
            }
        }
        // Those of USDC are taken away from what the pattern has.
        assert_eq!(wanted.named.len(), 2 + 100);
        assert_eq!(wanted.patterns.len(), 1);
    }
}
