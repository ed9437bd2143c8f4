//! One stream of which only the newest counts, out of two lines that both carry it.

use super::line::Line;
use crate::exchange::Ticker;

/// The last ticker that was passed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Newest {
    line: Line,
    id: Option<u64>,
    time_ns: Option<i64>,
}

impl Newest {
    fn of(line: Line, ticker: &Ticker) -> Self {
        Self {
            line,
            id: ticker.id,
            time_ns: ticker.time.ns(),
        }
    }

    /// Whether `other` is newer: by the exchange's id, else by its time.
    fn is_before(&self, other: &Self) -> bool {
        let by_id = self.id.zip(other.id).map(|(last, id)| last < id);
        let by_time = self.time_ns.zip(other.time_ns);
        by_id
            .or(by_time.map(|(last, time)| last < time))
            .unwrap_or(false)
    }
}

/// Takes the ticker that `line` brings. Returns whether it is passed: if it is newer than the last one, or
/// comes from the same line, whose order is the exchange's. Where neither ids nor times tell, the line that
/// leads is passed and no other.
pub(super) fn is_news(
    last: &mut Option<Newest>,
    line: Line,
    ticker: &Ticker,
    is_leading: bool,
) -> bool {
    let new = Newest::of(line, ticker);
    let is_news = match last {
        _ if new.id.is_none() && new.time_ns.is_none() => is_leading,
        Some(last) => last.line == line || last.is_before(&new),
        None => true,
    };
    if is_news {
        *last = Some(new);
    }
    is_news
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::exchange::Time;

    fn ticker(id: Option<u64>, time_ns: Option<i64>) -> Ticker {
        Ticker {
            symbol: "A-B".parse().unwrap(),
            bid: None,
            ask: None,
            id,
            time: time_ns.map_or(Time::Absent, Time::At),
        }
    }

    #[test]
    fn what_is_not_newer_comes_from_the_same_line_only() {
        for of in [(|n| ticker(Some(n), None)) as fn(u64) -> Ticker, |n| {
            ticker(None, i64::try_from(n).ok())
        }] {
            let mut last = None;
            assert!(is_news(&mut last, Line::B, &of(5), false));
            assert!(!is_news(&mut last, Line::A, &of(5), true));
            assert!(is_news(&mut last, Line::B, &of(5), false), "two of a time");
            assert!(!is_news(&mut last, Line::A, &of(4), true));
            assert!(is_news(&mut last, Line::A, &of(6), true));
            assert!(!is_news(&mut last, Line::B, &of(6), false));
            assert!(is_news(&mut last, Line::A, &of(1), true), "numbered anew");
        }
    }

    #[test]
    fn without_ids_and_times_one_line_leads() {
        let mut last = None;
        for _ in 0..2 {
            assert!(is_news(&mut last, Line::A, &ticker(None, None), true));
            assert!(!is_news(&mut last, Line::B, &ticker(None, None), false));
        }
        assert!(is_news(&mut last, Line::B, &ticker(None, None), true));
    }

    proptest! {
        /// However the lines interleave, what is passed never goes back, and the last one comes.
        #[test]
        fn what_is_passed_grows_and_ends_with_the_newest(
            on_a in prop::collection::btree_set(0..40_u64, 1..40),
            on_b in prop::collection::btree_set(0..40_u64, 1..40),
            turns in prop::collection::vec(any::<bool>(), 80),
        ) {
            let newest = on_a.iter().chain(&on_b).max().copied();
            let (mut a, mut b) = (on_a.into_iter().peekable(), on_b.into_iter().peekable());
            let (mut last, mut passed) = (None, Vec::new());
            for is_a in turns.into_iter().cycle() {
                let (line, id) = match is_a {
                    true => (Line::A, a.next()),
                    false => (Line::B, b.next()),
                };
                if let Some(id) = id
                    && is_news(&mut last, line, &ticker(Some(id), None), is_a)
                {
                    passed.push(id);
                }
                // All turns may be those of one line.
                if a.peek().is_none() && b.peek().is_none() || passed.len() > 80 {
                    break;
                }
                if id.is_none() {
                    let (line, rest): (_, Vec<_>) = match is_a {
                        true => (Line::B, b.by_ref().collect()),
                        false => (Line::A, a.by_ref().collect()),
                    };
                    let news = |id: &u64| {
                        is_news(&mut last, line, &ticker(Some(*id), None), !is_a)
                    };
                    passed.extend(rest.into_iter().filter(news));
                    break;
                }
            }
            prop_assert!(passed.is_sorted_by(|a, b| a < b), "{passed:?}");
            prop_assert_eq!(passed.last().copied(), newest);
        }
    }
}
