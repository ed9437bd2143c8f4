use std::time::Duration;

use proptest::prelude::*;
use transport::Window;

use super::*;

const PER: u64 = 100;

fn draw(name: &'static str, units: u32) -> Draw {
    let window = Window::new(name, 10, Duration::from_millis(PER));
    Draw { window, units }
}

fn weight(units: u32) -> Draw {
    draw("weight", units)
}

/// The budgets, and a clock in milliseconds.
struct Rig {
    start: Instant,
    budgets: EgressBudgets,
}

impl Rig {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            budgets: EgressBudgets::default(),
        }
    }

    fn at(&self, millis: u64) -> Instant {
        self.start + Duration::from_millis(millis)
    }

    fn enter(&mut self, draws: &[Draw]) -> Ticket {
        self.budgets.enter(&draws.iter().copied().collect())
    }

    fn poll(&mut self, ticket: Ticket, millis: u64) -> Turn {
        self.budgets.poll(ticket, self.at(millis))
    }

    /// Sends what is admitted at once, and gets the answer later.
    fn send(&mut self, units: u32, from: u64, to: u64) {
        let ticket = self.enter(&[weight(units)]);
        assert_eq!(self.poll(ticket, from), Turn::Now);
        self.budgets.finish(ticket, &[weight(units)], self.at(to));
    }
}

#[test]
fn units_are_free_again_one_window_after_the_answer() {
    let mut rig = Rig::new();
    let sent = rig.enter(&[weight(6)]);
    assert_eq!(rig.poll(sent, 0), Turn::Now);
    rig.send(4, 50, 60);
    let next = rig.enter(&[weight(6)]);
    assert_eq!(rig.poll(next, 60), Turn::Later);
    let free_at = rig.at(170);
    rig.budgets.finish(sent, &[weight(6)], rig.at(70));
    assert_eq!(rig.poll(next, 169), Turn::At(free_at));
    assert_eq!(rig.poll(next, 170), Turn::Now);
}

#[test]
fn nobody_overtakes_who_needs_more_unless_there_is_room_for_both() {
    let mut rig = Rig::new();
    rig.send(5, 0, 0);
    let [large, small] = [6, 1].map(|units| rig.enter(&[weight(units)]));
    assert_eq!(rig.poll(small, 0), Turn::At(rig.at(100)));
    assert!(!rig.budgets.has_room(&[weight(1)], rig.at(0)));
    // Of another budget, there is enough.
    let both = rig.enter(&[weight(1), draw("dials", 1)]);
    let dial = rig.enter(&[draw("dials", 9)]);
    assert_eq!(rig.poll(dial, 0), Turn::Now);
    assert_eq!(rig.poll(both, 0), Turn::At(rig.at(100)));
    let late = rig.enter(&[draw("dials", 1)]);
    assert_eq!(rig.poll(late, 0), Turn::Later);
    // Whoever was woken first may go first.
    assert_eq!(rig.poll(small, 100), Turn::Now);
    assert_eq!(rig.poll(large, 100), Turn::Now);
}

#[test]
fn the_latest_answer_corrects_upwards_for_one_window() {
    // used of 10     what may be sent after the answer, and what not
    for (used, fits, too_much) in [(0, 8, 9), (2, 8, 9), (7, 3, 4), (10, 0, 1)] {
        let mut rig = Rig::new();
        let sent = rig.enter(&[weight(2)]);
        assert_eq!(rig.poll(sent, 0), Turn::Now);
        rig.budgets.correct(&weight(2), used, rig.at(10));
        rig.budgets.finish(sent, &[weight(2)], rig.at(10));
        assert!(rig.budgets.has_room(&[weight(fits)], rig.at(10)), "{used}");
        assert!(
            !rig.budgets.has_room(&[weight(too_much)], rig.at(109)),
            "{used}"
        );
        assert!(rig.budgets.has_room(&[weight(10)], rig.at(110)), "{used}");
    }
    // What is sent after the answer, and what is under way beside it, is used as well.
    let mut rig = Rig::new();
    for _ in 0..2 {
        let sent = rig.enter(&[weight(1)]);
        assert_eq!(rig.poll(sent, 0), Turn::Now);
    }
    rig.budgets.correct(&weight(1), 7, rig.at(10));
    rig.send(1, 10, 10);
    assert!(rig.budgets.has_room(&[weight(1)], rig.at(10)));
    assert!(!rig.budgets.has_room(&[weight(2)], rig.at(10)));
    // The window of the exchange has begun anew.
    rig.budgets.correct(&weight(1), 1, rig.at(20));
    assert!(rig.budgets.has_room(&[weight(7)], rig.at(20)));
    assert!(!rig.budgets.has_room(&[weight(8)], rig.at(20)));
}

