//! What this collector has found.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use transport::HealthMark;

use super::LONGEST;
use super::marks::{Entry, Marks};

/// From one write to the next, at least: six a minute.
const PAUSE: Duration = Duration::from_secs(10);
/// How long a change waits for others. Whoever has no network finds fault with all of its exits, which the others
/// can tell if they hear of them together.
const SETTLING: Duration = Duration::from_secs(1);

/// What speaks against exits at this collector, and what of it the others must be told.
//
// What a collector goes on finding is not said again: there may be something between it and the exit, and who
// has not asked by then finds out itself.
#[derive(Debug, Default)]
pub(crate) struct Said {
    marks: HashMap<HealthMark, Own>,
    last_number: u64,
    /// The others have not been told of the last change.
    is_news: bool,
    is_writing: bool,
    write_at: Option<Instant>,
}

#[derive(Debug)]
struct Own {
    number: u64,
    since: Instant,
    until: Instant,
}

impl Own {
    fn new(last_number: &mut u64, now: Instant) -> Self {
        *last_number += 1;
        Self {
            number: *last_number,
            since: now,
            until: now,
        }
    }

    /// Until when it is said.
    fn said_until(&self) -> Instant {
        self.until.min(self.since + LONGEST)
    }

    /// Until when another mark is the same one, unless it was cleared in between.
    fn known_until(&self) -> Instant {
        self.until + LONGEST
    }
}

impl Said {
    /// Something speaks against an exit, until then.
    pub(crate) fn mark(&mut self, mark: HealthMark, until: Instant, now: Instant) {
        let last_number = &mut self.last_number;
        let known = self.marks.entry(mark);
        let own = known.or_insert_with(|| Own::new(last_number, now));
        if own.known_until() <= now {
            *own = Own::new(last_number, now);
        }
        let before = own.said_until();
        own.until = until;
        if own.said_until() != before && now < before.max(own.said_until()) {
            self.change(now);
        }
    }

    /// It does not any longer.
    pub(crate) fn clear(&mut self, mark: &HealthMark, now: Instant) {
        let own = self.marks.remove(mark);
        if own.is_some_and(|own| now < own.said_until()) {
            self.change(now);
        }
    }

    /// What was told may have been lost.
    pub(crate) fn doubt(&mut self, now: Instant) {
        if self.marks.values().any(|own| now < own.said_until()) {
            self.change(now);
        }
    }

    fn change(&mut self, now: Instant) {
        if !self.is_news {
            self.write_at = self.write_at.max(Some(now + SETTLING));
            self.is_news = true;
        }
    }

    /// What to write now.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Marks> {
        if !self.is_news || self.is_writing || self.write_at.is_some_and(|at| now < at) {
            return None;
        }
        self.marks.retain(|_, own| now < own.known_until());
        self.is_news = false;
        self.is_writing = true;
        self.write_at = Some(now + PAUSE);
        let entries = self.marks.iter().filter_map(|(mark, own)| {
            let left = own.said_until().saturating_duration_since(now);
            (!left.is_zero()).then(|| Entry {
                mark: mark.clone(),
                left,
                number: own.number,
            })
        });
        let mut entries: Vec<_> = entries.collect();
        entries.sort_by_key(|entry| entry.number);
        // Where so much does not work, it is not the exits.
        if entries.len() > Marks::MOST {
            entries.clear();
        }
        Some(Marks(entries))
    }

    /// What was to be written is, or is not.
    pub(crate) fn wrote(&mut self, is_done: bool) {
        self.is_writing = false;
        self.is_news |= !is_done;
    }

    /// When to poll again, unless something changes before.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.write_at.filter(|_| self.is_news && !self.is_writing)
    }
}

#[cfg(test)]
mod tests {
    use transport::Egress;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn mark(exit: &str) -> HealthMark {
        HealthMark {
            egress: Egress::Proxy(exit.parse().unwrap()),
            exchange: None,
        }
    }

    /// The marks to write now, with the seconds that are left.
    fn written(said: &mut Said, now: Instant) -> Option<Vec<(String, u64)>> {
        let marks = said.poll(now)?;
        said.wrote(true);
        let entries = marks.0.into_iter();
        Some(
            entries
                .map(|it| (it.mark.egress.to_string(), it.left.as_secs()))
                .collect(),
        )
    }

