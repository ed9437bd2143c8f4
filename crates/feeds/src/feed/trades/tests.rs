use proptest::collection::vec;
use proptest::prelude::{any, prop_assert, prop_assert_eq, prop_assume, prop_oneof, proptest};
use rust_decimal::Decimal;

use super::Novelty::{AfterCut, AfterHole, Known, New, Partly, Restarted};
use super::*;
use crate::event::Side;
use crate::exchange::{Time, TradeHole};
use crate::ranges::Ranges;

/// Of this time; without one, if it is 0.
fn trade(id: TradeId, time: i64) -> Trade {
    Trade {
        symbol: "A-B".parse().unwrap(),
        id: Some(id),
        count: 1,
        side: Side::Buy,
        price: Decimal::ONE,
        amount: Decimal::ONE,
        time: match time {
            0 => Time::Absent,
            time => Time::At(time),
        },
        is_history: false,
    }
}

fn number(id: u64, time: i64) -> Trade {
    trade(TradeId::Number(id), time)
}

fn several(count: u32, id: u64, time: i64) -> Trade {
    Trade {
        count,
        ..number(id, time)
    }
}

fn past(id: u64, time: i64) -> Trade {
    Trade {
        is_history: true,
        ..number(id, time)
    }
}

fn hole(after_id: u64, before_id: u64, after_ns: i64) -> TradeHole {
    TradeHole {
        after_id,
        after_ns: (after_ns != 0).then_some(after_ns),
        before_id,
    }
}

fn connected(rules: TradeIds) -> Trades {
    let mut trades = Trades::new(rules);
    trades.begin_connection();
    trades
}

#[track_caller]
fn check<const N: usize>(trades: &mut Trades, expected: [(Trade, Novelty); N]) {
    for (trade, expected) in expected {
        assert_eq!(trades.note(&trade), expected, "{trade:?}");
    }
}

#[test]
fn what_comes_again_is_known_even_over_a_new_connection() {
    for rules in [TradeIds::Contiguous, TradeIds::Growing] {
        let mut trades = connected(rules);
        check(
            &mut trades,
            [
                (number(5, 10), New),
                (number(6, 20), New),
                (number(6, 20), Known),
            ],
        );
        trades.begin_connection();
        check(
            &mut trades,
            [
                (number(5, 10), Known),
                (number(6, 20), Known),
                (number(7, 20), New),
            ],
        );
    }
}

#[test]
fn a_late_trade_is_no_repetition() {
    // As where the trades of one message stand in any order.
    for rules in [TradeIds::Contiguous, TradeIds::Growing] {
        let mut trades = connected(rules);
        trades.note(&number(660, 10));
        trades.note(&number(663, 11));
        check(
            &mut trades,
            [
                (number(662, 11), New),
                (number(661, 10), New),
                (number(661, 10), Known),
                // Before the first one.
                (number(659, 9), New),
                (number(659, 9), Known),
            ],
        );
    }
}

#[test]
fn ids_that_skip_are_a_hole_where_they_have_none_of_their_own() {
    let mut trades = connected(TradeIds::Growing);
    check(
        &mut trades,
        [(number(300, 10), New), (number(305, 10), New)],
    );
    let mut trades = connected(TradeIds::Contiguous);
    check(&mut trades, [(number(300, 10), New)]);
    trades.begin_connection();
    check(
        &mut trades,
        [
            (number(305, 11), AfterHole(hole(300, 305, 10))),
            // Late ones, of which some are one event.
            (several(2, 303, 10), New),
            (several(2, 303, 10), Known),
            (number(304, 10), New),
            (number(301, 10), New),
            (number(301, 10), Known),
            // Five trades in one event leave none out.
            (several(5, 310, 20), New),
            (number(312, 0), AfterHole(hole(310, 312, 20))),
        ],
    );
}

#[test]
fn where_ids_have_holes_of_their_own_trades_may_be_missing_after_a_cut_only() {
    let mut trades = connected(TradeIds::Growing);
    check(&mut trades, [(number(1, 10), New), (number(5, 11), New)]);
    trades.begin_connection();
    check(
        &mut trades,
        [
            (number(9, 12), AfterCut(hole(5, 9, 11))),
            (number(12, 13), New),
        ],
    );
    trades.begin_connection();
    check(&mut trades, [(number(13, 14), New)]);
    trades.begin_connection();
    check(
        &mut trades,
        [
            (number(12, 13), Known),
            (number(20, 15), AfterCut(hole(13, 20, 14))),
        ],
    );
}

