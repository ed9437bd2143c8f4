//! A book of texts: every digit as the exchange wrote it.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::Value;

use super::capture::Dialect;

/// Price and size, as they were written.
pub(super) type Level = (String, String);

/// Bids and asks.
pub(super) type Sides = [Vec<Level>; 2];

pub(super) const BIDS: usize = 0;

pub(super) fn number(text: &str) -> Decimal {
    Decimal::from_str_exact(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The bids and the asks of a book, by price.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Book([BTreeMap<Decimal, Level>; 2]);

impl Book {
    pub(super) fn apply(&mut self, is_snapshot: bool, sides: &Sides) {
        if is_snapshot {
            *self = Self::default();
        }
        for (side, levels) in self.0.iter_mut().zip(sides) {
            for level in levels {
                let price = number(&level.0);
                match number(&level.1).is_zero() {
                    true => side.remove(&price),
                    false => side.insert(price, level.clone()),
                };
            }
        }
    }

    /// Forgets all but the best `depth` prices of each side, and tells which those are.
    pub(super) fn cut(&mut self, depth: usize) -> [Vec<Decimal>; 2] {
        let [bids, asks] = &mut self.0;
        let bids_cut = (depth..bids.len()).filter_map(|_| bids.pop_first());
        let bids_cut = bids_cut.map(|(price, _)| price).collect();
        let asks_cut = (depth..asks.len()).filter_map(|_| asks.pop_last());
        [bids_cut, asks_cut.map(|(price, _)| price).collect()]
    }

    /// Forgets what `range` does not reach.
    pub(super) fn keep(&mut self, range: &Range) {
        for (side, levels) in self.0.iter_mut().enumerate() {
            levels.retain(|price, _| range.has(side, *price));
        }
    }

    /// The levels of a side, the best ones first.
    pub(super) fn best_first(&self, side: usize) -> Vec<&Level> {
        let levels = self.0[side].values();
        match side {
            BIDS => levels.rev().collect(),
            _ => levels.collect(),
        }
    }

    pub(super) fn size(&self, side: usize, price: Decimal) -> Option<&str> {
        self.0[side].get(&price).map(|(_, size)| size.as_str())
    }

    /// Whether both are the same where `range` reaches.
    pub(super) fn is_within(&self, range: &Range, other: &Self) -> bool {
        let known = |side: usize| {
            let [this, that] = [self, other].map(|book| {
                let levels = book.0[side].iter();
                levels.filter(move |(price, _)| range.has(side, **price))
            });
            this.eq(that)
        };
        (0..2).all(known)
    }

    /// What the exchange sends as the checksum of this book.
    pub(super) fn checksum(&self, dialect: Dialect) -> u32 {
        let [bids, asks] = [0, 1].map(|side| self.best_first(side));
        let text = match dialect {
            Dialect::Binance => panic!("Binance has none"),
            // https://docs.kraken.com/api/docs/guides/spot-ws-book-v2
            Dialect::Kraken(_) => {
                let plain = |text: &str| {
                    let digits = text.replace('.', "");
                    digits.trim_start_matches('0').to_owned()
                };
                let levels = asks.iter().take(10).chain(bids.iter().take(10));
                let levels = levels.map(|(price, size)| plain(price) + &plain(size));
                levels.collect::<String>()
            }
            // https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel
            Dialect::Okx2022 => {
                let pairs = (0..25).flat_map(|at| [bids.get(at), asks.get(at)]);
                let levels = pairs
                    .flatten()
                    .map(|(price, size)| format!("{price}:{size}"));
                levels.collect::<Vec<_>>().join(":")
            }
        };
        crc32(text.as_bytes())
    }
}

/// CRC-32 as in ISO 3309, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 * (crc & 1))
        })
    })
}

/// What of a book is known: the `covers` of an event.
#[derive(Debug, Default)]
pub(super) struct Range {
    lowest_bid: Option<Decimal>,
    highest_ask: Option<Decimal>,
}

impl Range {
    pub(super) fn of(covers: &Value) -> Self {
        let price = |key: &str| covers[key].as_str().map(number);
        match covers["kind"].as_str() {
            // All that is left behind a cut.
            Some("top") => Self::default(),
            Some("prices") => Self {
                lowest_bid: price("lowest_bid"),
                highest_ask: price("highest_ask"),
            },
            other => panic!("it covers {other:?}"),
        }
    }

    /// From the lowest bid to the highest ask.
    pub(super) fn of_snapshot([bids, asks]: &Sides) -> Self {
        let last = |side: &[Level]| side.last().map(|(price, _)| number(price));
        Self {
            lowest_bid: last(bids),
            highest_ask: last(asks),
        }
    }

    pub(super) fn has(&self, side: usize, price: Decimal) -> bool {
        match side {
            BIDS => self.lowest_bid.is_none_or(|lowest| lowest <= price),
            _ => self.highest_ask.is_none_or(|highest| price <= highest),
        }
    }
}

#[test]
fn checksums_are_those_of_the_documentation() {
    assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    let level = |price: &str, size: &str| (price.to_owned(), size.to_owned());
    let mut book = Book::default();
    let bids = vec![level("3366.1", "7")];
    let asks = vec![level("3366.8", "9"), level("3368", "8"), level("3372", "8")];
    book.apply(true, &[bids, asks]);
    assert_eq!(book.checksum(Dialect::Okx2022), 831_078_360);
}
