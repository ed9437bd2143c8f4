//! What reading back has shown, as text.

use std::fmt::Write as _;

use sinks::tail::{RunSummary, Summary};
use transport::printable;

use crate::table;

pub(super) fn text(summary: &Summary) -> String {
    let header = ["exchange", "run", "first", "last", "missing"];
    let table = table::of(header, summary.runs.iter().map(cells));
    let mut text = format!("{table}\n");
    // Writing to a string cannot fail.
    for (name, count) in [
        ("events", summary.events),
        ("trades", summary.trades),
        ("trades that are there again", summary.repeated_trades),
        ("books", summary.books),
        ("books that were told to be invalid", summary.invalid_books),
        (
            "trades that were told to be missing",
            summary.missing_trades,
        ),
        ("trades that were told to be lost", summary.lost_trades),
        (
            "changes that were told to be dropped",
            summary.dropped_changes,
        ),
        (
            "changes before the first snapshot",
            summary.unanchored_changes,
        ),
        (
            "events of collectors that their shard was taken from",
            summary.fenced,
        ),
        ("lines of unknown types", summary.unknown),
        ("files that are still being written", summary.torn),
        ("findings", summary.wrong),
    ] {
        let _ = writeln!(text, "{name}: {count}");
    }
    for finding in &summary.findings {
        let _ = writeln!(text, "  {}", printable(finding));
    }
    text
}

fn cells(run: &RunSummary) -> [String; 5] {
    let missing = match run.shared {
        // The other collector's.
        true => format!("{} (shared)", run.missing),
        false => run.missing.to_string(),
    };
    [
        printable(&run.exchange).to_string(),
        printable(&run.run).to_string(),
        run.first.to_string(),
        run.last.to_string(),
        missing,
    ]
}
