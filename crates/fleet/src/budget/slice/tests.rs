//! Two collectors and one ledger, step by step.

use std::collections::BTreeMap;

use super::*;

const TOTAL: u32 = 640;
const PER: Duration = Duration::from_secs(60);

/// What a collector knows of the others.
struct Known {
    present_at: Instant,
    /// How many there are beside two.
    comes: usize,
    missing: BTreeMap<CollectorId, Missing>,
}

impl Company for Known {
    fn present_at(&self) -> Option<Instant> {
        Some(self.present_at)
    }

    fn collectors(&self) -> usize {
        2 + self.comes - self.missing.len()
    }

    fn missing(&self, id: &CollectorId, _now: Instant) -> Option<Missing> {
        self.missing.get(id).copied()
    }
}

struct Rig {
    now: Instant,
    ledger: Ledger,
    revision: u64,
    is_complete: bool,
    known: Known,
}

impl Rig {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            now,
            ledger: Ledger::default(),
            revision: 0,
            is_complete: true,
            known: Known {
                present_at: now,
                comes: 0,
                missing: BTreeMap::new(),
            },
        }
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.known.present_at = self.now;
    }

    /// Polls until nothing more is asked.
    fn settle(&mut self, slice: &mut Slice, demand: Demand) -> u32 {
        for _ in 0..4 {
            let Some(ask) = slice.poll(demand, &self.known, self.now) else {
                break;
            };
            let answer = self.answer(ask);
            slice.answer(answer, self.now);
        }
        slice.usable()
    }

    fn answer(&mut self, ask: LedgerAsk) -> LedgerAnswer {
        match ask {
            LedgerAsk::Look => match self.is_complete {
                true => LedgerAnswer::Found(self.ledger.clone(), self.revision),
                false => LedgerAnswer::Incomplete(self.ledger.clone(), self.revision),
            },
            LedgerAsk::Write { ledger, expected } if expected == self.revision => {
                assert!(ledger.lent() <= u64::from(TOTAL), "{ledger:?}");
                self.ledger = ledger;
                self.revision += 1;
                LedgerAnswer::Done(self.revision)
            }
            LedgerAsk::Write { .. } => LedgerAnswer::Conflict,
        }
    }

    fn slice(&self, name: &str) -> Slice {
        Slice::new(CollectorId::parse(name).unwrap(), TOTAL, PER, self.now)
    }
}

fn waits(units: u32) -> Demand {
    Demand {
        in_use: 0,
        waiting: u64::from(units),
        largest: units,
    }
}

fn uses(in_use: u64) -> Demand {
    Demand {
        in_use,
        ..Demand::default()
    }
}

#[test]
fn what_is_needed_is_borrowed_and_goes_back_when_it_is_not() {
    let mut rig = Rig::new();
    let mut slice = rig.slice("a");
    assert_eq!(rig.settle(&mut slice, Demand::default()), 0);
    let borrowed = rig.settle(&mut slice, waits(50));
    assert!((50..=280).contains(&borrowed), "{borrowed}");
    rig.pass(30);
    assert_eq!(rig.settle(&mut slice, uses(50)), borrowed);
    for _ in 0..3 {
        rig.pass(60);
        rig.settle(&mut slice, Demand::default());
    }
    assert_eq!((slice.usable(), rig.ledger.lent()), (0, 0));
}

#[test]
fn a_part_goes_back_only_when_no_more_than_the_rest_is_in_use() {
    let mut rig = Rig::new();
    let mut slice = rig.slice("a");
    // More than is fair, for one request.
    let borrowed = rig.settle(&mut slice, waits(400));
    assert_eq!(borrowed, 400);
    let fair = rig.settle(&mut slice, uses(400));
    assert!(fair < 400);
    assert_eq!(rig.ledger.lent(), 400, "it counts at the exchange");
    rig.pass(60);
    rig.settle(&mut slice, uses(0));
    assert_eq!(rig.ledger.lent(), u64::from(fair));
}

#[test]
fn there_is_something_for_whoever_comes_and_never_more_than_there_is() {
    let mut rig = Rig::new();
    let [mut a, mut b] = ["a", "b"].map(|name| rig.slice(name));
    let first = rig.settle(
        &mut a,
        Demand {
            largest: 1,
            ..waits(600)
        },
    );
    assert_eq!(first, 280);
    let second = rig.settle(
        &mut b,
        Demand {
            largest: 1,
            ..waits(600)
        },
    );
    assert_eq!(second, 280);
    assert_eq!(rig.ledger.lent(), 560);
}

#[test]
fn who_cannot_have_enough_for_one_request_keeps_nothing_from_others() {
    let mut rig = Rig::new();
    let [mut a, mut b] = ["a", "b"].map(|name| rig.slice(name));
    assert!(rig.settle(&mut a, waits(50)) >= 50);
    assert_eq!(rig.settle(&mut b, waits(400)), 400);
    for _ in 0..5 {
        rig.settle(&mut a, waits(400));
        rig.pass(1);
    }
    assert_eq!(rig.ledger.lent(), 400);
    // The other has its answer, and asks for nothing more.
    for _ in 0..300 {
        rig.pass(1);
        rig.settle(&mut b, Demand::default());
        rig.settle(&mut a, waits(400));
    }
    assert_eq!((a.usable(), b.usable()), (400, 0));
}