#[test]
fn several_trades_of_which_some_are_known_are_taken_one_by_one() {
    let mut trades = connected(TradeIds::Contiguous);
    trades.note(&number(10, 1));
    trades.note(&number(14, 1));
    trades.fill(&number(11, 1));
    let mut missing = Ranges::default();
    missing.insert(12..=13);
    check(
        &mut trades,
        [
            (several(4, 13, 1), Partly(missing)),
            (number(12, 1), New),
            (number(15, 1), New),
        ],
    );
}

#[test]
fn what_the_exchange_has_had_is_missing_if_the_connection_has_brought_nothing() {
    let mut trades = connected(TradeIds::Contiguous);
    let symbol = "A-B".parse().unwrap();
    assert_eq!(trades.note_last(&symbol, 9), None, "nothing is known");
    trades.note(&number(5, 10));
    assert_eq!(trades.note_last(&symbol, 9), None, "the stream is alive");
    trades.begin_connection();
    assert_eq!(trades.note_last(&symbol, 5), None);
    assert_eq!(trades.note_last(&symbol, 4), None);
    assert_eq!(trades.note_last(&symbol, u64::MAX), None);
    assert_eq!(trades.note_last(&symbol, 9), Some(hole(5, 10, 10)));
    assert_eq!(trades.note_last(&symbol, 9), None, "told");
    assert_eq!(trades.note_last(&symbol, 11), Some(hole(9, 12, 10)));
    check(
        &mut trades,
        [
            // Late, and not of another numbering, although its time is later than all before.
            (number(11, 20), New),
            (number(8, 15), New),
            (number(8, 15), Known),
            (number(12, 21), New),
            (number(14, 22), AfterHole(hole(12, 14, 21))),
        ],
    );
    assert_eq!(trades.note_last(&symbol, 20), None, "the stream is alive");
}

#[test]
fn an_id_that_is_not_new_of_a_later_time_is_a_restart() {
    for rules in [TradeIds::Contiguous, TradeIds::Growing] {
        let mut trades = connected(rules);
        check(
            &mut trades,
            [
                (number(5, 10), New),
                (number(2, 11), Restarted(None)),
                (number(3, 11), New),
                // Seen before, and of another numbering.
                (
                    number(5, 12),
                    if rules == TradeIds::Contiguous {
                        AfterHole(hole(3, 5, 11))
                    } else {
                        New
                    },
                ),
            ],
        );
    }
}

#[test]
fn trades_that_all_have_one_id_come_as_long_as_time_goes_on() {
    // As an exchange did for a while after an upgrade.
    for rules in [TradeIds::Contiguous, TradeIds::Growing] {
        let mut trades = connected(rules);
        check(
            &mut trades,
            [
                (number(0, 10), New),
                (number(0, 11), Restarted(None)),
                (number(0, 12), Restarted(None)),
            ],
        );
    }
}

#[test]
fn a_restart_over_a_reconnect_is_noticed_without_times_if_it_begins_below_all() {
    let mut trades = connected(TradeIds::Contiguous);
    check(&mut trades, [(number(500, 0), New), (number(501, 0), New)]);
    trades.begin_connection();
    check(
        &mut trades,
        [
            (number(1, 0), Restarted(None)),
            (number(2, 0), New),
            (number(500, 0), AfterHole(hole(2, 500, 0))),
        ],
    );
}

#[test]
fn one_mistaken_id_silences_nothing() {
    // With times, and without: near the end of all numbers, and near the others.
    let far = u64::MAX - 5;
    let mut trades = connected(TradeIds::Contiguous);
    check(
        &mut trades,
        [
            (number(1000, 0), New),
            (number(far, 0), Restarted(None)),
            (number(1000, 0), Known),
            (number(1001, 0), Restarted(None)),
            (number(1002, 0), New),
            (number(1004, 0), AfterHole(hole(1002, 1004, 0))),
            (number(far, 0), Restarted(None)),
            // What is missing beside the mistake is told, too.
            (number(1006, 0), Restarted(Some(hole(1004, 1006, 0)))),
        ],
    );
    let mut trades = connected(TradeIds::Contiguous);
    check(
        &mut trades,
        [
            (number(1000, 10), New),
            (number(1500, 11), AfterHole(hole(1000, 1500, 10))),
            // Of the same time, it may be late.
            (number(1001, 11), New),
            (number(1002, 12), Restarted(None)),
            (number(1003, 12), New),
            (number(1005, 13), AfterHole(hole(1003, 1005, 12))),
        ],
    );
    let mut trades = connected(TradeIds::Growing);
    check(
        &mut trades,
        [
            (number(1000, 10), New),
            (number(far, 11), New),
            (number(1001, 11), New),
            (number(1002, 12), Restarted(None)),
            (number(1001, 11), Known),
        ],
    );
}

