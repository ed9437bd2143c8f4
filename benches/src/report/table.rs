//! Figures for the eye.

use std::fmt::Write as _;

use comfy_table::presets::{ASCII_MARKDOWN, UTF8_HORIZONTAL_ONLY};
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};

use super::measurement::{Judged, Measurement};

/// Where a table is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Style {
    Terminal,
    Markdown,
}

impl Style {
    pub(crate) fn table(self) -> Table {
        let mut table = Table::new();
        table
            .load_preset(match self {
                Self::Terminal => UTF8_HORIZONTAL_ONLY,
                Self::Markdown => ASCII_MARKDOWN,
            })
            .set_content_arrangement(ContentArrangement::Disabled);
        table
    }
}

/// One table per group, in the order in which the groups came.
pub(super) fn groups(section: &str, measurements: &[Measurement], style: Style) -> String {
    let is_same_group = |a: &Measurement, b: &Measurement| a.group == b.group && a.what == b.what;
    let mut text = String::new();
    for group in measurements.chunk_by(is_same_group) {
        if let Some(first) = group.first() {
            let table = group_table(first, group, style);
            let _ = match style {
                Style::Terminal => writeln!(text, "\n{section}: {}\n{table}", first.group),
                Style::Markdown => writeln!(text, "\n{}:\n\n{table}", first.group),
            };
        }
    }
    text
}

fn group_table(first: &Measurement, group: &[Measurement], style: Style) -> Table {
    let mut extras: Vec<(&str, &str)> = Vec::new();
    for extra in group.iter().flat_map(|m| &m.extras) {
        if !extras.contains(&(&extra.what, &extra.unit)) {
            extras.push((&extra.what, &extra.unit));
        }
    }
    let has_notes = group.iter().any(|m| !m.notes.is_empty());

    let mut table = style.table();
    let mut header = vec![
        String::new(),
        titled(&first.what, &first.unit),
        "min .. max".to_owned(),
    ];
    header.extend(extras.iter().map(|(what, unit)| titled(what, unit)));
    header.extend(has_notes.then(|| "notes".to_owned()));
    table.set_header(header);
    for measurement in group {
        let (median, spread) = measurement.summary.map_or_else(
            || ("-".to_owned(), "-".to_owned()),
            |s| {
                let spread = format!("{} .. {}", number(s.min), number(s.max));
                (number(s.median), spread)
            },
        );
        let mut row = vec![
            Cell::new(&measurement.contender),
            right(median),
            right(spread),
        ];
        row.extend(extras.iter().map(|(what, unit)| {
            let found = measurement
                .extras
                .iter()
                .find(|extra| extra.what == *what && extra.unit == *unit);
            right(found.map_or_else(|| "-".to_owned(), |extra| number(extra.value)))
        }));
        row.extend(has_notes.then(|| Cell::new(measurement.notes.join("; "))));
        table.add_row(row);
    }
    table
}

/// What should be, what is, and whether that is enough.
pub(super) fn targets<'a>(targets: impl Iterator<Item = Judged<'a>>, style: Style) -> String {
    let mut table = style.table();
    table.set_header(["benchmark", "target", "measured", ""]);
    for judged in targets {
        let Judged {
            section,
            group,
            target,
        } = judged;
        table.add_row([
            Cell::new(format!("{section}: {group}")),
            Cell::new(&target.goal),
            right(number(target.value)),
            Cell::new(if target.is_met { "met" } else { "NOT MET" }),
        ]);
    }
    table.to_string()
}

/// `what`, with its unit in brackets.
pub(crate) fn titled(what: &str, unit: &str) -> String {
    if unit.is_empty() {
        what.to_owned()
    } else {
        format!("{what} [{unit}]")
    }
}

pub(crate) fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// Three significant digits, or all of a whole number, with its thousands apart.
pub(crate) fn number(value: f64) -> String {
    let magnitude = value.abs();
    let decimals = match magnitude {
        m if m >= 100.0 || m == 0.0 => 0,
        m if m >= 10.0 => 1,
        m if m >= 1.0 => 2,
        _ => 3,
    };
    grouped(&format!("{value:.decimals$}"))
}

fn grouped(digits: &str) -> String {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let (sign, whole) = whole
        .strip_prefix('-')
        .map_or(("", whole), |rest| ("-", rest));
    let mut text = sign.to_owned();
    for (index, digit) in whole.char_indices() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    if !fraction.is_empty() {
        let _ = write!(text, ".{fraction}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_significant_digits_and_thousands_apart() {
        assert_eq!(number(1_234_567.8), "1 234 568");
        assert_eq!(number(12.345), "12.3");
        assert_eq!(number(0.0), "0");
        assert_eq!(number(0.5), "0.500");
        assert_eq!(number(-1234.0), "-1 234");
    }
}
