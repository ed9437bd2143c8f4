//! Books over a market whose price walks further than any snapshot reaches, with everything going wrong on
//! the way: what a subscriber builds from the events alone is true as far as it says.

use std::collections::BTreeMap;

use feeds::exchange::{BookChange, BookContent, Ids, Renewal, Time};
use feeds::{
    Binance, BookAction, BookSync, Covers, Exchange, FeedEventKind, InvalidReason, Level, OrderBook,
};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use rust_decimal::Decimal;

use crate::fixtures::symbol;

/// Prices are whole numbers up to here.
const PRICES: usize = 20_000;
/// On each side of the price that it starts with.
const LEVELS: usize = 3000;

/// Depths of snapshots that the price leaves all the time.
const SHALLOW: &[usize] = &[60, 120, 200];

/// With which numbering begins.
const FIRST_ID: u64 = 1_000_000_000_000;

const ABSURD_ID: u64 = u64::MAX - 1;

/// What happens between two changes that an exchange sends.
#[derive(Debug, Clone)]
enum Act {
    /// Levels near the best price change: how far from it, and the new size.
    Near(Vec<(i16, u8)>),
    /// A level anywhere changes.
    Far(u16, u8),
    /// The price walks, through all that stands in its way.
    Walk(i16),
    /// The change before comes again.
    Repeat,
    /// The next change is lost.
    Lose,
    /// The connection ends, and another one begins.
    Reconnect,
    /// The exchange numbers anew.
    Renumber,
    /// A change has an id that is none.
    Absurd,
    /// The snapshots that wait arrive, as the book was so many changes ago, or else of now.
    Answer(u8),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let near = vec((-8..8_i16, 0..4_u8), 1..6).prop_map(Act::Near);
    let far = (any::<u16>(), 0..4_u8).prop_map(|(price, size)| Act::Far(price, size));
    let walk = prop_oneof![60 => -16..16_i16, 1 => -700..700_i16].prop_map(Act::Walk);
    let answer = (0..6_u8).prop_map(Act::Answer);
    let act = prop_oneof![
        40 => near,
        10 => far,
        60 => walk,
        60 => answer,
        5 => Just(Act::Repeat),
        1 => Just(Act::Lose),
        1 => Just(Act::Reconnect),
        1 => Just(Act::Renumber),
        1 => Just(Act::Absurd),
    ];
    vec(act, 100..400)
}

/// The exchange's book.
#[derive(Debug, Clone)]
struct Book {
    /// By price; zero where nobody wants anything.
    sizes: Vec<u8>,
    /// The lowest price of the asks' side.
    middle: usize,
}

impl Book {
    fn new() -> Self {
        let middle = PRICES / 2;
        let is_near = |price: usize| price.abs_diff(middle) <= LEVELS;
        let size = |price| u8::from(is_near(price)) * (1 + u8::try_from(price % 7).unwrap());
        Self {
            sizes: (0..PRICES).map(size).collect(),
            middle,
        }
    }

    /// The levels of a side, best first.
    fn side(&self, is_bid: bool) -> Box<dyn Iterator<Item = Level> + '_> {
        let prices: Box<dyn Iterator<Item = usize>> = match is_bid {
            true => Box::new((0..self.middle).rev()),
            false => Box::new(self.middle..PRICES),
        };
        let prices = prices.filter(|price| self.sizes[*price] > 0);
        Box::new(prices.map(|price| self.level(price)))
    }

    fn level(&self, price: usize) -> Level {
        Level {
            price: price.into(),
            size: self.sizes[price].into(),
        }
    }
}

/// The exchange, what is on its way from it, and who listens.
struct Market {
    book: Book,
    first_id: u64,
    last_id: u64,
    time: i64,
    /// By id. No id is used twice.
    past: BTreeMap<u64, Book>,
    sent: Option<BookChange>,
    is_losing: bool,
    sync: BookSync,
    /// The snapshot that waits for its answer.
    asked: Option<usize>,
    told: OrderBook,
    seen: Seen,
}

/// What came of it, and how often.
#[derive(Debug, Default)]
struct Seen {
    /// A book that was true.
    compared: usize,
    /// One whose snapshot the price left.
    left: usize,
    /// One that was replaced before.
    replaced: usize,
}