#[test]
fn who_is_cut_off_stops_using_its_slice_before_another_takes_it() {
    let mut rig = Rig::new();
    let [mut cut_off, mut other] = ["a", "b"].map(|name| rig.slice(name));
    let wanted = Demand {
        largest: 1,
        ..waits(600)
    };
    rig.settle(&mut cut_off, wanted);
    let since = rig.now;
    let missing = Missing {
        since,
        has_left: false,
    };
    let last_heard = rig.now;
    let id = CollectorId::parse("a").unwrap();
    rig.known.missing.insert(id.clone(), missing);
    let mut used_at = since;
    for _ in 0..100 {
        rig.pass(10);
        let alone = Known {
            present_at: last_heard,
            comes: 0,
            missing: BTreeMap::new(),
        };
        cut_off.poll(uses(200), &alone, rig.now);
        if cut_off.usable() > 1 {
            used_at = rig.now;
        }
        rig.settle(&mut other, wanted);
        if rig.ledger.slice(&id) < 280 {
            break;
        }
    }
    assert_eq!(rig.ledger.slice(&id), 1);
    assert!(rig.now > used_at + PER, "what it used may count");
    assert_eq!(cut_off.usable(), 1);
    // What has left keeps it for a window.
    let left = Missing {
        since: rig.now,
        has_left: true,
    };
    rig.known.missing.insert(id.clone(), left);
    rig.pass(70);
    rig.settle(&mut other, waits(600));
    assert_eq!(rig.ledger.slice(&id), 0);
}

#[test]
fn what_may_have_been_given_back_is_not_used_until_another_write_says_so() {
    let mut rig = Rig::new();
    let mut slice = rig.slice("a");
    rig.settle(&mut slice, waits(100));
    rig.pass(60);
    rig.settle(&mut slice, Demand::default());
    rig.pass(60);
    assert_eq!(slice.poll(Demand::default(), &rig.known, rig.now), None);
    rig.pass(1);
    let give_back = slice.poll(Demand::default(), &rig.known, rig.now).unwrap();
    slice.answer(LedgerAnswer::Unreachable, rig.now);
    rig.pass(2);
    // It wants it again, and the ledger still has it.
    assert_eq!(
        slice.poll(waits(10), &rig.known, rig.now),
        Some(LedgerAsk::Look)
    );
    let found = rig.answer(LedgerAsk::Look);
    slice.answer(found, rig.now);
    assert_eq!(slice.usable(), 0);
    let again = slice.poll(waits(10), &rig.known, rig.now).unwrap();
    // Now the first question arrives.
    assert_eq!(rig.answer(give_back), LedgerAnswer::Done(2));
    let conflict = rig.answer(again);
    assert_eq!(conflict, LedgerAnswer::Conflict);
    slice.answer(conflict, rig.now);
    assert_eq!(slice.usable(), 0);
    rig.pass(2);
    assert!(rig.settle(&mut slice, waits(10)) >= 10);
}

#[test]
fn what_a_lost_ledger_said_is_claimed_before_anybody_borrows_more() {
    let mut rig = Rig::new();
    let [mut one, mut other, mut late] = ["a", "b", "c"].map(|name| rig.slice(name));
    let many = Demand {
        largest: 10,
        ..waits(640)
    };
    let [held, also_held] = [&mut one, &mut other].map(|it| rig.settle(it, many));
    assert_eq!((held, also_held), (280, 280));
    (rig.ledger, rig.revision, rig.is_complete) = (Ledger::default(), 0, false);

    rig.pass(1);
    assert_eq!(rig.settle(&mut late, waits(10)), 0);
    one.doubt();
    assert_eq!(rig.settle(&mut one, uses(280)), 280);
    assert_eq!(
        (rig.ledger.lent(), rig.settle(&mut late, waits(10))),
        (280, 0)
    );
    rig.pass(2);
    other.doubt();
    assert_eq!(rig.settle(&mut other, many), 280);
    assert_eq!(rig.ledger.lent(), 560);
    rig.is_complete = true;
    rig.pass(2);
    assert_eq!(rig.settle(&mut late, waits(10)), 10);
    assert_eq!(rig.settle(&mut one, uses(280)), 280);
    assert_eq!(rig.ledger.lent(), 570);
}

#[test]
fn who_cannot_ask_is_not_due_at_once() {
    let mut rig = Rig::new();
    let mut slice = rig.slice("a");
    let many = Demand {
        largest: 10,
        ..waits(640)
    };
    assert_eq!(rig.settle(&mut slice, many), 280);
    // Somebody comes, and more than is fair by then is in use.
    rig.known.comes = 2;
    for _ in 0..10 {
        rig.pass(1);
        rig.settle(&mut slice, uses(250));
        assert!(slice.due().is_none_or(|due| due > rig.now));
    }
    rig.pass(1);
    rig.settle(&mut slice, uses(100));
    assert!(rig.ledger.lent() < 280);
    // Nothing is heard any longer.
    slice.doubt();
    rig.now += GRACE * 2;
    assert_eq!(rig.settle(&mut slice, many), 1);
    assert!(slice.due().is_none_or(|due| due > rig.now));
}
