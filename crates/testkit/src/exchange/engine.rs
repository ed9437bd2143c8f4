//! A market that makes itself up.

use std::collections::VecDeque;
use std::sync::Arc;

use super::book::{Book, Change, Level, Quote, Side};
use super::instrument::Instrument;
use super::movement::{MarketOptions, Movement};
use super::random::Random;
use super::update::{Day, Snapshot, Step, Trade, Update};

/// A side is never emptied below this.
const FEWEST_LEVELS: usize = 20;
/// One tick of so many has a burst.
const BURST_EVERY: u64 = 200;
/// Microseconds.
const MINUTE: u64 = 60_000_000;
/// The most levels that the price drifts in one tick: after a pause, it has not been elsewhere.
const MOST_DRIFT: u64 = 50;

//     engine --tick--> Update of some steps, an id each --> every connection, in its own format
//        |
//        +--undo--> what REST needs to tell the state of `snapshot_age` ticks ago
//
// One change of a step is, of a hundred:
//
//     20   a trade takes from the best level
//      5   a removal of a level that is not there
//     15   a removal of one that is
//     60   a new level, or another quantity
//
// A level that the price drifts takes three steps: a trade takes the best level of one side, the other
// side follows into the spread, and the first side gets another level at its far end.
/// One instrument's book and trades, and the ids of both.
///
/// Everything a client can learn comes from here, so all of it agrees: a book built from a
/// snapshot and the changes after it has, at each id, exactly the best levels that the ticker
/// tells for that id. It is never crossed, never empty, and the same for the same seed.
#[derive(Debug)]
pub struct Engine {
    instrument: Arc<Instrument>,
    options: MarketOptions,
    random: Random,
    book: Book,
    epoch: u32,
    last_id: u64,
    last_trade: u64,
    last_order: u64,
    /// When the last tick was.
    time: u64,
    /// Whether the price drifts up.
    is_rising: bool,
    /// The part of a level that it has yet to drift, in levels times microseconds per minute.
    drift: u64,
    trades: VecDeque<Trade>,
    /// What was traded.
    day: Totals,
    /// What undoes the latest ticks, oldest first: as many as REST is behind.
    undo: VecDeque<Undo>,
}

/// What undoes one tick.
#[derive(Debug)]
struct Undo {
    epoch: u32,
    id: u64,
    time: u64,
    /// In the order in which they happened: to be undone from the last one on.
    before: Vec<Change>,
}

/// What was traded since the beginning.
#[derive(Debug)]
struct Totals {
    since: u64,
    first_id: u64,
    count: u64,
    high: u64,
    low: u64,
    volume: u128,
    turnover: u128,
    /// The price of the first trade.
    open: Option<u64>,
}

impl Engine {
    /// A market that begins at `time`, in microseconds since 1970.
    #[must_use]
    pub fn new(instrument: Arc<Instrument>, seed: u64, options: MarketOptions, time: u64) -> Self {
        let mut random = Random::new(seed);
        let sides = [Side::Bid, Side::Ask].map(|side| {
            // The best bid is at the start and the best ask a tick above, so the book begins
            // uncrossed.
            let best = match side {
                Side::Bid => instrument.start,
                Side::Ask => instrument.start + 1,
            };
            let mut distance = 0;
            let levels = (0..options.movement.depth).map(|_| {
                let price = behind(side, best, distance);
                let quantity = random.up_to(instrument.largest);
                distance += random.up_to(3);
                Level { price, quantity }
            });
            levels.collect()
        });
        let last_trade = 1_000_000 + random.below(1_000_000);
        Self {
            last_id: 1_000_000_000 + random.below(1_000_000_000),
            last_trade,
            last_order: 10_000_000_000,
            instrument,
            options,
            random,
            book: Book::of(sides),
            epoch: 0,
            time,
            is_rising: true,
            drift: 0,
            trades: VecDeque::new(),
            day: Totals::new(time, last_trade + 1),
            undo: VecDeque::new(),
        }
    }

    /// The exchange's symbol.
    #[must_use]
    pub fn symbol(&self) -> &str {
        &self.instrument.symbol
    }

