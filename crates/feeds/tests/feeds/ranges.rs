//! Books whose snapshots end somewhere: what is told of them, and when another snapshot is due.

use std::collections::VecDeque;

use feeds::exchange::{BookChange, BookContent, Ids, Time};
use feeds::{
    Binance, BookAction, BookSync, Covers, Exchange, FeedEventKind, InvalidReason, Level, OrderBook,
};

use crate::fixtures::{level, symbol};

const SECOND: i64 = 1_000_000_000;

/// A book of which snapshots and changes are taken as a subscriber would see them.
struct Told {
    sync: BookSync,
    book: OrderBook,
    last_id: u64,
    now_ns: i64,
}

impl Told {
    /// A book that waits for a snapshot of so many levels.
    fn waiting(depth: Option<usize>) -> (Self, usize) {
        let rules = Binance::default().rules().books;
        let mut told = Self {
            sync: BookSync::new(symbol("BTC-USDT"), &rules, depth),
            book: OrderBook::new(),
            last_id: 0,
            now_ns: 0,
        };
        told.sync.note_subscribed();
        match told.sync.next_action() {
            Some(BookAction::NeedSnapshot { levels }) => (told, levels),
            other => panic!("{other:?}"),
        }
    }

    /// A book with a snapshot of as many levels as were asked for: bids down from 1000, asks up from 1001.
    fn new(depth: Option<usize>) -> Self {
        let (mut told, levels) = Self::waiting(depth);
        told.snapshot(0, 1000, levels);
        told.actions();
        told
    }

    /// Takes a snapshot of so many levels a side, whose best bid is `best`.
    fn snapshot(&mut self, id: u64, best: u32, levels: usize) {
        let levels = u32::try_from(levels).unwrap();
        self.snapshot_of(
            id,
            (0..levels).map(|index| (best - index, 1)),
            (0..levels).map(|index| (best + 1 + index, 1)),
        );
    }

    fn snapshot_of(
        &mut self,
        id: u64,
        bids: impl IntoIterator<Item = (u32, u32)>,
        asks: impl IntoIterator<Item = (u32, u32)>,
    ) {
        let snapshot = BookChange {
            content: BookContent::Snapshot,
            ..change([None, Some(id)], bids, asks)
        };
        self.sync.snapshot(snapshot, self.now_ns);
    }

    /// Takes the next change.
    fn change(
        &mut self,
        bids: impl IntoIterator<Item = (u32, u32)>,
        asks: impl IntoIterator<Item = (u32, u32)>,
    ) {
        self.last_id += 1;
        let id = Some(self.last_id);
        self.sync.update(change([id, id], bids, asks), self.now_ns);
    }

    /// What is to be done, in a word or two each, and done for the subscriber.
    fn actions(&mut self) -> Vec<String> {
        let actions: VecDeque<_> = std::iter::from_fn(|| self.sync.next_action()).collect();
        let mut told = Vec::new();
        for action in actions {
            let event = match action {
                BookAction::NeedSnapshot { levels } => {
                    told.push(format!("need {levels}"));
                    continue;
                }
                BookAction::Emit(event, _) => event,
            };
            self.book.apply_event(&event).unwrap();
            told.push(match event {
                FeedEventKind::L2Snapshot(snapshot) => {
                    format!("snapshot {}", snapshot.last_id.unwrap())
                }
                FeedEventKind::L2Delta(delta) => {
                    format!("{}+{}", delta.bids.len(), delta.asks.len())
                }
                FeedEventKind::BookInvalid { reason, .. } => match reason {
                    InvalidReason::OutOfRange => "out of range".to_owned(),
                    InvalidReason::Gap { .. } => "gap".to_owned(),
                    other => panic!("{other:?}"),
                },
                other => panic!("{other:?}"),
            });
        }
        told
    }

    /// The levels of both sides that the subscriber has, and the best prices.
    fn seen(&self) -> (usize, usize, Option<Level>, Option<Level>) {
        let (bids, asks) = (self.book.bids().len(), self.book.asks().len());
        (bids, asks, self.book.best_bid(), self.book.best_ask())
    }

    fn covers(&self) -> Option<(u32, u32)> {
        let number = |price: rust_decimal::Decimal| u32::try_from(price).unwrap();
        match self.book.covers()? {
            Covers::Prices {
                lowest_bid: Some(bid),
                highest_ask: Some(ask),
            } => Some((number(bid), number(ask))),
            _ => None,
        }
    }
}

fn change(
    [first, last]: [Option<u64>; 2],
    bids: impl IntoIterator<Item = (u32, u32)>,
    asks: impl IntoIterator<Item = (u32, u32)>,
) -> BookChange {
    BookChange {
        symbol: symbol("BTC-USDT"),
        content: BookContent::Change,
        ids: Ids {
            previous: None,
            first,
            last,
        },
        checksum: None,
        bids: bids.into_iter().map(of).collect(),
        asks: asks.into_iter().map(of).collect(),
        time: Time::Absent,
    }
}

fn of((price, size): (u32, u32)) -> Level {
    level(&price.to_string(), &size.to_string())
}

