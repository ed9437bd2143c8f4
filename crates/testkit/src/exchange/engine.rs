//! A market that makes itself up.

use std::collections::VecDeque;
use std::sync::Arc;

use super::book::{Book, Change, Level, Quote, Side};
use super::instrument::Instrument;
use super::random::Random;
use super::update::{Snapshot, Step, Trade, Update};

/// A side is never emptied below this.
const FEWEST_LEVELS: usize = 20;
/// A side never grows beyond this.
const MOST_LEVELS: usize = 200;
/// How many levels a side starts with.
const FIRST_LEVELS: u64 = 100;
/// The most changes of one tick.
const MOST_STEPS: u64 = 5;
/// How far from the best price, in ticks, levels come and go.
const REACH: u64 = 40;
/// How many trades REST can tell of.
const RECENT_TRADES: usize = 1000;

//     engine --tick--> Update of 1 to 5 steps, an id each --> every connection, in its own format
//        |
//        +--remember--> the state after it, which REST tells `snapshot_age` ticks later
//
// One change of a step is, of a hundred:
//
//     20   a trade takes from the best level
//      5   a removal of a level that is not there
//     15   a removal of one that is
//     60   a new level, or another quantity
/// One instrument's book and trades, and the ids of both.
///
/// Everything a client can learn comes from here, so all of it agrees: a book built from a
/// snapshot and the changes after it has, at each id, exactly the best levels that the ticker
/// tells for that id. It is never crossed, never empty, and the same for the same seed.
#[derive(Debug)]
pub struct Engine {
    instrument: Arc<Instrument>,
    random: Random,
    book: Book,
    last_id: u64,
    last_trade: u64,
    last_order: u64,
    trades: VecDeque<Trade>,
    /// The latest states, oldest first; the first is the one that REST tells.
    snapshots: VecDeque<Arc<Snapshot>>,
    snapshot_age: usize,
}

impl Engine {
    /// A market that begins at `time`, in microseconds since 1970. `snapshot_age` is how many ticks
    /// [`snapshot`](Self::snapshot) is behind.
    #[must_use]
    pub fn new(instrument: Arc<Instrument>, seed: u64, snapshot_age: usize, time: u64) -> Self {
        let mut random = Random::new(seed);
        let mut book = Book::default();
        for side in [Side::Bid, Side::Ask] {
            let mut distance = 0;
            for _ in 0..FIRST_LEVELS {
                // The best bid is at the start and the best ask a tick above, so the book begins
                // uncrossed.
                let price = match side {
                    Side::Bid => instrument.start.saturating_sub(distance).max(1),
                    Side::Ask => instrument.start + 1 + distance,
                };
                let quantity = random.up_to(instrument.largest);
                let level = Level { price, quantity };
                book.apply(Change { side, level });
                distance += random.up_to(3);
            }
        }
        let mut engine = Self {
            last_id: 1_000_000_000 + random.below(1_000_000_000),
            last_trade: 1_000_000 + random.below(1_000_000),
            last_order: 10_000_000_000,
            instrument,
            random,
            book,
            trades: VecDeque::new(),
            snapshots: VecDeque::new(),
            snapshot_age,
        };
        engine.remember(time);
        engine
    }

    /// The exchange's symbol.
    #[must_use]
    pub fn symbol(&self) -> &str {
        &self.instrument.symbol
    }

