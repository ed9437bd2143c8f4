use proptest::prelude::*;

use super::*;

const SECOND: i64 = 1_000_000_000;

/// What comes out, as the ids that are told: those of an item without what has been passed.
#[derive(Default)]
struct Out {
    merge: Ordered<RangeInclusive<u64>>,
    told: Vec<RangeInclusive<u64>>,
    repeated: usize,
}

impl Out {
    fn of(lines: &[Line]) -> Self {
        let mut out = Self::default();
        lines.iter().for_each(|line| out.merge.open(*line));
        out
    }

    fn take(&mut self, line: Line, ids: RangeInclusive<u64>, time_ns: Option<i64>, now_ns: i64) {
        let span = Span {
            ids: ids.clone(),
            time_ns,
        };
        let taken = self.merge.take(line, ids, span, now_ns);
        self.note(taken);
        self.release(now_ns);
    }

    fn release(&mut self, now_ns: i64) {
        while let Some(taken) = self.merge.release(now_ns) {
            assert_ne!(taken, Taken::Held);
            self.note(taken);
        }
    }

    fn note(&mut self, taken: Taken<RangeInclusive<u64>>) {
        match taken {
            Taken::Passed(ids, next) => {
                let first = next.unwrap_or(*ids.start());
                self.told.push(first..=*ids.end());
            }
            Taken::Repeated(_) => self.repeated += 1,
            Taken::Held => {}
        }
    }

    fn ids(&self) -> Vec<u64> {
        self.told.iter().cloned().flatten().collect()
    }
}

fn both() -> Out {
    Out::of(&[Line::A, Line::B])
}

fn one(id: u64) -> RangeInclusive<u64> {
    id..=id
}

/// A line: the ids of the exchange in order, cut somewhere, some of it lost.
fn line() -> impl Strategy<Value = Vec<RangeInclusive<u64>>> {
    prop::collection::vec((1..5_u64, prop::bool::weighted(0.8)), 1..40).prop_map(|cuts| {
        let mut next = 1;
        let mut spans = Vec::new();
        for (count, is_kept) in cuts {
            if is_kept {
                spans.push(next..=next + count - 1);
            }
            next += count;
        }
        spans
    })
}

proptest! {
    /// However the lines are cut, interleave, repeat themselves and lose: what either brought comes once, in
    /// order, and what neither brought shows as a hole.
    #[test]
    fn what_either_line_brings_comes_once_and_in_order(
        a in line(),
        b in line(),
        turns in prop::collection::vec(any::<bool>(), 80),
        repeats in prop::collection::vec(prop::bool::weighted(0.1), 80),
    ) {
        let mut brought: Vec<u64> = a.iter().chain(&b).cloned().flatten().collect();
        brought.sort_unstable();
        brought.dedup();
        let mut out = both();
        let (mut a, mut b) = (a.into_iter(), b.into_iter());
        let mut turns = turns.into_iter().zip(repeats);
        loop {
            let (is_a, repeats) = turns.next().unwrap_or_default();
            let next = match is_a {
                true => a.next().map(|ids| (Line::A, ids)),
                false => b.next().map(|ids| (Line::B, ids)),
            };
            let next = next
                .or_else(|| a.next().map(|ids| (Line::A, ids)))
                .or_else(|| b.next().map(|ids| (Line::B, ids)));
            let Some((line, ids)) = next else { break };
            // The first one to come sets the beginning.
            if out.told.is_empty() {
                brought.retain(|id| id >= ids.start());
            }
            out.take(line, ids.clone(), None, 0);
            if repeats {
                out.take(line, ids, None, 0);
            }
        }
        out.release(2 * SECOND);
        prop_assert_eq!(out.ids(), brought);
    }

    /// Where everything comes on one line at least, nothing waits for longer than the lines are apart.
    #[test]
    fn nothing_waits_for_longer_than_the_other_line_is_behind(
        lost_on_a in prop::collection::vec(any::<bool>(), 30),
        skew in 0..10_usize,
    ) {
        let mut out = both();
        out.take(Line::A, one(1), None, 0);
        out.take(Line::B, one(1), None, 0);
        for id in 2..40_u64 {
            let is_lost = |id: u64| {
                lost_on_a.get(usize::try_from(id).unwrap()).copied().unwrap_or(false)
            };
            if !is_lost(id) {
                out.take(Line::A, one(id), None, 0);
            }
            let behind = id.saturating_sub(skew as u64);
            if behind >= 2 {
                out.take(Line::B, one(behind), None, 0);
            }
            prop_assert!(*out.told.last().unwrap().end() >= behind.max(1));
        }
        let ids = out.ids();
        prop_assert!(ids.windows(2).all(|pair| pair[1] == pair[0] + 1), "{ids:?}");
    }
}

#[test]
fn ranges_that_overlap_are_told_from_where_the_last_one_ended() {
    let mut out = both();
    out.take(Line::A, 1..=10, None, 0);
    out.take(Line::B, 5..=12, None, 0);
    out.take(Line::A, 11..=12, None, 0);
    out.take(Line::A, 13..=15, None, 0);
    assert_eq!(out.told, [1..=10, 11..=12, 13..=15]);
    assert_eq!(out.repeated, 1);
}

#[test]
fn what_is_behind_a_hole_waits_for_the_other_line_and_no_longer() {
    let mut out = both();
    out.take(Line::B, one(1), None, 0);
    out.take(Line::A, one(1), None, 0);
    out.take(Line::A, one(4), None, 0);
    assert_eq!(out.ids(), [1]);
    // The other line has passed it, too: the hole is the exchange's.
    out.take(Line::B, one(2), None, 0);
    out.take(Line::B, one(5), None, 0);
    assert_eq!(out.ids(), [1, 2, 4, 5]);
    // A line that has stalled is waited for two seconds.
    out.take(Line::A, one(7), None, 3 * SECOND);
    assert_eq!(out.merge.due_ns(), Some(5 * SECOND));
    out.release(5 * SECOND - 1);
    assert_eq!(out.ids(), [1, 2, 4, 5]);
    out.release(5 * SECOND);
    assert_eq!(out.ids(), [1, 2, 4, 5, 7]);
}

