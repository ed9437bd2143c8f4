//! What is used of the budgets of one exchange at one egress, and who waits for more.

use std::collections::{HashMap, VecDeque};

use tokio::time::Instant;
use transport::{Draw, Draws, Usage, Window};

/// The budgets of one exchange at one egress. It looks at no clock and waits for nothing.
//
//     enter --> waiting --poll: there is room--> admitted --finish--> counted until `per` has passed
//                  |                                |
//                  +---give up---> nothing used <---+---give back: the exchange was not reached
//
// An exchange counts a request somewhere between its admission and its answer, and nobody here knows
// when. So its units are in use from the admission until `per` after the answer. Then no window of
// the length `per` at the exchange has more than the budget, wherever it begins and whatever the
// network does: a sliding one, and one by the exchange's clock.
//
// Others may use the same address. What an answer says is used beyond what is known here is theirs, and
// counts for `per`. Only the latest answer does: after the exchange's window began anew, the one before is
// wrong. What is known here is never made less, and is free at its own time: if all that an answer says
// counted for `per`, a budget that is used up evenly would then rest until `per` after the last answer.
#[derive(Debug, Default)]
pub(crate) struct EgressBudgets {
    budgets: HashMap<&'static str, Budget>,
    waiting: VecDeque<Waiting>,
    tickets: u64,
}

#[derive(Debug)]
struct Waiting {
    ticket: Ticket,
    draws: Draws,
}

/// The place of one request among those that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

/// When a request may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Now,
    /// Not before this time, unless something changes.
    At(Instant),
    /// Not before something changes.
    Later,
}

impl EgressBudgets {
    /// Lets a request wait behind all others.
    pub(crate) fn enter(&mut self, draws: &Draws) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let draws = draws.clone();
        self.waiting.push_back(Waiting { ticket, draws });
        ticket
    }

    /// Admits a request that waits, if there is room for it and for all before it.
    pub(crate) fn poll(&mut self, ticket: Ticket, now: Instant) -> Turn {
        let mut places = self.waiting.iter().enumerate();
        let Some((place, own)) = places.find(|(_, waiting)| waiting.ticket == ticket) else {
            return Turn::Later;
        };
        let draws = own.draws.clone();
        let turn = self.turn(place, &draws, now);
        if turn == Turn::Now {
            self.waiting.remove(place);
            for draw in &*draws {
                self.budget(draw).admit(draw);
            }
        }
        turn
    }

    /// Takes a request out that waits.
    pub(crate) fn give_up(&mut self, ticket: Ticket) {
        self.waiting.retain(|waiting| waiting.ticket != ticket);
    }

    /// An admitted request has its answer, or will never have one.
    pub(crate) fn finish(&mut self, draws: &[Draw], now: Instant) {
        for draw in draws {
            self.budget(draw).finish(draw, now);
        }
    }

    /// An admitted request has not reached the exchange, and will not.
    pub(crate) fn give_back(&mut self, draws: &[Draw]) {
        for draw in draws {
            self.budget(draw).give_back(draw);
        }
    }

    /// The answer to an admitted request, which is not finished yet, says that `used` units are used
    /// of the budget of `draw`.
    pub(crate) fn correct(&mut self, draw: &Draw, used: u32, now: Instant) {
        self.budget(draw).correct(draw, used, now);
    }

    /// Whether a request would be admitted at once if it came now.
    pub(crate) fn has_room(&mut self, draws: &[Draw], now: Instant) -> bool {
        self.turn(self.waiting.len(), draws, now) == Turn::Now
    }

    /// What is used of the budget of `window`, and what waits for it.
    pub(crate) fn usage(&mut self, window: Window, now: Instant) -> Usage {
        let same = |draw: &&Draw| draw.window.name == window.name;
        let waiting = self.waiting.iter().flat_map(|it| &*it.draws).filter(same);
        let waiting: Vec<_> = waiting.map(|draw| draw.units).collect();
        let budget = self.budgets.entry(window.name).or_default();
        budget.forget_old(now);
        Usage {
            under_way: budget.under_way,
            recent: budget.recent(),
            free_at: budget.finished.back().map_or(now, |(until, _)| *until),
            waiting: waiting.iter().map(|units| u64::from(*units)).sum(),
            largest: waiting.iter().copied().max().unwrap_or_default(),
        }
    }

    /// From now on, no more than `share` units of the budget of `window` are used by this process.
    pub(crate) fn limit(&mut self, window: Window, share: u64) {
        self.budgets.entry(window.name).or_default().share = Some(share);
    }

    /// Whether nothing is used and nobody waits.
    pub(crate) fn is_unused(&mut self, now: Instant) -> bool {
        let mut budgets = self.budgets.values_mut();
        self.waiting.is_empty() && budgets.all(|budget| budget.is_unused(now))
    }

    /// How many units are used of each budget.
    pub(crate) fn used(&mut self, now: Instant) -> Vec<(Window, u64)> {
        let budgets = self.budgets.values_mut();
        let used = budgets.filter_map(|budget| Some((budget.window?, budget.used(now))));
        used.collect()
    }

    /// How many requests wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// When a request behind the first `ahead` of those that wait may be sent.
    fn turn(&mut self, ahead: usize, draws: &[Draw], now: Instant) -> Turn {
        let mut turn = Turn::Now;
        for draw in draws {
            // What those before it need is kept for them, so nobody is overtaken for good.
            let before = self.waiting.iter().take(ahead).flat_map(|it| &*it.draws);
            let same = before.filter(|before| before.window.name == draw.window.name);
            let needed: u64 = same.chain([draw]).map(|draw| u64::from(draw.units)).sum();
            turn = turn.and(self.budget(draw).room_for(needed, draw, now));
        }
        turn
    }

    fn budget(&mut self, of: &Draw) -> &mut Budget {
        let budget = self.budgets.entry(of.window.name).or_default();
        budget.window = Some(of.window);
        budget
    }
}