    /// The book as it was some ticks ago.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = self.latest();
        for undo in self.undo.iter().rev() {
            for change in undo.before.iter().rev() {
                snapshot.book.apply(*change);
            }
            (snapshot.epoch, snapshot.id, snapshot.time) = (undo.epoch, undo.id, undo.time);
        }
        snapshot
    }

    /// The book as it is.
    #[must_use]
    pub fn latest(&self) -> Snapshot {
        Snapshot {
            instrument: Arc::clone(&self.instrument),
            epoch: self.epoch,
            id: self.last_id,
            time: self.time,
            book: self.book.clone(),
        }
    }

    /// The latest trades, oldest first.
    pub fn trades(&self) -> impl DoubleEndedIterator<Item = &Trade> + ExactSizeIterator {
        self.trades.iter()
    }

    /// What was traded. `None` only for a book with an empty side, which does not come to be.
    #[must_use]
    pub fn day(&self) -> Option<Day> {
        let Totals {
            since,
            first_id,
            count,
            high,
            low,
            volume,
            turnover,
            open,
        } = self.day;
        let start = self.instrument.start;
        Some(Day {
            instrument: Arc::clone(&self.instrument),
            quote: self.book.quote()?,
            since,
            last: self.trades.back().cloned(),
            first_id,
            count,
            open: open.unwrap_or(start),
            high: open.map_or(start, |_| high),
            low: open.map_or(start, |_| low),
            volume,
            turnover,
        })
    }

    /// Makes something happen at `time`, in microseconds since 1970.
    pub fn tick(&mut self, time: u64) -> Update {
        let before = (self.epoch, self.last_id, self.time);
        let elapsed = time.saturating_sub(self.time);
        self.time = time;
        let mut steps = self.drift(elapsed);
        let Movement {
            steps: most, burst, ..
        } = self.options.movement;
        let count = match burst {
            0 => self.random.up_to(most),
            _ if self.random.below(BURST_EVERY) == 0 => self.random.up_to(burst),
            _ => self.random.up_to(most),
        };
        for _ in 0..count {
            steps.extend(self.step());
        }
        self.remember(before, &steps);
        Update {
            instrument: Arc::clone(&self.instrument),
            time,
            epoch: self.epoch,
            steps: steps.into_iter().map(|(step, _)| step).collect(),
        }
    }

    /// Numbers changes and trades anew from half of where they are, as after a maintenance; the trades
    /// before it are forgotten.
    pub(super) fn restart_ids(&mut self) {
        self.epoch += 1;
        self.last_id /= 2;
        self.last_trade /= 2;
        self.trades.clear();
        self.day = Totals::new(self.time, self.last_trade + 1);
    }

    fn remember(&mut self, before: (u32, u64, u64), steps: &[(Step, Change)]) {
        if self.options.snapshot_age == 0 {
            return;
        }
        if self.undo.len() == self.options.snapshot_age {
            self.undo.pop_front();
        }
        let (epoch, id, time) = before;
        self.undo.push_back(Undo {
            epoch,
            id,
            time,
            before: steps.iter().map(|(_, before)| *before).collect(),
        });
    }

    /// One change, and what undoes it. `None` only for a book with an empty side.
    fn step(&mut self) -> Option<(Step, Change)> {
        let before = self.book.quote()?;
        let side = if self.random.flip() {
            Side::Bid
        } else {
            Side::Ask
        };
        let (change, trade) = match self.random.below(100) {
            // Each of these falls back to `place` where the book does not allow it.
            0..20 => self.trade(before),
            20..25 => (self.remove_nothing(side, before), None),
            25..40 => (self.withdraw(side, before), None),
            _ => (self.place(side, before), None),
        };
        self.take(change, trade)
    }

    /// Gives a change an id, and takes it over.
    fn take(&mut self, change: Change, trade: Option<Trade>) -> Option<(Step, Change)> {
        let before = self.book.quote()?;
        let Change { side, level } = change;
        let quantity = self.book.quantity(side, level.price);
        let undo = Change {
            side,
            level: Level { quantity, ..level },
        };
        self.book.apply(change);
        self.last_id += 1;
        let after = self.book.quote()?;
        let step = Step {
            id: self.last_id,
            change,
            quote: (after != before).then_some(after),
            trade,
        };
        Some((step, undo))
    }

    /// Moves the price by the levels that are due after so many microseconds.
    fn drift(&mut self, elapsed: u64) -> Vec<(Step, Change)> {
        let mut steps = Vec::new();
        if self.options.movement.drift == 0 {
            return steps;
        }
        if self.random.below(MINUTE) < elapsed {
            self.is_rising = !self.is_rising;
        }
        let due = self.options.movement.drift.saturating_mul(elapsed);
        self.drift = self.drift.saturating_add(due).min(MOST_DRIFT * MINUTE);
        while self.drift >= MINUTE {
            self.drift -= MINUTE;
            steps.extend(self.shift().unwrap_or_default());
        }
        steps
    }

    /// Moves the price by one level.
    fn shift(&mut self) -> Option<Vec<(Step, Change)>> {
        let quote = self.book.quote()?;
        let wanted = if self.is_rising { Side::Ask } else { Side::Bid };
        let side = self.bounded(quote).unwrap_or(wanted);
        if self.book.depth(side) <= FEWEST_LEVELS {
            return None;
        }
        let Level { price, quantity } = quote.side(side);
        let trade = self.deal(side, price, quantity);
        let mut steps = Vec::from_iter(self.take(removal(side, price), Some(trade)));
        let other = match side {
            Side::Bid => Side::Ask,
            Side::Ask => Side::Bid,
        };
        let following = self.inwards(other, self.book.quote()?);
        steps.extend(following.and_then(|change| self.take(change, None)));
        if self.is_full(other) {
            let worst = self.book.worst(other)?;
            steps.extend(self.take(removal(other, worst.price), None));
        }
        let worst = self.book.worst(side)?;
        let farther = behind(side, worst.price, self.random.up_to(3));
        if (self.book.depth(side) as u64) < self.options.movement.depth
            && !self.book.holds(side, farther)
        {
            let change = self.level(side, farther);
            steps.extend(self.take(change, None));
        }
        Some(steps)
    }

    /// The side that is hit to keep the walk of the price between half and double its start.
    fn bounded(&self, quote: Quote) -> Option<Side> {
        let start = self.instrument.start;
        match quote.bid.price {
            price if price < start / 2 => Some(Side::Ask),
            price if price > start * 2 => Some(Side::Bid),
            _ => None,
        }
    }

    /// A taker meets the best level, and takes half of the times all of it.
    fn trade(&mut self, quote: Quote) -> (Change, Option<Trade>) {
        let side = match self.bounded(quote) {
            Some(side) => side,
            None if self.random.flip() => Side::Ask,
            None => Side::Bid,
        };
        let level = quote.side(side);
        let taken = if self.random.flip() && self.book.depth(side) > FEWEST_LEVELS {
            level.quantity
        } else if level.quantity > 1 {
            self.random.up_to(level.quantity - 1)
        } else {
            return (self.place(side, quote), None);
        };
        let trade = self.deal(side, level.price, taken);
        let left = Level {
            price: level.price,
            quantity: level.quantity - taken,
        };
        (Change { side, level: left }, Some(trade))
    }

    /// Makes a trade.
    fn deal(&mut self, side: Side, price: u64, quantity: u64) -> Trade {
        self.last_trade += 1;
        // One order of each side, for exchanges that tell both.
        self.last_order += 2;
        let trade = Trade {
            id: self.last_trade,
            time: self.time,
            level: Level { price, quantity },
            buyer_is_maker: side == Side::Bid,
            buyer_order: self.last_order - 1,
            seller_order: self.last_order,
        };
        if self.trades.len() >= self.options.trades.max(1) {
            self.trades.pop_front();
        }
        self.trades.push_back(trade.clone());
        self.day.add(price, quantity);
        trade
    }

    /// A level appears or gets another quantity: within the spread, or behind the best price.
    fn place(&mut self, side: Side, quote: Quote) -> Change {
        if self.is_full(side)
            && let Some(worst) = self.book.worst(side)
        {
            return removal(side, worst.price);
        }
        let spread = quote.ask.price - quote.bid.price;
        if spread > 1
            && self.random.flip()
            && let Some(change) = self.inwards(side, quote)
        {
            return change;
        }
        let outwards = self.distance(side, quote);
        self.level(side, behind(side, quote.side(side).price, outwards))
    }

    fn is_full(&self, side: Side) -> bool {
        self.book.depth(side) as u64 >= self.options.movement.depth * 2
    }

    /// A new best level, unless there is no room for one.
    fn inwards(&mut self, side: Side, quote: Quote) -> Option<Change> {
        let spread = quote.ask.price - quote.bid.price;
        if spread <= 1 {
            return None;
        }
        // Half of the way inwards at most, from one side at a time: the other side is never met.
        let inwards = self.random.up_to(spread / 2);
        let price = match side {
            Side::Bid => quote.bid.price + inwards,
            Side::Ask => quote.ask.price - inwards,
        };
        Some(self.level(side, price))
    }

    fn level(&mut self, side: Side, price: u64) -> Change {
        let quantity = self.random.up_to(self.instrument.largest);
        Change {
            side,
            level: Level { price, quantity },
        }
    }

    /// A level disappears.
    fn withdraw(&mut self, side: Side, quote: Quote) -> Change {
        let outwards = self.distance(side, quote);
        let price = behind(side, quote.side(side).price, outwards);
        if self.book.depth(side) > FEWEST_LEVELS
            && let Some(level) = self.book.at_or_behind(side, price)
        {
            return removal(side, level.price);
        }
        self.place(side, quote)
    }

    /// The removal of a level that is not there, which real exchanges send all the time.
    fn remove_nothing(&mut self, side: Side, quote: Quote) -> Change {
        let outwards = 1 + self.distance(side, quote);
        let price = behind(side, quote.side(side).price, outwards);
        if self.book.holds(side, price) {
            self.place(side, quote)
        } else {
            removal(side, price)
        }
    }

    /// How far from the best price something happens, in ticks.
    fn distance(&mut self, side: Side, quote: Quote) -> u64 {
        let Movement { reach, far, .. } = self.options.movement;
        if far > 0
            && self.random.below(100) < far
            && let Some(worst) = self.book.worst(side)
        {
            let extent = quote.side(side).price.abs_diff(worst.price);
            return self.random.below(extent);
        }
        self.random.below(reach)
    }
}

impl Totals {
    fn new(since: u64, first_id: u64) -> Self {
        Self {
            since,
            first_id,
            count: 0,
            high: 0,
            low: u64::MAX,
            volume: 0,
            turnover: 0,
            open: None,
        }
    }

    fn add(&mut self, price: u64, quantity: u64) {
        self.count += 1;
        self.high = self.high.max(price);
        self.low = self.low.min(price);
        self.volume += u128::from(quantity);
        self.turnover += u128::from(price) * u128::from(quantity);
        self.open.get_or_insert(price);
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
mod tests;