    /// The book as it was some ticks ago.
    #[must_use]
    pub fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.snapshots.front().cloned()
    }

    /// The book as it is.
    #[must_use]
    pub fn latest(&self) -> Option<Arc<Snapshot>> {
        self.snapshots.back().cloned()
    }

    /// The latest trades, oldest first.
    pub fn trades(&self) -> impl DoubleEndedIterator<Item = &Trade> + ExactSizeIterator {
        self.trades.iter()
    }

    /// Makes something happen at `time`, in microseconds since 1970.
    pub fn tick(&mut self, time: u64) -> Update {
        let count = self.random.up_to(MOST_STEPS);
        let steps = (0..count).filter_map(|_| self.step(time)).collect();
        self.remember(time);
        Update {
            instrument: Arc::clone(&self.instrument),
            time,
            steps,
        }
    }

    fn remember(&mut self, time: u64) {
        self.snapshots.push_back(Arc::new(Snapshot {
            instrument: Arc::clone(&self.instrument),
            id: self.last_id,
            time,
            book: self.book.clone(),
        }));
        // An age of 0 keeps the latest state only.
        while self.snapshots.len() > self.snapshot_age + 1 {
            self.snapshots.pop_front();
        }
    }

    /// One change. `None` only for a book with an empty side, which does not come to be.
    fn step(&mut self, time: u64) -> Option<Step> {
        let before = self.book.quote()?;
        let side = if self.random.flip() {
            Side::Bid
        } else {
            Side::Ask
        };
        let (change, trade) = match self.random.below(100) {
            // Each of these falls back to `place` where the book does not allow it.
            0..20 => self.trade(before, time),
            20..25 => (self.remove_nothing(side, before), None),
            25..40 => (self.withdraw(side, before), None),
            _ => (self.place(side, before), None),
        };
        self.book.apply(change);
        self.last_id += 1;
        let after = self.book.quote()?;
        Some(Step {
            id: self.last_id,
            change,
            quote: (after != before).then_some(after),
            trade,
        })
    }

    /// A taker meets the best level, and takes half of the times all of it.
    fn trade(&mut self, quote: Quote, time: u64) -> (Change, Option<Trade>) {
        let start = self.instrument.start;
        // The side that is hit. The walk of the price is kept between half and double its start.
        let side = match quote.bid.price {
            price if price < start / 2 => Side::Ask,
            price if price > start * 2 => Side::Bid,
            _ if self.random.flip() => Side::Ask,
            _ => Side::Bid,
        };
        let level = quote.side(side);
        let taken = if self.random.flip() && self.book.depth(side) > FEWEST_LEVELS {
            level.quantity
        } else if level.quantity > 1 {
            self.random.up_to(level.quantity - 1)
        } else {
            return (self.place(side, quote), None);
        };
        self.last_trade += 1;
        // One order of each side, for exchanges that tell both.
        self.last_order += 2;
        let trade = Trade {
            id: self.last_trade,
            time,
            level: Level {
                price: level.price,
                quantity: taken,
            },
            buyer_is_maker: side == Side::Bid,
            buyer_order: self.last_order - 1,
            seller_order: self.last_order,
        };
        if self.trades.len() == RECENT_TRADES {
            self.trades.pop_front();
        }
        self.trades.push_back(trade.clone());
        let left = Level {
            price: level.price,
            quantity: level.quantity - taken,
        };
        (Change { side, level: left }, Some(trade))
    }

    /// A level appears or gets another quantity: within the spread, or behind the best price.
    fn place(&mut self, side: Side, quote: Quote) -> Change {
        if self.book.depth(side) >= MOST_LEVELS
            && let Some(worst) = self.book.worst(side)
        {
            return removal(side, worst.price);
        }
        // Half of the way inwards at most, from one side at a time: the other side is never met.
        let spread = quote.ask.price - quote.bid.price;
        let price = if spread > 1 && self.random.flip() {
            let inwards = self.random.up_to(spread / 2);
            match side {
                Side::Bid => quote.bid.price + inwards,
                Side::Ask => quote.ask.price - inwards,
            }
        } else {
            let outwards = self.random.below(REACH);
            behind(side, quote.side(side).price, outwards)
        };
        let quantity = self.random.up_to(self.instrument.largest);
        Change {
            side,
            level: Level { price, quantity },
        }
    }

    /// A level disappears.
    fn withdraw(&mut self, side: Side, quote: Quote) -> Change {
        let nearby = usize::try_from(self.random.below(REACH)).unwrap_or_default();
        if self.book.depth(side) > FEWEST_LEVELS
            && let Some(level) = self.book.best_first(side).nth(nearby)
        {
            return removal(side, level.price);
        }
        self.place(side, quote)
    }

    /// The removal of a level that is not there, which real exchanges send all the time.
    fn remove_nothing(&mut self, side: Side, quote: Quote) -> Change {
        let outwards = self.random.up_to(REACH);
        let price = behind(side, quote.side(side).price, outwards);
        if self.book.holds(side, price) {
            self.place(side, quote)
        } else {
            removal(side, price)
        }
    }
}

