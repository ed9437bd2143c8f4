//! Values by symbol.

use std::fmt;
use std::mem;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::Symbol;

/// Values by symbol, found by the hash that a symbol has.
// A map of the standard library asks the key for its hash, and that of a symbol is that of its text.
#[derive(Clone)]
pub(crate) struct SymbolMap<V>(HashTable<(Symbol, V)>);

impl<V> SymbolMap<V> {
    #[inline]
    pub(crate) fn get(&self, symbol: &Symbol) -> Option<&V> {
        // Some have nothing most of the time.
        if self.0.is_empty() {
            return None;
        }
        let known = self.0.find(symbol.0.hash, |(of, _)| of == symbol);
        known.map(|(_, value)| value)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, symbol: &Symbol) -> Option<&mut V> {
        let known = self.0.find_mut(symbol.0.hash, |(of, _)| of == symbol);
        known.map(|(_, value)| value)
    }

    pub(crate) fn contains_key(&self, symbol: &Symbol) -> bool {
        self.get(symbol).is_some()
    }

    /// The value of `symbol`, which is made if there is none.
    pub(crate) fn get_or_insert_with(
        &mut self,
        symbol: &Symbol,
        make: impl FnOnce() -> V,
    ) -> &mut V {
        let value = || (symbol.clone(), make());
        &mut self.entry(symbol).or_insert_with(value).into_mut().1
    }

    /// Returns the value that `symbol` had.
    pub(crate) fn insert(&mut self, symbol: Symbol, value: V) -> Option<V> {
        match self.entry(&symbol) {
            Entry::Occupied(known) => Some(mem::replace(&mut known.into_mut().1, value)),
            Entry::Vacant(free) => {
                free.insert((symbol, value));
                None
            }
        }
    }

    pub(crate) fn remove(&mut self, symbol: &Symbol) -> Option<V> {
        let known = self.0.find_entry(symbol.0.hash, |(of, _)| of == symbol);
        let ((_, value), _) = known.ok()?.remove();
        Some(value)
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of it, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Symbol, &V)> {
        self.0.iter().map(|(symbol, value)| (symbol, value))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &Symbol> {
        self.0.iter().map(|(symbol, _)| symbol)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    fn entry(&mut self, symbol: &Symbol) -> Entry<'_, (Symbol, V)> {
        let is_it = |(of, _): &(Symbol, V)| of == symbol;
        self.0.entry(symbol.0.hash, is_it, |(of, _)| of.0.hash)
    }
}

impl<V> Default for SymbolMap<V> {
    fn default() -> Self {
        Self(HashTable::new())
    }
}

impl<V: fmt::Debug> fmt::Debug for SymbolMap<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn symbol(number: u8) -> Symbol {
        format!("A-{number}").parse().unwrap()
    }

    proptest! {
        #[test]
        fn a_map_by_symbols_is_one_by_their_texts(
            steps in proptest::collection::vec((0..4u8, 0..16u8, any::<u32>()), 0..200),
        ) {
            let mut map = SymbolMap::default();
            let mut model = BTreeMap::new();
            for (what, number, value) in steps {
                // Each time another one of the same text.
                let symbol = symbol(number);
                let text = symbol.to_string();
                match what {
                    0 => prop_assert_eq!(map.insert(symbol, value), model.insert(text, value)),
                    1 => prop_assert_eq!(map.remove(&symbol), model.remove(&text)),
                    2 => {
                        let made = map.get_or_insert_with(&symbol, || value);
                        prop_assert_eq!(made, model.entry(text).or_insert(value));
                    }
                    _ => prop_assert_eq!(map.get_mut(&symbol), model.get_mut(&text)),
                }
            }
            for number in 0..16 {
                let symbol = symbol(number);
                let text = symbol.to_string();
                prop_assert_eq!(map.get(&symbol), model.get(&text));
                prop_assert_eq!(map.contains_key(&symbol), model.contains_key(&text));
            }
            prop_assert_eq!((map.len(), map.is_empty()), (model.len(), model.is_empty()));
            let all: BTreeMap<_, _> = map.iter().map(|(it, value)| (it.to_string(), *value)).collect();
            prop_assert_eq!(&all, &model);
            let mut keys: Vec<_> = map.keys().map(ToString::to_string).collect();
            keys.sort();
            prop_assert!(keys.iter().eq(model.keys()));
            let sum = |values: &mut dyn Iterator<Item = u32>| values.map(u64::from).sum::<u64>();
            let expected = sum(&mut model.values().copied());
            prop_assert_eq!(sum(&mut map.values().copied()), expected);
            prop_assert_eq!(sum(&mut map.values_mut().map(|it| *it)), expected);
            map.clear();
            prop_assert!(map.is_empty() && map.get(&symbol(0)).is_none());
        }
    }
}
