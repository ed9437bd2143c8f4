//! What `performance.md` says of all figures together.

use comfy_table::Cell;

use crate::report::{Judged, Report, Style, number, right};

/// How many targets are met, in a sentence.
pub(super) fn verdict(report: &Report) -> String {
    let targets: Vec<_> = report.targets().collect();
    let missed: Vec<_> = targets.iter().filter(|one| !one.target.is_met).collect();
    let all = targets.len();
    let Some(first) = missed.first() else {
        return format!("**All {all} targets are met.**");
    };
    let count = missed.len();
    let verb = if count == 1 { "is" } else { "are" };
    let sections = if missed.iter().all(|one| one.section == first.section) {
        format!("in `{}`", first.section)
    } else {
        "in several benchmarks".to_owned()
    };
    format!(
        "**{count} of {all} targets {verb} missed**, {sections}: \
         [which, and why](#missed-targets)."
    )
}

/// The versions that were measured, in a sentence.
pub(super) fn versions(report: &Report) -> Option<String> {
    let versions = report
        .versions()
        .map(|(name, version)| format!("{name} {version}"));
    let versions: Vec<_> = versions.collect();
    (!versions.is_empty()).then(|| format!("Versions: {}.", versions.join(", ")))
}

/// The same target in several groups.
struct Family<'a> {
    section: &'a str,
    goal: String,
    met: usize,
    values: Vec<f64>,
}

impl Family<'_> {
    fn range(&self) -> String {
        let least = self.values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self
            .values
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max);
        let (least, most) = (number(least), number(most));
        if least == most {
            least
        } else {
            format!("{least} .. {most}")
        }
    }
}

/// One row for each kind of target: in how many groups it is met.
pub(super) fn targets(report: &Report) -> String {
    let mut families: Vec<Family<'_>> = Vec::new();
    for Judged {
        section, target, ..
    } in report.targets()
    {
        let goal = without_peer(&target.goal);
        let is_same = |family: &&mut Family<'_>| family.section == section && family.goal == goal;
        if let Some(family) = families.iter_mut().find(is_same) {
            family.met += usize::from(target.is_met);
            family.values.push(target.value);
        } else {
            families.push(Family {
                section,
                goal,
                met: usize::from(target.is_met),
                values: vec![target.value],
            });
        }
    }
    let mut table = Style::Markdown.table();
    table.set_header(["benchmark", "target", "met", "measured"]);
    for family in &families {
        table.add_row([
            Cell::new(family.section),
            Cell::new(&family.goal),
            right(format!("{} of {}", family.met, family.values.len())),
            right(family.range()),
        ]);
    }
    table.to_string()
}

/// A goal without the library in brackets that it compares with.
fn without_peer(goal: &str) -> String {
    match (goal.find(" ("), goal.find(')')) {
        (Some(start), Some(end)) if start < end => {
            let (before, rest) = goal.split_at(start);
            format!(
                "{before}{}",
                rest.split_once(')').map_or("", |(_, after)| after)
            )
        }
        _ => goal.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Measurement, Target};

    fn report(values: &[f64]) -> Report {
        let measurements = values.iter().map(|value| {
            let target = Target::at_least("ours / fastest (yawc)", *value, 1.0);
            Measurement::new("a group", "ours", ("rate", "1/s"), vec![*value]).with_target(target)
        });
        let mut report = Report::default();
        report.replace("receive", measurements.collect());
        report
    }

    #[test]
    fn the_verdict_counts_what_is_missed() {
        assert_eq!(verdict(&report(&[1.0, 2.0])), "**All 2 targets are met.**");
        let text = verdict(&report(&[0.5, 2.0, 0.9]));
        assert!(
            text.starts_with("**2 of 3 targets are missed**, in `receive`"),
            "{text}"
        );
        let text = verdict(&report(&[0.5, 2.0]));
        assert!(text.starts_with("**1 of 2 targets is missed**"), "{text}");
    }

    #[test]
    fn targets_that_differ_by_the_library_alone_are_one_row() {
        let table = targets(&report(&[0.5, 2.0]));
        assert!(table.contains("| ours / fastest >= 1 |"), "{table}");
        assert!(table.contains("| 1 of 2 | 0.500 .. 2.00 |"), "{table}");
    }
}