#[test]
fn what_lies_beyond_the_snapshot_is_not_told() {
    let mut told = Told::new(None);
    assert_eq!(told.covers(), Some((901, 1100)));
    // Each side has an edge on its far end alone.
    told.change(
        [(900, 1), (901, 2), (999, 0)],
        [(1100, 2), (1101, 1), (1300, 1)],
    );
    assert_eq!(told.actions(), ["2+1"]);
    let best = (Some(of((1000, 1))), Some(of((1001, 1))));
    assert_eq!(told.seen(), (99, 100, best.0, best.1));
    // Its ids are told, so that nothing seems to be missing.
    told.change([(1, 1)], []);
    assert_eq!(told.actions(), ["0+0"]);
    assert_eq!(told.book.last_id(), Some(2));
}

#[test]
fn a_side_that_is_shorter_than_was_asked_for_is_known_as_a_whole() {
    let (mut told, levels) = Told::waiting(None);
    told.snapshot(0, 1000, levels - 1);
    told.change([(1, 1)], [(9000, 1)]);
    assert_eq!(told.actions(), ["snapshot 0", "1+1"]);
    let whole = Covers::Prices {
        lowest_bid: None,
        highest_ask: None,
    };
    assert_eq!(told.book.covers(), Some(whole));
    // Nobody bids any longer: that is known, too.
    told.change((900..=1000).chain([1]).map(|price| (price, 0)), []);
    assert_eq!(told.actions(), ["102+0"]);
    assert_eq!(told.book.best_bid(), None);
}

/// Reported as bmoscon/cryptofeed#604 and nkaz001/hftbacktest#78: a level that happens to change beyond the
/// snapshot becomes the best price when those before it are gone, whatever lies between.
#[test]
fn the_best_price_is_never_one_that_only_happens_to_be_known() {
    let mut told = Told::new(None);
    told.change([(875, 1)], []);
    told.change((926..=1000).map(|price| (price, 0)), []);
    assert_eq!(told.actions(), ["0+0", "75+0"]);
    told.change([(925, 0)], []);
    assert_eq!(told.actions(), ["1+0", "need 500"]);
    told.change((901..=925).map(|price| (price, 0)), []);
    assert_eq!(told.actions(), ["out of range"]);
    assert_eq!(told.book.best_bid(), None);
    // The one that is under way is the one that is needed.
    told.snapshot(4, 890, 500);
    assert_eq!(told.actions(), ["snapshot 4"]);
    assert_eq!(told.book.best_bid(), Some(of((890, 1))));
}

/// Reported as bmoscon/cryptofeed#606: minutes of data are missing whenever a snapshot is renewed.
#[test]
fn a_snapshot_that_is_due_joins_without_an_interruption() {
    let mut told = Told::new(None);
    told.change((925..=1000).map(|price| (price, 0)), []);
    assert_eq!(told.actions(), ["76+0", "need 500"]);
    told.change([(924, 5)], []);
    told.change([(924, 6), (800, 1)], []);
    assert_eq!(told.actions(), ["1+0", "1+0"]);
    assert!(told.sync.waiting_bytes() > 0);
    // From before the last of them, and with its changes then.
    told.snapshot(2, 924, 500);
    told.change([(923, 7)], []);
    assert_eq!(told.actions(), ["snapshot 3", "1+0"]);
    assert_eq!((told.book.epoch(), told.book.last_id()), (Some(2), Some(4)));
    assert_eq!(told.covers(), Some((425, 1424)));
    let bids: Vec<_> = told.book.bids().take(2).collect();
    assert_eq!(bids, [of((924, 6)), of((923, 7))]);
    assert_eq!(
        told.book.bids().find(|bid| bid.price == 800.into()),
        Some(of((800, 1)))
    );
    assert_eq!(told.sync.waiting_bytes(), 0);
}

/// Reported as sammchardy/python-binance#418: what a renewed book had before stays in it for ever.
#[test]
fn nothing_of_the_book_before_is_left_in_the_one_that_replaces_it() {
    let mut told = Told::new(None);
    told.change((925..=1000).map(|price| (price, 0)), []);
    told.actions();
    assert_eq!(told.book.asks().len(), 100);
    // Of the changes, those are told again that the snapshot does not hold.
    told.change([(920, 0)], [(1001, 0)]);
    told.snapshot_of(1, (801..=924).rev().map(|price| (price, 2)), [(1050, 3)]);
    assert_eq!(told.actions(), ["1+1", "snapshot 2"]);
    assert!(told.book.asks().eq([of((1050, 3))]));
    assert_eq!(told.book.bids().len(), 123);
    assert!(told.book.bids().all(|bid| bid.size == 2.into()));
}

#[test]
fn a_snapshot_that_is_due_and_ahead_of_the_stream_is_the_book_until_the_stream_is_there() {
    let mut told = Told::new(None);
    told.change((925..=1000).map(|price| (price, 0)), []);
    told.actions();
    told.snapshot(3, 950, 500);
    told.change([(924, 5)], []);
    told.change([(924, 6)], []);
    assert_eq!(told.actions(), ["snapshot 3"]);
    told.change([(949, 2)], []);
    assert_eq!(told.actions(), ["1+0"]);
    assert_eq!(told.book.best_bid(), Some(of((950, 1))));
}