#[test]
fn text_is_known_as_long_as_it_is_remembered() {
    let text = |text: &str| trade(TradeId::Text(text.into()), 0);
    let mut trades = connected(TradeIds::Opaque { remembered: 2 });
    check(
        &mut trades,
        [
            (text("b"), New),
            (text("a"), New),
            (text("b"), Known),
            (text("c"), New),
            (text("b"), New),
        ],
    );
}

#[test]
fn history_only_fills_the_hole_between_two_connections() {
    let mut trades = connected(TradeIds::Contiguous);
    check(
        &mut trades,
        [
            (past(1, 0), Known),
            (past(2, 0), Known),
            (number(3, 0), New),
        ],
    );
    trades.begin_connection();
    check(
        &mut trades,
        [
            (past(0, 0), Known),
            (past(2, 0), Known),
            (past(3, 0), Known),
            (past(4, 0), New),
            (past(6, 0), AfterHole(hole(4, 6, 0))),
            (number(7, 0), New),
        ],
    );
}

proptest! {
    /// Whatever the order, each id is new once, and what is told to be missing is what did not come.
    #[test]
    fn every_id_is_new_once(
        ids in vec(0..200_u64, 1..200),
        cuts in vec(any::<bool>(), 200),
    ) {
        let mut trades = connected(TradeIds::Contiguous);
        let (mut seen, mut told) = (Ranges::default(), Ranges::default());
        for (id, is_cut) in ids.iter().zip(cuts) {
            if is_cut {
                trades.begin_connection();
            }
            // All of one time: none is a restart.
            let novelty = trades.note(&number(*id, 1));
            prop_assert_eq!(novelty == Known, seen.contains(&(*id..=*id)));
            if let AfterHole(hole) = &novelty {
                let missing = hole.after_id + 1..=hole.before_id - 1;
                prop_assert!(seen.within(&missing).is_empty());
                prop_assert!(told.within(&missing).is_empty());
                told.insert(missing);
            }
            seen.insert(*id..=*id);
            told.remove(*id..=*id);
        }
        let first = ids[0];
        let last = seen.last().unwrap();
        prop_assert_eq!(seen.missing_in(&(first..=last)), told);
    }

    /// Wherever a mistaken id stands among others, of which some are missing: all of the others come, and
    /// what is missing is told.
    #[test]
    fn no_mistaken_id_silences_others(
        missing in vec(any::<bool>(), 40),
        mistaken in prop_oneof![0..900_u64, 1041..2000_u64, any::<u64>()],
        place in 0..40_u64,
        (has_times, each_ns) in (any::<bool>(), 0..3_i64),
    ) {
        let real = 1000..1040;
        prop_assume!(!real.contains(&mistaken));
        // Without times, what is near cannot be told from what is late.
        prop_assume!(has_times && each_ns > 0 || mistaken.abs_diff(1020) > 200_000_000);
        let mut trades = connected(TradeIds::Contiguous);
        let (mut told, mut come) = (Ranges::default(), Ranges::default());
        let mut note = |trades: &mut Trades, id: u64, time: i64| {
            let novelty = trades.note(&number(id, if has_times { time + 1 } else { 0 }));
            if let AfterHole(hole) | Restarted(Some(hole)) = &novelty {
                let missing = hole.after_id + 1..=hole.before_id - 1;
                assert!(come.within(&missing).is_empty(), "{hole:?}");
                told.insert(missing);
            }
            come.insert(id..=id);
            novelty
        };
        note(&mut trades, 999, 0);
        for (id, is_missing) in real.zip(missing.iter().copied()) {
            let time = each_ns * (id as i64 - 999);
            if id == 1000 + place {
                note(&mut trades, mistaken, time);
            }
            if !is_missing {
                let novelty = note(&mut trades, id, time);
                prop_assert!(!matches!(novelty, Known | Partly(_)), "{id}: {novelty:?}");
            }
        }
        note(&mut trades, 1040, 1_000_000);
        for (id, is_missing) in (1000..1040).zip(missing) {
            prop_assert!(!is_missing || told.contains(&(id..=id)), "{id}");
        }
    }
}
