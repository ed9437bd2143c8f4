//! Tables for people.

use comfy_table::{Table, presets};

/// A table with a header and a line per row.
pub(crate) fn of<const N: usize>(
    header: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::UTF8_FULL_CONDENSED)
        .set_header(header);
    table.add_rows(rows);
    table
}