    fn of(marks: &[(&str, u64)]) -> Option<Vec<(String, u64)>> {
        let marks = marks.iter();
        Some(
            marks
                .map(|(exit, left)| ((*exit).to_owned(), *left))
                .collect(),
        )
    }

    #[test]
    fn an_exit_that_comes_and_goes_is_written_six_times_a_minute() {
        let (mut said, mut now) = (Said::default(), Instant::now());
        assert_eq!(written(&mut said, now), None);
        let mut writes = 0;
        for number in 0..600 {
            match number % 2 {
                0 => said.mark(mark("a:1"), now + 30 * SECOND, now),
                _ => said.clear(&mark("a:1"), now),
            }
            writes += u32::from(written(&mut said, now).is_some());
            now += SECOND / 10;
        }
        assert_eq!(writes, 6);
        // It ends with the last word.
        let at = said.due().unwrap();
        assert_eq!(written(&mut said, at), of(&[]));
        assert_eq!(said.due(), None);
    }

    #[test]
    fn what_is_said_is_true_then_and_nobody_is_told_of_what_ends_by_itself() {
        let (mut said, mut now) = (Said::default(), Instant::now());
        said.mark(mark("a:1"), now + 3 * SECOND, now);
        now += SECOND / 2;
        said.mark(mark("b:1"), now + 3_600 * SECOND, now);
        assert_eq!(written(&mut said, now), None);
        now = said.due().unwrap();
        assert_eq!(written(&mut said, now), of(&[("a:1", 2), ("b:1", 299)]));
        now += 100 * SECOND;
        assert_eq!((said.due(), written(&mut said, now)), (None, None));
        said.clear(&mark("c:1"), now);
        assert_eq!((said.due(), written(&mut said, now)), (None, None));
        said.mark(mark("c:1"), now + 30 * SECOND, now);
        now = said.due().unwrap();
        assert_eq!(written(&mut said, now), of(&[("b:1", 198), ("c:1", 29)]));
    }

    #[test]
    fn what_it_goes_on_finding_is_said_for_five_minutes_and_anew_when_it_was_over() {
        let (mut said, mut now) = (Said::default(), Instant::now());
        let mut written_for = Vec::new();
        // The cool-down doubles up to ten minutes, and a trial comes some seconds later.
        for cooldown in [30u32, 60, 120, 240, 480, 600, 600] {
            said.mark(mark("a:1"), now + cooldown * SECOND, now);
            if let Some(at) = said.due() {
                written_for.extend(written(&mut said, at).unwrap());
            }
            now += (cooldown + 5) * SECOND;
        }
        let left: Vec<_> = written_for.iter().map(|(_, left)| *left).collect();
        assert_eq!(left, [29, 59, 119, 74]);
        assert_eq!(said.last_number, 1);
        said.clear(&mark("a:1"), now);
        assert_eq!(said.due(), None);
        said.mark(mark("a:1"), now + 30 * SECOND, now);
        assert_eq!(said.last_number, 2);
        assert!(said.due().is_some());
        // Of the next one nobody knows whether it was over.
        now += 30 * SECOND + LONGEST;
        said.mark(mark("a:1"), now + 30 * SECOND, now);
        assert_eq!(said.last_number, 3);
    }

    #[test]
    fn what_could_not_be_written_is_later() {
        let (mut said, mut now) = (Said::default(), Instant::now());
        said.mark(mark("a:1"), now + 30 * SECOND, now);
        now += SETTLING;
        assert!(said.poll(now).is_some());
        now += 19 * SECOND;
        assert_eq!((said.due(), said.poll(now)), (None, None));
        said.wrote(false);
        assert_eq!(written(&mut said, now), of(&[("a:1", 10)]));
    }

    #[test]
    fn who_finds_fault_with_too_many_says_nothing() {
        let (mut said, mut now) = (Said::default(), Instant::now());
        for port in 1..=Marks::MOST + 1 {
            said.mark(mark(&format!("a:{port}")), now + 30 * SECOND, now);
        }
        now += SETTLING;
        assert_eq!(written(&mut said, now), of(&[]));
        said.clear(&mark("a:1"), now);
        assert_eq!(written(&mut said, now + PAUSE).unwrap().len(), Marks::MOST);
    }
}