impl Market {
    fn new(depths: Option<&'static [usize]>, depth: Option<usize>) -> Self {
        let mut rules = Binance::default().rules().books;
        if let (Renewal::Request { depths, .. }, Some(others)) = (&mut rules.renewal, depths) {
            *depths = others;
        }
        let book = Book::new();
        let mut market = Self {
            past: [(FIRST_ID, book.clone())].into(),
            book,
            first_id: FIRST_ID,
            last_id: FIRST_ID,
            time: 1_700_000_000_000_000_000,
            sent: None,
            is_losing: false,
            sync: BookSync::new(symbol("A-B"), &rules, depth),
            asked: None,
            told: OrderBook::new(),
            seen: Seen::default(),
        };
        market.sync.note_subscribed();
        market.act();
        market
    }

    fn take(&mut self, act: &Act) {
        let middle = i32::try_from(self.book.middle).unwrap();
        let near = |by: i16| usize::try_from((middle + i32::from(by)).clamp(100, 19_900)).unwrap();
        match act {
            Act::Near(levels) => {
                let mut prices = Vec::new();
                for (offset, size) in levels {
                    prices.push(near(*offset));
                    self.book.sizes[near(*offset)] = *size;
                }
                self.change(&prices);
            }
            Act::Far(price, size) => {
                let price = usize::from(*price) % PRICES;
                self.book.sizes[price] = *size;
                self.change(&[price]);
            }
            Act::Walk(by) => {
                let to = near(*by);
                let way = self.book.middle.min(to)..self.book.middle.max(to);
                self.book.middle = to;
                for price in way.clone() {
                    self.book.sizes[price] = u8::try_from(price % 4).unwrap();
                }
                self.change(&way.collect::<Vec<_>>());
            }
            Act::Repeat => {
                if let Some(sent) = self.sent.clone() {
                    self.deliver(sent);
                }
            }
            Act::Lose => self.is_losing = true,
            Act::Reconnect => {
                self.sync.restart(self.time);
                (self.asked, self.sent) = (None, None);
                self.act();
                self.sync.note_subscribed();
            }
            Act::Renumber => {
                self.first_id -= 1_000_000;
                self.last_id = self.first_id;
                self.past.insert(self.last_id, self.book.clone());
                self.change(&[]);
            }
            Act::Absurd => {
                self.time += 1;
                let absurd = self.update([self.last_id + 1, ABSURD_ID], &[]);
                self.deliver(absurd);
            }
            Act::Answer(age) => self.answer(usize::from(*age)),
        }
        self.act();
        self.compare();
    }

    /// Numbers what has happened at these prices, in one change.
    fn change(&mut self, prices: &[usize]) {
        let first = self.last_id + 1;
        self.last_id += 1 + prices.len() as u64;
        self.time += 1;
        self.past.insert(self.last_id, self.book.clone());
        let update = self.update([first, self.last_id], prices);
        self.sent = Some(update.clone());
        if !std::mem::take(&mut self.is_losing) {
            self.deliver(update);
        }
    }

    fn update(&self, [first, last]: [u64; 2], prices: &[usize]) -> BookChange {
        // A price that has changed sides is gone from one, and may be on the other.
        let side = |is_bid: bool| {
            let level = |price: usize| match (price < self.book.middle) == is_bid {
                true => self.book.level(price),
                false => Level {
                    size: Decimal::ZERO,
                    ..self.book.level(price)
                },
            };
            prices.iter().map(|price| level(*price)).collect()
        };
        BookChange {
            symbol: symbol("A-B"),
            content: BookContent::Change,
            ids: Ids {
                previous: None,
                first: Some(first),
                last: Some(last),
            },
            checksum: None,
            bids: side(true),
            asks: side(false),
            time: Time::At(self.time),
        }
    }

    fn deliver(&mut self, change: BookChange) {
        self.sync.update(change, self.time);
    }

    fn answer(&mut self, age: usize) {
        let Some(levels) = self.asked.take() else {
            return;
        };
        let of_exchange = self.past.range(self.first_id..=self.last_id);
        let (id, book) = of_exchange.rev().take(age + 1).last().unwrap();
        let side = |is_bid| book.side(is_bid).take(levels).collect();
        let snapshot = BookChange {
            symbol: symbol("A-B"),
            content: BookContent::Snapshot,
            ids: Ids {
                last: Some(*id),
                ..Ids::default()
            },
            checksum: None,
            bids: side(true),
            asks: side(false),
            time: Time::Absent,
        };
        self.sync.snapshot(snapshot, self.time);
    }