#[test]
fn one_that_is_too_old_or_left_already_is_asked_for_again_and_the_book_goes_on() {
    let mut told = Told::new(None);
    told.change([(1, 1)], []);
    told.change((925..=1000).map(|price| (price, 0)), []);
    assert_eq!(told.actions(), ["0+0", "76+0", "need 500"]);
    // The change that made it due is not kept.
    told.snapshot(1, 1000, 500);
    assert_eq!(told.actions(), ["need 500"]);
    told.change([(924, 2)], []);
    assert_eq!(told.actions(), ["1+0"]);
    told.change((1401..=1900).map(|price| (price, 0)), []);
    assert_eq!(told.actions(), ["500+0"]);
    told.snapshot(3, 1900, 500);
    assert_eq!(told.actions(), ["need 1000"]);
    assert_eq!(told.book.best_bid(), Some(of((924, 2))));
    told.snapshot(4, 1500, 1000);
    assert_eq!(told.actions(), ["snapshot 4"]);
}

#[test]
fn the_shorter_a_snapshot_lasts_the_deeper_the_next_one_is() {
    let mut told = Told::new(None);
    let mut best = 1000;
    let mut asked = Vec::new();
    for (seconds, levels) in [(1, 100), (1, 500), (60, 1000), (1, 5000), (1, 5000)] {
        told.now_ns += seconds * SECOND;
        let gone = u32::try_from(levels * 4 / 5).unwrap();
        told.change((best - gone..=best).map(|price| (price, 0)), []);
        let needed = told.actions().pop().unwrap();
        asked.push(needed.clone());
        let levels: usize = needed.strip_prefix("need ").unwrap().parse().unwrap();
        best += 10_000;
        told.snapshot(told.last_id, best, levels);
        told.actions();
    }
    assert_eq!(
        asked,
        [
            "need 500",
            "need 1000",
            "need 5000",
            "need 5000",
            "need 5000"
        ]
    );
}

/// Reported as oliver-zehentleitner/unicorn-binance-local-depth-cache#45 and ccxt/node-binance-api#56: sides
/// that grow without an end.
#[test]
fn a_side_that_the_price_has_moved_away_from_is_begun_anew() {
    let (mut told, levels) = Told::waiting(None);
    let bids = (0..).take(levels).map(|index| (1000 - index, 1));
    told.snapshot_of(0, bids, [(9000, 1)]);
    for best in 1001..=1700 {
        told.change([(best, 1)], []);
    }
    let actions = told.actions();
    assert_eq!(actions.len(), 1 + 700, "no snapshot is due yet");
    told.change([(1701, 1)], []);
    assert_eq!(told.actions(), ["1+0", "need 500"]);
}

/// Reported as sammchardy/python-binance#425 and ccxt/ccxt#26967: the level that follows one that is gone is
/// not told, or another one is.
#[test]
fn only_the_best_levels_are_told_if_that_is_wanted_and_a_level_that_comes_to_be_among_them_is() {
    let mut told = Told::new(Some(3));
    assert_eq!(told.book.covers(), Some(Covers::Top { levels: 3 }));
    assert_eq!(told.seen().0, 3);
    told.change([(999, 0), (950, 9)], []);
    assert_eq!(told.actions(), ["2+0"]);
    let prices = |told: &Told| told.book.bids().map(|bid| bid.price).collect::<Vec<_>>();
    assert_eq!(prices(&told), [1000.into(), 998.into(), 997.into()]);
    told.change([(999, 5)], []);
    assert_eq!(told.actions(), ["2+0"]);
    assert_eq!(prices(&told), [1000.into(), 999.into(), 998.into()]);
    // With as many as are told, another is due; with fewer, the third is not known.
    told.change((920..=1000).map(|price| (price, 0)), []);
    let words = told.actions();
    assert_eq!(words.last().unwrap(), "need 500");
    assert_eq!(prices(&told), [919.into(), 918.into(), 917.into()]);
    told.change((903..=919).map(|price| (price, 0)), []);
    assert_eq!(told.actions(), ["out of range"]);
}

#[test]
fn no_more_levels_are_told_than_half_of_the_deepest_snapshot_has() {
    for (wanted, told, asked) in [
        (50, 50, 100),
        (51, 51, 500),
        (2500, 2500, 5000),
        (9999, 2500, 5000),
    ] {
        let (mut book, levels) = Told::waiting(Some(wanted));
        assert_eq!(levels, asked);
        book.snapshot_of(1, (1..=10_000).map(|price| (price, 1)), []);
        let Some(BookAction::Emit(FeedEventKind::L2Snapshot(snapshot), _)) =
            book.sync.next_action()
        else {
            panic!("no snapshot");
        };
        assert_eq!(snapshot.covers, Covers::Top { levels: told });
        assert_eq!(snapshot.bids.len(), told);
    }
}