/// With what feeds of a whole market ask for, a budget was used to no more than half of it.
#[test]
fn what_an_answer_says_of_our_own_units_is_free_at_their_own_time() {
    let mut rig = Rig::new();
    for (units, from, used) in [(4, 0, 4), (2, 50, 9)] {
        let sent = rig.enter(&[weight(units)]);
        assert_eq!(rig.poll(sent, from), Turn::Now);
        rig.budgets.correct(&weight(units), used, rig.at(from));
        rig.budgets.finish(sent, &[weight(units)], rig.at(from));
        assert!(rig.budgets.has_room(&[weight(10 - used)], rig.at(from)));
        assert!(!rig.budgets.has_room(&[weight(11 - used)], rig.at(from)));
    }
    let free_at = rig.at(100);
    let next = rig.enter(&[weight(5)]);
    assert_eq!(rig.poll(next, 50), Turn::At(free_at));
    rig.budgets.give_up(next);
    // The first four are free, and what others used is not.
    assert!(rig.budgets.has_room(&[weight(5)], rig.at(100)));
    assert!(!rig.budgets.has_room(&[weight(6)], rig.at(149)));
    assert!(rig.budgets.has_room(&[weight(10)], rig.at(150)));
}

#[test]
fn a_share_is_for_what_is_used_here_and_the_whole_for_all() {
    let mut rig = Rig::new();
    let window = weight(1).window;
    rig.budgets.limit(window, 4);
    rig.send(3, 0, 10);
    assert!(rig.budgets.has_room(&[weight(1)], rig.at(10)));
    assert!(!rig.budgets.has_room(&[weight(2)], rig.at(10)));
    let wide = rig.enter(&[weight(2)]);
    assert_eq!(rig.poll(wide, 10), Turn::At(rig.at(110)));
    let usage = rig.budgets.usage(window, rig.at(10));
    assert_eq!((usage.recent, usage.waiting, usage.largest), (3, 2, 2));
    assert_eq!(usage.free_at, rig.at(110));
    // It grows, and others have used the rest of the whole.
    rig.budgets.limit(window, 8);
    assert_eq!(rig.poll(wide, 20), Turn::Now);
    rig.budgets.correct(&weight(2), 10, rig.at(30));
    rig.budgets.finish(wide, &[weight(2)], rig.at(30));
    assert!(!rig.budgets.has_room(&[weight(1)], rig.at(30)));
    // With nothing at all, nobody knows when.
    rig.budgets.limit(window, 0);
    let late = rig.enter(&[weight(1)]);
    assert_eq!(rig.poll(late, 1_000), Turn::Later);
}

#[test]
fn what_did_not_reach_the_exchange_is_free_at_once() {
    let mut rig = Rig::new();
    let [lost, sent] = [4, 1].map(|units| rig.enter(&[weight(units)]));
    assert_eq!(rig.poll(lost, 0), Turn::Now);
    assert_eq!(rig.poll(sent, 0), Turn::Now);
    rig.budgets.correct(&weight(1), 5, rig.at(10));
    assert!(rig.budgets.has_room(&[weight(1)], rig.at(10)));
    assert!(!rig.budgets.has_room(&[weight(2)], rig.at(10)));
    rig.budgets.give_back(lost);
    assert!(rig.budgets.has_room(&[weight(5)], rig.at(10)));
    assert!(!rig.budgets.has_room(&[weight(6)], rig.at(10)));
}

/// One request of a run, in milliseconds.
#[derive(Debug, Clone)]
struct Plan {
    comes_after: u64,
    units: u32,
    gives_up_after: Option<u64>,
    /// How long the answer takes, and when in that time the exchange counts the request, if it
    /// is reached.
    answered_after: u64,
    counted_after: Option<u64>,
}

fn plan() -> impl Strategy<Value = Plan> {
    let gives_up = proptest::option::weighted(0.2, 0..2 * PER);
    let counted = proptest::option::weighted(0.8, 0..=100_u64);
    (0..PER / 2, 1..=10_u32, gives_up, 0..PER, counted).prop_map(
        |(comes_after, units, gives_up_after, answered_after, percent)| Plan {
            comes_after,
            units,
            gives_up_after,
            answered_after,
            counted_after: percent.map(|percent| answered_after * percent / 100),
        },
    )
}

