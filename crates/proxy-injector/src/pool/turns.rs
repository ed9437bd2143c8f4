//! In which order the members of a pool are asked.

use std::collections::BTreeSet;

use proxy_config::PoolStrategy;
use tokio::time::Instant;

use super::breaker::Standing;

/// A turn of weight 1. Weights are at most 100, so that rounding is below one in 100,000.
const TURN: u64 = 1 << 24;

/// The leases per weight are a whole number of these: two quotients differ by 1/10,000 or more.
const LOAD: u64 = 10_000;

/// The members of a pool that may be used, the next one first, and until when the others may not.
//
// Stride scheduling: each member has the time of its next turn, on a clock of the pool's own. Who is
// selected moves on by one turn divided by its weight, so with the weights 2 and 1 (turns at 1/2, 1, ...
// and 1, 2, ...) it is A, A, B or A, B, A. At random, the step is drawn from the exponential
// distribution: of such clocks, each is the next in proportion to its rate, whatever was before.
// For the fewest connections, the load comes before the turn, and turns decide among equals.
//
// Selecting is the first entry of an ordered set, and moving it: O(log n).
#[derive(Debug)]
pub(crate) struct Turns {
    strategy: PoolStrategy,
    seats: Vec<Seat>,
    ready: BTreeSet<(u64, u64, usize)>,
    waiting: BTreeSet<(Instant, usize)>,
    /// The time on the clock of turns.
    clock: u64,
}

#[derive(Debug)]
struct Seat {
    weight: u64,
    turn: u64,
    entry: Entry,
}

/// Where the seat is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    Ready(u64, u64),
    Waiting(Instant),
    OnTrial,
}

impl Turns {
    pub(crate) fn new(strategy: PoolStrategy) -> Self {
        Self {
            strategy,
            seats: Vec::new(),
            ready: BTreeSet::new(),
            waiting: BTreeSet::new(),
            clock: 0,
        }
    }

    /// Adds a member behind the others; [`refresh`](Self::refresh) lists it. Of equals, those with a lower `rank`
    /// are the first.
    pub(crate) fn add(&mut self, weight: u64, rank: u64) {
        // Half a turn, so that a heavy member is not asked twice before a light one had its turn. A rank is
        // next to nothing of it.
        let turn = (self.step(weight) / 2).saturating_add(rank);
        self.seats.push(Seat {
            weight,
            turn,
            entry: Entry::OnTrial,
        });
    }

    fn step(&self, weight: u64) -> u64 {
        match self.strategy {
            PoolStrategy::Random => exponential(weight),
            PoolStrategy::RoundRobin | PoolStrategy::LeastConnections | PoolStrategy::Sticky => {
                TURN / weight
            }
        }
    }

    /// Lists the member at `place` by what is known of it now.
    pub(crate) fn refresh(&mut self, place: usize, standing: Standing, leases: u64) {
        let Some(seat) = self.seats.get_mut(place) else {
            return;
        };
        let entry = match standing {
            Standing::Closed => {
                let load = match self.strategy {
                    PoolStrategy::LeastConnections => leases.saturating_mul(LOAD) / seat.weight,
                    _ => 0,
                };
                Entry::Ready(load, seat.turn)
            }
            // Half-open counts as ready from the next look at the clock on.
            Standing::Until(until) => Entry::Waiting(until),
            Standing::OnTrial => Entry::OnTrial,
        };
        if entry == seat.entry {
            return;
        }
        match seat.entry {
            Entry::Ready(load, turn) => {
                self.ready.remove(&(load, turn, place));
            }
            Entry::Waiting(until) => {
                self.waiting.remove(&(until, place));
            }
            Entry::OnTrial => {}
        }
        match entry {
            Entry::Ready(load, turn) => {
                self.ready.insert((load, turn, place));
            }
            Entry::Waiting(until) => {
                self.waiting.insert((until, place));
            }
            Entry::OnTrial => {}
        }
        seat.entry = entry;
    }

    /// Those whose time is over may be used again.
    pub(crate) fn wake(&mut self, now: Instant) {
        while let Some((until, place)) = self.waiting.first().copied()
            && until <= now
        {
            self.rejoin(place);
            self.refresh(place, Standing::Closed, 0);
        }
    }

    /// The member at `place` is back. The turns that it has missed are lost.
    fn rejoin(&mut self, place: usize) {
        let Some(weight) = self.seats.get(place).map(|seat| seat.weight) else {
            return;
        };
        let step = self.step(weight).max(1);
        let clock = self.clock;
        if let Some(seat) = self.seats.get_mut(place)
            && seat.turn < clock
        {
            let missed = (clock - seat.turn).div_ceil(step);
            seat.turn = match self.strategy {
                PoolStrategy::Random => clock.saturating_add(step),
                _ => seat.turn.saturating_add(missed.saturating_mul(step)),
            };
        }
    }

    /// Those that may be used, the next one first.
    pub(crate) fn ready(&self) -> impl Iterator<Item = usize> + Clone {
        self.ready.iter().map(|(_, _, place)| *place)
    }

    /// Whether the member at `place` may be used.
    pub(crate) fn is_ready(&self, place: usize) -> bool {
        let seat = self.seats.get(place);
        seat.is_some_and(|seat| matches!(seat.entry, Entry::Ready(..)))
    }

    /// The member at `place` has had its turn. [`refresh`](Self::refresh) must follow.
    pub(crate) fn pass(&mut self, place: usize) {
        let Some(weight) = self.seats.get(place).map(|seat| seat.weight) else {
            return;
        };
        let step = self.step(weight);
        if let Some(seat) = self.seats.get_mut(place) {
            // From now on, not from where it was: one that was passed over has not saved turns.
            self.clock = self.clock.max(seat.turn);
            seat.turn = self.clock.saturating_add(step);
        }
    }
}

/// A step of mean length, at random.
fn exponential(weight: u64) -> u64 {
    // From 2^-53 to 1, so that the logarithm is finite.
    let uniform = 1.0 - fastrand::f64();
    let step = -uniform.ln() * (TURN as f64) / (weight as f64);
    step as u64
}