/// The price some ticks behind another one, and at least one tick.
fn behind(side: Side, price: u64, ticks: u64) -> u64 {
    match side {
        Side::Bid => price.saturating_sub(ticks).max(1),
        Side::Ask => price + ticks,
    }
}

fn removal(side: Side, price: u64) -> Change {
    let level = Level { price, quantity: 0 };
    Change { side, level }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine(seed: u64, snapshot_age: usize) -> Engine {
        let instrument = Instrument::spot("AB".to_owned(), ["A", "B"], [2, 3], 10_000, 50);
        Engine::new(Arc::new(instrument), seed, snapshot_age, 0)
    }

    #[test]
    fn ids_are_contiguous_and_the_book_is_never_crossed_or_empty() {
        for seed in 0..20 {
            let mut engine = engine(seed, 0);
            let (mut id, mut trade) = (engine.last_id, engine.last_trade);
            for time in 0..2_000 {
                let update = engine.tick(time);
                assert!(!update.steps.is_empty());
                for step in &update.steps {
                    id += 1;
                    assert_eq!(step.id, id);
                }
                for made in update.trades() {
                    trade += 1;
                    assert_eq!(made.id, trade);
                }
                let quote = engine.book.quote().unwrap();
                assert!(quote.bid.price < quote.ask.price);
                assert!((5_000..25_000).contains(&quote.bid.price), "{quote:?}");
                for side in [Side::Bid, Side::Ask] {
                    assert!((1..=MOST_LEVELS).contains(&engine.book.depth(side)));
                }
            }
        }
    }

    #[test]
    fn deltas_over_a_snapshot_give_the_quote_of_the_same_id() {
        let mut engine = engine(7, 2);
        let first = engine.snapshot().unwrap();
        let updates: Vec<_> = (0..500).map(|time| engine.tick(time)).collect();
        for whole in [true, false] {
            let mut book = first.book.clone();
            let mut compared = 0;
            for update in &updates {
                let deltas: Vec<_> = match whole {
                    true => vec![update.delta()],
                    false => update.single_deltas().collect(),
                };
                for delta in deltas {
                    for (side, levels) in [(Side::Bid, delta.bids), (Side::Ask, delta.asks)] {
                        for level in levels {
                            book.apply(Change { side, level });
                        }
                    }
                    for (_, quote) in update.quotes().filter(|(id, _)| *id == delta.last_id) {
                        assert_eq!(book.quote(), Some(quote));
                        compared += 1;
                    }
                }
            }
            assert!(compared > 100, "{compared}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_market_and_another_seed_another() {
        let run = |seed| {
            let mut engine = engine(seed, 0);
            (0..50).for_each(|time| drop(engine.tick(time)));
            engine.book
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    #[test]
    fn rest_is_as_many_ticks_behind_as_it_shall_be() {
        for age in 0..=3 {
            let mut engine = engine(1, age);
            let ids: Vec<_> = (0..10)
                .map(|time| engine.tick(time).delta().last_id)
                .collect();
            assert_eq!(engine.snapshot().unwrap().id, ids[9 - age]);
        }
    }

    #[test]
    fn levels_come_and_go_and_some_removals_remove_nothing() {
        let mut engine = engine(3, 0);
        let (mut added, mut removed, mut vain) = (0, 0, 0);
        for time in 0..1_000 {
            let before = engine.book.clone();
            for Change { side, level } in engine.tick(time).steps.iter().map(|step| step.change) {
                match (before.holds(side, level.price), level.quantity) {
                    (true, 0) => removed += 1,
                    (false, 0) => vain += 1,
                    (false, _) => added += 1,
                    (true, _) => {}
                }
            }
        }
        assert!(
            added > 100 && removed > 100 && vain > 20,
            "{added} {removed} {vain}"
        );
    }
}
