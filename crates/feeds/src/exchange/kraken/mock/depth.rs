//! How the levels within a depth change.

use testkit::mock::{Book, Level, Side, Step};

use std::collections::{HashMap, HashSet};

// Of a book of depth 2 with the bids 9, 7 | 6, 5:
//
//     7 is removed     7: 0, 6: 5    what comes into the depth is told
//     10 is placed     10: 5         what falls out of it is not: the client has to cut it,
//     6 is removed                   for it is not told what happens there
//     8 is removed     8: 0          which was not there, and does no harm
//
// In the order of the steps, so a price may be named twice; what comes into the depth without a
// step of its own is told at the end. Prices are in no order.
/// What a client is told of one side of `book`, of which it knew the levels `old` and shall know
/// `new`, after `steps`.
pub(super) fn changes(
    book: &Book,
    side: Side,
    old: &[Level],
    new: &[Level],
    steps: &[&Step],
) -> Vec<Level> {
    let known: HashMap<u64, u64> = old.iter().map(|it| (it.price, it.quantity)).collect();
    let is_new = |level: &&Level| known.get(&level.price) != Some(&level.quantity);
    let entered: Vec<Level> = new.iter().filter(is_new).copied().collect();
    let told: HashSet<u64> = entered.iter().map(|level| level.price).collect();
    let is_inside = |price: u64| match (side, new.last()) {
        (Side::Bid, Some(worst)) => price > worst.price,
        (Side::Ask, Some(worst)) => price < worst.price,
        (_, None) => true,
    };
    let is_due = |level: &Level| {
        let is_removed = book.quantity(side, level.price) == 0;
        let is_known = known.contains_key(&level.price) || is_inside(level.price);
        told.contains(&level.price) || (is_removed && is_known)
    };
    let steps = steps.iter().map(|step| step.change);
    let steps = steps.filter(|change| change.side == side);
    let mut changes: Vec<Level> = steps.map(|it| it.level).filter(is_due).collect();
    let mut untold = told.clone();
    for level in &changes {
        untold.remove(&level.price);
    }
    changes.extend(entered.iter().filter(|level| untold.contains(&level.price)));
    changes
}