impl Turn {
    /// When both may be.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Later, _) | (_, Self::Later) => Self::Later,
            (Self::At(one), Self::At(other)) => Self::At(one.max(other)),
            (Self::At(at), Self::Now) | (Self::Now, Self::At(at)) => Self::At(at),
            (Self::Now, Self::Now) => Self::Now,
        }
    }
}

/// One budget.
#[derive(Debug, Default)]
struct Budget {
    /// The latest one that was asked for.
    window: Option<Window>,
    /// The units of requests that are admitted and not finished.
    under_way: u64,
    /// The units of those that are finished, and until when they count.
    finished: VecDeque<(Instant, u64)>,
    /// The units of others by the latest answer, and until when they count.
    of_others: Option<(Instant, u64)>,
    /// How much of it is for this process, if others have the rest.
    share: Option<u64>,
}

impl Budget {
    fn forget_old(&mut self, now: Instant) {
        while self
            .finished
            .front()
            .is_some_and(|(until, _)| *until <= now)
        {
            self.finished.pop_front();
        }
        self.of_others.take_if(|(until, _)| *until <= now);
    }

    fn is_unused(&mut self, now: Instant) -> bool {
        self.forget_old(now);
        self.under_way == 0 && self.finished.is_empty() && self.of_others.is_none()
    }

    fn used(&mut self, now: Instant) -> u64 {
        self.forget_old(now);
        self.under_way + self.counted().map(|(_, units)| units).sum::<u64>()
    }

    /// When `needed` units of the window of `draw` are free.
    fn room_for(&mut self, needed: u64, draw: &Draw, now: Instant) -> Turn {
        let units = u64::from(draw.window.units);
        let excess = (self.used(now) + needed).saturating_sub(units);
        let turn = when_free(excess, self.counted());
        let Some(share) = self.share else {
            return turn;
        };
        // What others have in use is not of this share, but what counts here is of both.
        let excess = (self.under_way + self.recent() + needed).saturating_sub(share);
        turn.and(when_free(excess, self.finished.iter().copied()))
    }

    /// The units of requests that are finished and count.
    fn recent(&self) -> u64 {
        self.finished.iter().map(|(_, units)| units).sum()
    }

    /// What counts until some time, in the order of these times.
    fn counted(&self) -> impl Iterator<Item = (Instant, u64)> {
        let (of_others, finished) = (self.of_others, &self.finished);
        let is_before =
            |(until, _): &(Instant, u64)| of_others.is_some_and(|(end, _)| *until <= end);
        let before = finished.partition_point(is_before);
        let own = |range| finished.range(range).copied();
        own(0..before)
            .chain(of_others)
            .chain(own(before..finished.len()))
    }

    fn admit(&mut self, draw: &Draw) {
        self.under_way += u64::from(draw.units);
    }

    fn finish(&mut self, draw: &Draw, now: Instant) {
        let units = u64::from(draw.units);
        self.under_way = self.under_way.saturating_sub(units);
        self.finished.push_back((now + draw.window.per, units));
    }

    fn give_back(&mut self, draw: &Draw) {
        let units = u64::from(draw.units);
        self.under_way = self.under_way.saturating_sub(units);
    }

    fn correct(&mut self, draw: &Draw, used: u32, now: Instant) {
        self.forget_old(now);
        // Of what else is under way nobody knows whether it is counted already.
        let finished = self.recent();
        let of_others = u64::from(used).saturating_sub(finished + u64::from(draw.units));
        self.of_others = (of_others > 0).then(|| (now + draw.window.per, of_others));
    }
}

/// When `excess` units are free of those that count until some times.
fn when_free(mut excess: u64, mut counted: impl Iterator<Item = (Instant, u64)>) -> Turn {
    let mut turn = Turn::Now;
    while excess > 0 {
        let Some((until, freed)) = counted.next() else {
            return Turn::Later;
        };
        excess = excess.saturating_sub(freed);
        turn = Turn::At(until);
    }
    turn
}

#[cfg(test)]
mod tests {
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
            self.budgets.finish(&[weight(units)], self.at(to));
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
        rig.budgets.finish(&[weight(6)], rig.at(70));
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
            rig.budgets.finish(&[weight(2)], rig.at(10));
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
            rig.budgets.finish(&[weight(units)], rig.at(from));
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
        rig.budgets.finish(&[weight(2)], rig.at(30));
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
        rig.budgets.give_back(&[weight(4)]);
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
        Sent,
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
                                request.stage = Stage::Sent;
                                now + plan.answered_after
                            }
                            Turn::At(later) => {
                                assert!(later > at, "a wait for nothing");
                                u64::try_from((later - rig.start).as_millis()).unwrap()
                            }
                            Turn::Later => u64::MAX,
                        };
                    }
                    Stage::Sent if request.due <= now => {
                        match request.plan.counted_after {
                            Some(_) => rig.budgets.finish(&draws, at),
                            None => rig.budgets.give_back(&draws),
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
}
