//! What the other collectors have found.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use transport::{Advice, HealthMark};

use super::LONGEST;
use super::marks::Marks;
use crate::collector::CollectorId;

/// The most marks that are remembered of all collectors together.
const MOST: usize = 4_096;

/// What the other collectors have found.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    of: BTreeMap<CollectorId, Word>,
}

/// The last word of a collector.
#[derive(Debug)]
struct Word {
    said: Marks,
    marks: Vec<Found>,
    /// When the server has removed it, at the latest.
    forget_at: Instant,
}

#[derive(Debug, Clone)]
struct Found {
    mark: HealthMark,
    number: u64,
    heard_at: Instant,
    until: Instant,
}

impl Heard {
    /// A collector has found these marks, and no others. A mark that it has told before began then.
    pub(crate) fn hear(&mut self, id: CollectorId, said: Marks, now: Instant) {
        let before = match self.of.remove(&id) {
            // The server tells everything again when a connection was lost.
            Some(mut word) if word.said == said => {
                word.forget_at = now + LONGEST;
                self.of.insert(id, word);
                return;
            }
            before => before,
        };
        let known: usize = self.of.values().map(|word| word.marks.len()).sum();
        if said.0.is_empty() || known + said.0.len() > MOST {
            return;
        }
        let before = before.map(|word| word.marks).unwrap_or_default();
        let marks = said.0.iter().map(|entry| {
            let mut before = before.iter();
            let same = before.find(|it| it.number == entry.number && it.mark == entry.mark);
            let heard_at = same.map_or(now, |same| same.heard_at);
            Found {
                heard_at,
                until: (now + entry.left).min(heard_at + LONGEST),
                mark: entry.mark.clone(),
                number: entry.number,
            }
        });
        let word = Word {
            marks: marks.collect(),
            said,
            forget_at: now + LONGEST,
        };
        self.of.insert(id, word);
    }

    /// What counts now, in a certain order.
    pub(crate) fn list(&mut self, now: Instant) -> Arc<[Advice]> {
        self.of.retain(|_, word| now < word.forget_at);
        let mut list = Vec::new();
        for (id, word) in &self.of {
            let adviser: Arc<str> = id.as_str().into();
            for found in word.marks.iter().filter(|found| now < found.until) {
                list.push(Advice {
                    adviser: Arc::clone(&adviser),
                    mark: found.mark.clone(),
                    heard_at: found.heard_at.into(),
                    until: found.until.into(),
                });
            }
        }
        list.into()
    }

    /// When the list changes by itself.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        let marks = self.of.values().flat_map(|word| &word.marks);
        let ends = marks.map(|found| found.until);
        ends.filter(|end| now < *end).min()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    struct Rig {
        heard: Heard,
        start: Instant,
        now: Instant,
    }

    impl Rig {
        fn new() -> Self {
            let now = Instant::now();
            Self {
                heard: Heard::default(),
                start: now,
                now,
            }
        }

        /// The exits, numbers and seconds that are left.
        fn hear(&mut self, id: &str, marks: &[(&str, u64, u64)]) {
            let marks = marks.iter().map(|(exit, number, left)| {
                let left = left * 1_000;
                format!(r#"{{"exit":"{exit}","left_ms":{left},"number":{number}}}"#)
            });
            let marks: Vec<_> = marks.collect();
            let json = format!(r#"{{"marks":[{}]}}"#, marks.join(","));
            let marks = Marks::parse(json.as_bytes()).unwrap();
            let id = CollectorId::parse(id).unwrap();
            self.heard.hear(id, marks, self.now);
        }

        /// Who says it of what, and the seconds from the start when it was heard and ends.
        fn list(&mut self) -> Vec<(String, u64, u64)> {
            let since = |at: tokio::time::Instant| (at.into_std() - self.start).as_secs();
            let list = self.heard.list(self.now);
            let list = list.iter().map(|it| {
                let what = format!("{} {}", it.adviser, it.mark.egress);
                (what, since(it.heard_at), since(it.until))
            });
            list.collect()
        }
    }

    fn of(marks: &[(&str, u64, u64)]) -> Vec<(String, u64, u64)> {
        let marks = marks.iter();
        let marks = marks.map(|(what, from, until)| ((*what).to_owned(), *from, *until));
        marks.collect()
    }

    #[test]
    fn each_mark_ends_with_its_time_or_when_it_is_said_no_more() {
        let mut rig = Rig::new();
        rig.hear("a", &[("x:1", 1, 30), ("y:1", 2, 60)]);
        rig.hear("b", &[("x:1", 1, 10)]);
        assert_eq!(
            rig.list(),
            of(&[("a x:1", 0, 30), ("a y:1", 0, 60), ("b x:1", 0, 10)])
        );
        assert_eq!(rig.heard.due(rig.now), Some(rig.start + 10 * SECOND));
        rig.now += 10 * SECOND;
        assert_eq!(rig.list().len(), 2);
        assert_eq!(rig.heard.due(rig.now), Some(rig.start + 30 * SECOND));
        rig.hear("a", &[("y:1", 2, 50)]);
        assert_eq!(rig.list(), of(&[("a y:1", 0, 60)]));
        rig.hear("a", &[]);
        assert_eq!(rig.list(), []);
        assert_eq!(rig.heard.due(rig.now), None);
    }

    #[test]
    fn what_is_told_again_is_not_new_and_what_was_found_again_is() {
        let mut rig = Rig::new();
        rig.hear("a", &[("x:1", 1, 30)]);
        rig.now += 20 * SECOND;
        // The connection to the server was lost meanwhile, and it tells what it has.
        rig.hear("a", &[("x:1", 1, 30)]);
        assert_eq!(rig.list(), of(&[("a x:1", 0, 30)]));
        rig.now += 20 * SECOND;
        rig.hear("a", &[("x:1", 1, 30)]);
        assert_eq!(rig.list(), []);
        rig.hear("a", &[("x:1", 1, 300)]);
        assert_eq!(rig.list(), of(&[("a x:1", 0, 300)]));
        rig.hear("a", &[("x:1", 2, 60)]);
        assert_eq!(rig.list(), of(&[("a x:1", 40, 100)]));
    }

    #[test]
    fn not_more_is_remembered_than_there_is_room_for() {
        let mut rig = Rig::new();
        let marks: Vec<_> = (1..=256).map(|number| ("x:1", number, 300)).collect();
        for number in 0..20 {
            rig.hear(&format!("c{number}"), &marks);
        }
        assert_eq!(rig.list().len(), MOST);
        rig.now += LONGEST;
        assert_eq!(rig.list(), []);
        rig.hear("late", &marks);
        assert_eq!(rig.list().len(), 256);
    }
}
