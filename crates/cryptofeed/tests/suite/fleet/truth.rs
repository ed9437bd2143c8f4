//! What is true of a market, as its mock says.

use std::collections::HashMap;

use feeds::{Level, OrderBook};
use testkit::mock::{Market, Side};

/// How many of the best levels are compared.
const LEVELS: usize = 10;

/// Each symbol by the name of its pair, and the exchange's.
pub(super) fn symbols(market: &Market) -> Vec<(String, String)> {
    let further = market.instruments().into_iter();
    let further = further.filter(|it| it.pair().starts_with('T'));
    further.map(|it| (it.pair(), it.symbol.clone())).collect()
}

/// The last trade of each symbol.
pub(super) fn last_trades(market: &Market) -> HashMap<String, u64> {
    let symbols = symbols(market).into_iter();
    let last = symbols.filter_map(|(pair, symbol)| {
        let last = market.trades(&symbol, 1)?.first()?.id;
        Some((pair, last))
    });
    last.collect()
}

/// The best levels of books at some of their ids.
#[derive(Default)]
pub(super) struct Looks(HashMap<(String, u64), [Vec<Level>; 2]>);

impl Looks {
    /// Looks at every book.
    pub(super) fn look(&mut self, market: &Market) {
        for (pair, symbol) in symbols(market) {
            let Some(truth) = market.latest(&symbol) else {
                continue;
            };
            let best = [Side::Bid, Side::Ask].map(|side| {
                let levels = truth.book.best_first(side).take(LEVELS);
                let level = |level: testkit::mock::Level| Level {
                    price: truth.instrument.price(level.price),
                    size: truth.instrument.quantity(level.quantity),
                };
                levels.map(level).collect()
            });
            self.0.insert((pair, truth.id), best);
        }
    }

    /// Compares a book with the market, if somebody looked at it with that id. Returns whether anybody did.
    pub(super) fn compare(&self, pair: &str, book: &OrderBook) -> bool {
        let Some(id) = book.last_id() else {
            return false;
        };
        let Some(truth) = self.0.get(&(pair.to_owned(), id)) else {
            return false;
        };
        let bids = book.bids().take(LEVELS).collect::<Vec<_>>();
        let asks = book.asks().take(LEVELS).collect::<Vec<_>>();
        assert_eq!(*truth, [bids, asks], "{pair} at {id}");
        true
    }
}
