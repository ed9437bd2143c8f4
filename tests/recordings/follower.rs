//! One book, as it was recorded and as it is told.

use std::collections::VecDeque;

use rust_decimal::Decimal;
use serde_json::Value;

use super::book::{Book, Range, Sides, number};
use super::capture::{Capture, Dialect};
use super::reading::{Step, levels, text};

/// Compares what is told of a book on one connection with what was recorded there.
#[derive(Debug)]
pub(super) struct Follower {
    dialect: Dialect,
    depth: Option<usize>,
    /// What is to be told.
    steps: VecDeque<Step>,
    recorded: Book,
    told: Book,
    range: Range,
    epoch: u64,
}

impl Follower {
    pub(super) fn new(capture: &Capture, steps: Vec<Step>, epoch: u64) -> Self {
        Self {
            dialect: capture.dialect,
            depth: capture.depth(),
            steps: steps.into(),
            recorded: Book::default(),
            told: Book::default(),
            range: Range::default(),
            epoch,
        }
    }

    pub(super) fn left(&self) -> usize {
        self.steps.len()
    }

    /// The number of its last snapshot.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Takes a snapshot or a change that is told.
    pub(super) fn take(&mut self, event: &Value) {
        let step = self.steps.pop_front();
        let step = step.unwrap_or_else(|| panic!("nothing else was recorded: {event}"));
        let is_snapshot = event["type"] == "l2_snapshot";
        let id = |key: &str| event[key].as_str().map(|id| id.parse::<u64>().unwrap());
        assert_eq!(is_snapshot, step.is_snapshot, "{event}");
        assert_eq!(id("last_id"), step.last_id, "{event}");
        assert_eq!(event["timestamp_ns"].as_i64(), step.timestamp_ns, "{event}");
        if is_snapshot {
            self.range = Range::of(&event["covers"]);
            self.epoch += 1;
        } else {
            assert_eq!(id("first_id"), step.first_id, "{event}");
        }
        assert_eq!(event["epoch"], self.epoch, "{event}");

        self.recorded.apply(step.is_snapshot, &step.sides);
        let cut = self.depth.map(|depth| self.recorded.cut(depth));
        if let Some(checksum) = step.checksum {
            assert_eq!(self.recorded.checksum(self.dialect), checksum, "{step:?}");
        }
        let told = [levels(&event["bids"]), levels(&event["asks"])];
        self.compare(&step, &told, &cut.unwrap_or_default());
        self.told.apply(is_snapshot, &told);
        let is_true = self.told.is_within(&self.range, &self.recorded);
        assert!(is_true, "{event}\n{:?}\n{:?}", self.told, self.recorded);
    }

    /// Every level of `step` is told with every digit, and nothing else, but that prices which have
    /// fallen out of the exchange's depth are gone. What the range does not reach may be left out.
    fn compare(&self, step: &Step, told: &Sides, cut: &[Vec<Decimal>; 2]) {
        for (side, (told, recorded)) in told.iter().zip(&step.sides).enumerate() {
            let has = |price: &str| self.range.has(side, number(price));
            for (price, size) in told {
                let size_now = self.recorded.size(side, number(price));
                if number(size).is_zero() {
                    let is_said = recorded
                        .iter()
                        .any(|(said, _)| number(said) == number(price));
                    let is_gone = size_now.is_none();
                    assert!(is_gone && (is_said || cut[side].contains(&number(price))));
                } else {
                    let is_said = recorded.contains(&(price.clone(), size.clone()));
                    assert!(is_said, "{price} {size} is not in {step:?}");
                }
            }
            for (price, size) in recorded.iter().filter(|(price, _)| has(price)) {
                // Of several sizes of a price, the last one counts.
                let is_last = self.recorded.size(side, number(price)) == Some(size.as_str());
                let is_told = told.contains(&(price.clone(), size.clone()));
                assert!(is_told || !is_last, "{price} {size} of {step:?}");
            }
        }
    }
}

/// The symbol that an event is about.
pub(super) fn symbol(event: &Value) -> String {
    text(&event["symbol"])
}
