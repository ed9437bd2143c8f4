//! Tables for people.

use comfy_table::{ContentArrangement, Table, presets};
use console::Term;

/// A table with a header and a line per row, as wide as the terminal at most. If standard output is
/// none, it is as wide as its content.
pub(crate) fn of<const N: usize>(
    header: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> Table {
    let terminal = Term::stdout();
    let size = terminal.is_term().then(|| terminal.size_checked());
    within(size.flatten().map(|(_, columns)| columns), header, rows)
}

/// A table of at most `columns`.
fn within<const N: usize>(
    columns: Option<u16>,
    header: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::UTF8_FULL_CONDENSED)
        .set_header(header);
    table.add_rows(rows);
    if let Some(columns) = columns {
        table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(columns);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_fits_its_terminal_and_loses_nothing() {
        let header = ["exchange", "transport", "proxy", "verdict"];
        let row = [
            "binance",
            "websocket",
            "socks5h://***@a-long-name.proxies.example:1080 (pool, disabled)",
            "geo-blocked in response, stream.binance.example:9443",
        ];
        let row = || [row.map(str::to_owned)].into_iter();
        for columns in [80, 60] {
            let table = within(Some(columns), header, row()).to_string();
            let widths = table.lines().map(|line| line.chars().count());
            assert!(widths.max() <= Some(columns.into()), "{table}");
            assert!(
                table.contains("websocket") && table.contains("socks5h:"),
                "{table}"
            );
        }
        let whole = within(None, header, row()).to_string();
        assert!(whole.contains("socks5h://***@a-long-name.proxies.example:1080 (pool, disabled)"));
    }
}
