//! One stream of which only the newest counts, out of two lines that both carry it.

use std::cmp::Ordering;

use super::line::Line;
use crate::exchange::Ticker;
use crate::mark::Mark;

/// The last ticker that was passed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Newest {
    line: Line,
    mark: Mark,
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
    let mark = Mark::of(ticker);
    let is_news = match last {
        _ if mark.is_blank() => is_leading,
        Some(last) => last.line == line || last.mark.order(mark) == Some(Ordering::Less),
        None => true,
    };
    if is_news {
        *last = Some(Newest { line, mark });
    }
    is_news
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_newer_comes_from_the_same_line_only() {
        for of in [
            (|n| Ticker::marked(Some(n), None)) as fn(u64) -> Ticker,
            |n| Ticker::marked(None, i64::try_from(n).ok()),
        ] {
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
            assert!(is_news(
                &mut last,
                Line::A,
                &Ticker::marked(None, None),
                true
            ));
            assert!(!is_news(
                &mut last,
                Line::B,
                &Ticker::marked(None, None),
                false
            ));
        }
        assert!(is_news(
            &mut last,
            Line::B,
            &Ticker::marked(None, None),
            true
        ));
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
                    && is_news(&mut last, line, &Ticker::marked(Some(id), None), is_a)
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
                        is_news(&mut last, line, &Ticker::marked(Some(*id), None), !is_a)
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
