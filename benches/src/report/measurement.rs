//! One figure of one contender.

use serde::{Deserialize, Serialize};

/// One figure of one contender: what was measured in each repetition, and what else is known.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Measurement {
    /// What it may be compared with: everything of the same group.
    pub(crate) group: String,
    pub(crate) contender: String,
    /// What the samples are, such as `messages per CPU second`.
    pub(crate) what: String,
    pub(crate) unit: String,
    /// One per repetition. Empty if it could not be measured; then a note says why.
    pub(crate) samples: Vec<f64>,
    pub(crate) summary: Option<Summary>,
    pub(crate) extras: Vec<Extra>,
    pub(crate) targets: Vec<Target>,
    pub(crate) notes: Vec<String>,
}

/// The middle and the ends of some samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Summary {
    pub(crate) fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let upper = *sorted.get(sorted.len() / 2)?;
        let lower = *sorted.get((sorted.len() - 1) / 2)?;
        Some(Self {
            median: f64::midpoint(lower, upper),
            min: *sorted.first()?,
            max: *sorted.last()?,
        })
    }
}

/// Something else that is known of a measurement: the median of its repetitions.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Extra {
    pub(crate) what: String,
    pub(crate) unit: String,
    pub(crate) value: f64,
}

/// A target, and what it was measured with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judged<'a> {
    pub(crate) section: &'a str,
    pub(crate) group: &'a str,
    pub(crate) target: &'a Target,
}

/// What a figure should be.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Target {
    pub(crate) goal: String,
    pub(crate) value: f64,
    pub(crate) is_met: bool,
}

impl Target {
    /// `what` should be `limit` or more.
    pub(crate) fn at_least(what: &str, value: f64, limit: f64) -> Self {
        Self {
            goal: format!("{what} >= {limit}"),
            value,
            is_met: value >= limit,
        }
    }

    /// `what` should be `limit` or less.
    pub(crate) fn at_most(what: &str, value: f64, limit: f64) -> Self {
        Self {
            goal: format!("{what} <= {limit}"),
            value,
            is_met: value <= limit,
        }
    }
}

impl Measurement {
    /// `samples` of `what`, in `unit`, of one contender of a group.
    pub(crate) fn new(
        group: impl Into<String>,
        contender: impl Into<String>,
        (what, unit): (&str, &str),
        samples: Vec<f64>,
    ) -> Self {
        Self {
            group: group.into(),
            contender: contender.into(),
            what: what.to_owned(),
            unit: unit.to_owned(),
            summary: Summary::of(&samples),
            samples,
            extras: Vec::new(),
            targets: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// A row that says why there is no figure.
    pub(crate) fn missing(
        group: impl Into<String>,
        contender: impl Into<String>,
        figure: (&str, &str),
        reason: &str,
    ) -> Self {
        Self::new(group, contender, figure, Vec::new()).with_note(format!("not measured: {reason}"))
    }

    /// Adds the median of something else that was measured in each repetition.
    pub(crate) fn with_extra(mut self, (what, unit): (&str, &str), samples: &[f64]) -> Self {
        self.extras
            .extend(Summary::of(samples).map(|summary| Extra {
                what: what.to_owned(),
                unit: unit.to_owned(),
                value: summary.median,
            }));
        self
    }

    pub(crate) fn with_target(mut self, target: Target) -> Self {
        self.targets.push(target);
        self
    }

    pub(crate) fn with_note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// The median, if anything was measured.
    pub(crate) fn median(&self) -> Option<f64> {
        self.summary.map(|summary| summary.median)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_is_between_the_two_in_the_middle() {
        let summary = Summary::of(&[4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!((summary.median, summary.min, summary.max), (2.5, 1.0, 4.0));
        assert_eq!(Summary::of(&[7.0]).unwrap().median, 7.0);
        assert_eq!(Summary::of(&[]), None);
    }
}
