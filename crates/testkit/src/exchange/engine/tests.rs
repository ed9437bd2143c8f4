//! The market that makes itself up.

use super::*;

fn engine(seed: u64, snapshot_age: usize) -> Engine {
    of(Movement::CALM, seed, snapshot_age)
}

fn of(movement: Movement, seed: u64, snapshot_age: usize) -> Engine {
    let instrument = Instrument::spot("AB".to_owned(), ["A", "B"], [2, 3], 10_000, 50);
    let options = MarketOptions {
        movement,
        snapshot_age,
        trades: 100,
    };
    Engine::new(Arc::new(instrument), seed, options, 0)
}

#[test]
fn ids_are_contiguous_and_the_book_is_never_crossed_or_empty() {
    let wild = Movement::WILD.with_depth(200);
    let recorded = Movement::RECORDED.with_depth(200);
    for seed in 0..24 {
        let (movement, ticks) = match seed {
            0..20 => (Movement::CALM, 2_000),
            20..22 => (recorded, 500),
            _ => (wild, 500),
        };
        let mut engine = of(movement, seed, 0);
        let (mut id, mut trade) = (engine.last_id, engine.last_trade);
        for tick in 0..ticks {
            let update = engine.tick(tick * 100_000);
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
            assert!((4_000..25_000).contains(&quote.bid.price), "{quote:?}");
            for side in [Side::Bid, Side::Ask] {
                let most = 2 * movement.depth as usize;
                assert!((1..=most).contains(&engine.book.depth(side)));
            }
        }
    }
}

#[test]
fn deltas_over_a_snapshot_give_the_quote_of_the_same_id() {
    let mut engine = engine(7, 2);
    let first = engine.snapshot();
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
        assert_eq!(engine.snapshot().id, ids[9 - age]);
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

#[test]
fn a_snapshot_of_the_past_is_the_book_as_it_was() {
    let mut engine = of(Movement::RECORDED.with_depth(100), 5, 3);
    let mut past = Vec::new();
    for time in 0..300 {
        past.push(engine.latest());
        engine.tick(time * 100_000);
        if let Some(then) = past.len().checked_sub(3).map(|at| &past[at]) {
            let told = engine.snapshot();
            assert_eq!((told.id, told.time), (then.id, then.time));
            assert_eq!(told.book, then.book);
        }
    }
}

/// How many changes of a hundred are outside of the first snapshot of so many levels, the longest
/// update, and after how many seconds the best price leaves it.
fn measured(movement: Movement, levels: usize) -> (u64, usize, Option<u64>) {
    let instrument = Instrument::spot("AB".to_owned(), ["A", "B"], [2, 3], 900_000, 50);
    let options = MarketOptions {
        movement,
        ..MarketOptions::default()
    };
    let mut engine = Engine::new(Arc::new(instrument), 1, options, 0);
    let edge = |side| engine.book.best_first(side).nth(levels - 1).unwrap().price;
    let (low, high) = (edge(Side::Bid), edge(Side::Ask));
    let (mut changes, mut outside, mut longest, mut left) = (0, 0, 0, None);
    // Ten a second.
    for tick in 1..=3000 {
        let update = engine.tick(tick * 100_000);
        longest = longest.max(update.steps.len());
        for Step { change, .. } in &update.steps {
            changes += 1;
            outside += u64::from(!(low..=high).contains(&change.level.price));
        }
        let quote = engine.book.quote().unwrap();
        if left.is_none() && (quote.bid.price < low || quote.ask.price > high) {
            left = Some(tick / 10);
        }
    }
    (outside * 100 / changes, longest, left)
}

#[test]
fn a_market_moves_as_it_was_recorded_or_wilder_or_not() {
    let (outside, longest, left) = measured(Movement::RECORDED, 1000);
    assert!((15..45).contains(&outside), "{outside} %");
    assert!((300..800).contains(&longest), "{longest}");
    let (.., shallow) = measured(Movement::RECORDED, 100);
    let shallow = shallow.unwrap();
    assert!((10..60).contains(&shallow), "{shallow} s");
    assert!(left.is_none_or(|left| left > shallow), "{left:?}");
    let (.., wild) = measured(Movement::WILD, 100);
    assert!(wild.is_some_and(|wild| wild < 10), "{wild:?}");
    let calm = measured(Movement::CALM.with_depth(3000), 1000);
    assert_eq!((calm.0, calm.2), (0, None));
}

#[test]
fn ids_that_begin_anew_are_lower_and_of_another_epoch() {
    let mut engine = engine(1, 2);
    let before = engine.tick(1);
    let trade = engine.last_trade;
    let book = engine.latest().book;
    engine.restart_ids();
    assert_eq!(engine.latest().book, book);
    let after = engine.tick(2);
    assert_eq!((before.epoch, after.epoch), (0, 1));
    assert!(after.delta().first_id < before.delta().last_id);
    assert!(engine.last_trade < trade);
    // REST is behind for as long as it always is.
    assert_eq!(engine.snapshot().epoch, 0);
}

#[test]
fn what_was_traded_adds_up() {
    let mut engine = engine(1, 0);
    let before = engine.day().unwrap();
    assert_eq!(
        (before.count, before.last_price(), before.low),
        (0, 10_000, 10_000)
    );
    let trades: Vec<_> = (0..300)
        .flat_map(|time| engine.tick(time).trades().cloned().collect::<Vec<_>>())
        .collect();
    let day = engine.day().unwrap();
    assert_eq!(day.count, trades.len() as u64);
    assert_eq!(day.first_id, trades[0].id);
    assert_eq!(day.last.as_ref().unwrap().id, trades.last().unwrap().id);
    let lots: u64 = trades.iter().map(|it| it.level.quantity).sum();
    assert_eq!(day.base_volume(), engine.instrument.quantity(lots));
    let prices = trades.iter().map(|it| it.level.price);
    assert_eq!(
        Some((day.low, day.high)),
        prices.clone().min().zip(prices.max())
    );
    assert!(day.quote_volume() > day.base_volume() * engine.instrument.price(day.low));
    assert_eq!(engine.trades().len(), 100, "only the latest are kept");
}