    /// What has to be done for the book is done, and what is told is taken.
    fn act(&mut self) {
        while let Some(action) = self.sync.next_action() {
            match action {
                BookAction::NeedSnapshot { levels } => {
                    assert_eq!(self.asked.replace(levels), None, "one at a time");
                }
                BookAction::Emit(event, _) => {
                    self.seen.left += usize::from(matches!(
                        event,
                        FeedEventKind::BookInvalid {
                            reason: InvalidReason::OutOfRange,
                            ..
                        }
                    ));
                    let is_snapshot = matches!(event, FeedEventKind::L2Snapshot(_));
                    let is_replaced = is_snapshot && self.told.epoch().is_some();
                    self.seen.replaced += usize::from(is_replaced);
                    assert_eq!(self.told.apply_event(&event), Ok(true));
                }
            }
        }
    }

    /// The book of who listens is the exchange's, as far as it says, or void.
    fn compare(&mut self) {
        let Some(covers) = self.told.covers() else {
            return;
        };
        self.seen.compared += 1;
        let id = self.told.last_id().unwrap();
        if id == ABSURD_ID {
            // No book ever had it, and the next change shows it.
            return;
        }
        let book = &self.past[&id];
        let (bids, asks) = (book.side(true), book.side(false));
        let (bids, asks): (Vec<_>, Vec<_>) = match covers {
            Covers::Top { levels } => (bids.take(levels).collect(), asks.take(levels).collect()),
            Covers::Prices {
                lowest_bid,
                highest_ask,
            } => {
                let is_known = |bid: &Level| lowest_bid.is_none_or(|lowest| bid.price >= lowest);
                let bids: Vec<_> = bids.take_while(is_known).collect();
                let is_known = |ask: &Level| highest_ask.is_none_or(|highest| ask.price <= highest);
                let asks: Vec<_> = asks.take_while(is_known).collect();
                // The best price is among those that are known.
                assert!(!bids.is_empty() || lowest_bid.is_none(), "no bid at {id}");
                assert!(!asks.is_empty() || highest_ask.is_none(), "no ask at {id}");
                (bids, asks)
            }
            _ => panic!("a new kind"),
        };
        let first_other = |told: &[Level], is: &[Level]| {
            let pairs = told.iter().zip(is);
            let at = pairs.take_while(|(told, is)| told == is).count();
            (at, told.len(), is.len())
        };
        let told: Vec<_> = self.told.bids().collect();
        assert!(
            told == bids,
            "bids at {id}: {:?} {covers:?}",
            first_other(&told, &bids)
        );
        let told: Vec<_> = self.told.asks().collect();
        assert!(
            told == asks,
            "asks at {id}: {:?} {covers:?}",
            first_other(&told, &asks)
        );
    }

    /// Nothing goes wrong any longer: the book is true soon.
    fn calm_down(&mut self) {
        self.is_losing = false;
        // A snapshot that the stream does not come to is waited for, for ten seconds.
        for _ in 0..20 {
            self.time += 1_000_000_000;
            self.take(&Act::Near(vec![(-1, 3), (0, 3)]));
            self.take(&Act::Answer(0));
        }
        assert_eq!(self.told.last_id(), Some(self.last_id));
    }
}

/// A market, after all of `acts`.
fn walk(acts: &[Act], depths: Option<&'static [usize]>, depth: Option<usize>) -> Seen {
    let mut market = Market::new(depths, depth);
    for act in acts {
        market.take(act);
    }
    market.calm_down();
    market.seen
}

#[test]
fn snapshots_are_left_and_replaced_in_time_and_mostly_there_is_a_book() {
    let mut seen = Seen::default();
    let mut count = 0;
    let mut runner = TestRunner::deterministic();
    for _ in 0..20 {
        let acts = acts().new_tree(&mut runner).unwrap().current();
        count += acts.len();
        let Seen {
            compared,
            left,
            replaced,
        } = walk(&acts, Some(&SHALLOW[..1]), None);
        seen.compared += compared;
        seen.left += left;
        seen.replaced += replaced;
    }
    assert!(seen.left > 10 && seen.replaced > 10, "{seen:?}");
    assert!(seen.compared > count * 3 / 4, "{seen:?} of {count}");
}

proptest! {
    #![proptest_config(Config::with_cases(48))]
    #[test]
    fn a_book_is_true_as_far_as_it_says_whatever_happens(
        acts in acts(),
        depths in select(vec![None, Some(&SHALLOW[..1]), Some(SHALLOW)]),
        depth in prop_oneof![Just(None), (1..60_usize).prop_map(Some)],
    ) {
        walk(&acts, depths, depth);
    }
}