/// Where a request is.
#[derive(Debug, Clone, Copy)]
enum Stage {
    Coming,
    Waiting(Ticket),
    Sent(Ticket),
    Over,
}

/// A request, and when something is due for it.
struct Request {
    plan: Plan,
    stage: Stage,
    due: u64,
    gives_up_at: u64,
}

/// What came of some requests: the order in which they were admitted, and when the exchange
/// counted how many units.
#[derive(Default)]
struct Outcome {
    admitted: Vec<usize>,
    counted: Vec<(u64, u32)>,
    end: u64,
}

/// Looks at a request that waits only when its turn says so, or when something has changed.
fn run(rig: &mut Rig, plans: Vec<Plan>) -> Outcome {
    let mut comes_at = 0;
    let mut requests: Vec<_> = Vec::new();
    for plan in plans {
        comes_at += plan.comes_after;
        requests.push(Request {
            stage: Stage::Coming,
            due: comes_at,
            gives_up_at: plan
                .gives_up_after
                .map_or(u64::MAX, |after| comes_at + after),
            plan,
        });
    }
    let mut outcome = Outcome::default();
    loop {
        let next = requests.iter().map(|request| match request.stage {
            Stage::Waiting(_) => request.due.min(request.gives_up_at),
            _ => request.due,
        });
        let Some(now) = next.min().filter(|now| *now < u64::MAX) else {
            return outcome;
        };
        outcome.end = now;
        let at = rig.at(now);
        let mut has_changed = false;
        for (index, request) in requests.iter_mut().enumerate() {
            let draws = Draws::from(weight(request.plan.units));
            match request.stage {
                Stage::Coming if request.due == now => {
                    request.stage = Stage::Waiting(rig.budgets.enter(&draws));
                }
                Stage::Waiting(ticket) if request.gives_up_at <= now => {
                    rig.budgets.give_up(ticket);
                    (request.stage, request.due) = (Stage::Over, u64::MAX);
                    has_changed = true;
                }
                Stage::Waiting(ticket) if request.due <= now => {
                    let turn = rig.budgets.poll(ticket, at);
                    request.due = match turn {
                        Turn::Now => {
                            outcome.admitted.push(index);
                            let plan = &request.plan;
                            let counted = plan.counted_after.map(|after| now + after);
                            outcome.counted.extend(counted.map(|at| (at, plan.units)));
                            request.stage = Stage::Sent(ticket);
                            now + plan.answered_after
                        }
                        Turn::At(later) => {
                            assert!(later > at, "a wait for nothing");
                            u64::try_from((later - rig.start).as_millis()).unwrap()
                        }
                        Turn::Later => u64::MAX,
                    };
                }
                Stage::Sent(ticket) if request.due <= now => {
                    match request.plan.counted_after {
                        Some(_) => rig.budgets.finish(ticket, &draws, at),
                        None => rig.budgets.give_back(ticket),
                    }
                    (request.stage, request.due) = (Stage::Over, u64::MAX);
                    has_changed = true;
                }
                _ => {}
            }
        }
        for request in &mut requests {
            if has_changed && matches!(request.stage, Stage::Waiting(_)) {
                request.due = now;
            }
        }
    }
}

proptest! {
    /// The exchange counts each request at some time between its admission and its answer.
    #[test]
    fn no_window_has_too_much_nobody_starves_and_nothing_leaks(
        plans in proptest::collection::vec(plan(), 1..60),
    ) {
        let mut rig = Rig::new();
        let patient = |(index, plan): (usize, &Plan)| {
            plan.gives_up_after.is_none().then_some(index)
        };
        let patient: Vec<_> = plans.iter().enumerate().filter_map(patient).collect();
        let Outcome { admitted, counted, end } = run(&mut rig, plans);
        prop_assert!(patient.iter().all(|it| admitted.contains(it)), "somebody starves");
        prop_assert!(admitted.is_sorted(), "somebody was overtaken");
        for (begin, _) in &counted {
            let within = counted.iter().filter(|(at, _)| (*begin..begin + PER).contains(at));
            let units: u32 = within.map(|(_, units)| units).sum();
            prop_assert!(units <= 10, "{units} units from {begin} on");
        }
        prop_assert!(rig.budgets.is_unused(rig.at(end + PER)), "something leaks");
    }
}