#[test]
fn what_waits_for_a_line_comes_when_that_ends() {
    let mut out = both();
    out.take(Line::B, one(1), None, 0);
    out.take(Line::A, one(3), None, 0);
    assert_eq!(out.ids(), [1]);
    out.merge.close(Line::B);
    out.release(0);
    out.take(Line::A, one(5), None, 0);
    assert_eq!(out.ids(), [1, 3, 5]);
    // One that is opened anew may begin behind, and fill a hole.
    out.merge.open(Line::B);
    out.take(Line::A, one(7), None, 0);
    assert_eq!(out.ids(), [1, 3, 5]);
    out.take(Line::B, one(6), None, 0);
    assert_eq!(out.ids(), [1, 3, 5, 6, 7]);
}

#[test]
fn too_much_is_not_held() {
    let mut out = both();
    out.take(Line::B, one(1), None, 0);
    let most = u64::try_from(MOST_HELD).unwrap();
    for id in 3..=most + 2 {
        out.take(Line::A, one(id), None, 0);
    }
    assert_eq!(out.ids(), [1]);
    out.take(Line::A, one(most + 3), None, 0);
    assert_eq!(out.ids().len(), MOST_HELD + 2);
}

#[test]
fn a_line_that_has_not_begun_the_new_numbering_is_not_heard_until_it_does() {
    let mut out = both();
    for id in 100..=102 {
        out.take(Line::A, one(id), Some(1), 0);
    }
    out.take(Line::B, one(100), Some(1), 0);
    out.take(Line::A, one(1), Some(2), 0);
    out.take(Line::B, one(101), Some(1), 0);
    out.take(Line::B, one(103), Some(1), 0);
    out.take(Line::A, one(2), Some(3), 0);
    assert_eq!(out.ids(), [100, 101, 102, 1, 2]);
    // Now it does, and is ahead soon.
    out.take(Line::B, one(1), Some(2), 0);
    out.take(Line::B, one(2), Some(3), 0);
    out.take(Line::B, one(3), Some(4), 0);
    assert_eq!(out.ids(), [100, 101, 102, 1, 2, 3]);
}

#[test]
fn an_id_that_is_mistaken_on_one_line_does_not_silence_the_other() {
    let mut out = both();
    for id in 1..=2 {
        out.take(Line::A, one(id), Some(1), 0);
        out.take(Line::B, one(id), Some(1), 0);
    }
    out.take(Line::A, one(1_000_000), Some(2), 0);
    assert_eq!(out.ids(), [1, 2]);
    out.take(Line::A, one(4), Some(3), 0);
    assert_eq!(out.ids(), [1, 2, 1_000_000, 4]);
    out.take(Line::B, one(4), Some(3), 0);
    out.take(Line::B, one(5), Some(4), 0);
    assert_eq!(out.ids(), [1, 2, 1_000_000, 4, 5]);
}

#[test]
fn the_numbering_of_the_line_that_is_left_goes_on() {
    let mut out = both();
    out.take(Line::A, one(100), Some(1), 0);
    out.take(Line::B, one(100), Some(1), 0);
    out.take(Line::A, one(1), Some(2), 0);
    out.take(Line::B, one(101), Some(2), 0);
    out.merge.close(Line::A);
    out.take(Line::B, one(102), Some(3), 0);
    assert_eq!(out.ids(), [100, 1, 102]);
}

/// When each id of a line arrives, in milliseconds: each is late by its own share of jitter, and none overtakes
/// the one before, as on a TCP connection.
fn arrivals(random: &mut fastrand::Rng, ids: u64) -> Vec<f64> {
    let mut last: f64 = 0.0;
    (0..ids)
        .map(|id| {
            // One of 1,000 is lost on the way and sent again after 40 ms.
            let again = if random.u32(..1000) == 0 { 40.0 } else { 0.0 };
            let jitter = -5.0 * (1.0 - random.f64()).ln();
            last = last.max(id as f64 + jitter + again);
            last
        })
        .collect()
}

#[test]
fn what_two_lines_bring_is_earlier_than_what_either_does() {
    const IDS: u64 = 100_000;
    let mut random = fastrand::Rng::with_seed(7);
    let lines = [Line::A, Line::B].map(|line| (line, arrivals(&mut random, IDS)));
    let mut order: Vec<_> = lines
        .iter()
        .flat_map(|(line, times)| times.iter().zip(0..).map(|(at, id)| (*at, *line, id)))
        .collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut out = both();
    let mut merged = Vec::new();
    for (at, line, id) in order {
        out.take(line, one(id), None, (at * 1e6) as i64);
        merged.resize(out.told.len(), at);
    }
    let percentiles = |times: &[f64]| {
        let late = times.iter().zip(0..).map(|(at, id)| at - f64::from(id));
        let mut late: Vec<_> = late.collect();
        late.sort_by(f64::total_cmp);
        [50, 99].map(|percent| late[late.len() * percent / 100])
    };
    assert_eq!(out.ids().len() as u64, IDS);
    let [a, b] = lines.map(|(_, times)| percentiles(&times));
    let merged = percentiles(&merged);
    println!("ms, p50 and p99: {a:.1?} and {b:.1?} alone, {merged:.1?} together");
    for at in 0..2 {
        assert!(
            merged[at] < 0.8 * a[at].min(b[at]),
            "{merged:?} {a:?} {b:?}"
        );
    }
}
