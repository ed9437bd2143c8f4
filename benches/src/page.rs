//! The tables in a page of the documentation.

use std::fs;
use std::path::Path;

use crate::error::Result;
use crate::report::{Report, Style};

/// Writes what `report` has into `page`, between the markers that name it: a section, `targets` or
/// `machine`.
pub(crate) fn write(report: &Report, page: &Path) -> Result<()> {
    let text = fs::read_to_string(page).map_err(|error| format!("{}: {error}", page.display()))?;
    let block = |name: &str| match name {
        "machine" => Some(format!("{}\n", report.machine())),
        "targets" => Some(format!("{}\n", report.verdict(Style::Markdown))),
        section => {
            let tables = report.tables(section, Style::Markdown);
            (!tables.is_empty()).then_some(tables)
        }
    };
    Ok(fs::write(page, filled(&text, block)?)?)
}

/// `page` with what `block` says of a name between `<!-- name -->` and `<!-- /name -->`.
fn filled(page: &str, block: impl Fn(&str) -> Option<String>) -> Result<String> {
    let mut text = String::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        text.push_str(line);
        text.push('\n');
        let Some(name) = marker(line) else { continue };
        let end = format!("<!-- /{name} -->");
        lines
            .find(|line| *line == end)
            .ok_or_else(|| format!("no line {end}"))?;
        let block = block(name).ok_or_else(|| format!("no figures for {line}"))?;
        text.push_str(&format!("\n{}\n\n{end}\n", block.trim()));
    }
    Ok(text)
}

/// The name in a line `<!-- name -->`.
fn marker(line: &str) -> Option<&str> {
    let name = line.strip_prefix("<!-- ")?.strip_suffix(" -->")?;
    name.bytes()
        .all(|byte| byte.is_ascii_lowercase())
        .then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shout(name: &str) -> Option<String> {
        (name != "unknown").then(|| name.to_uppercase())
    }

    #[test]
    fn what_stands_between_markers_is_replaced_and_nothing_else() {
        let page = "a\n<!-- b -->\nold\n<!-- /b -->\n<!-- Not one. -->\n<!-- c -->\n<!-- /c -->\n";
        let expected = "a\n<!-- b -->\n\nB\n\n<!-- /b -->\n<!-- Not one. -->\n<!-- c -->\n\nC\n\n<!-- /c -->\n";
        assert_eq!(filled(page, shout).unwrap(), expected);
        assert_eq!(filled(expected, shout).unwrap(), expected);
    }

    #[test]
    fn a_marker_without_an_end_or_without_figures_is_an_error() {
        assert!(filled("<!-- b -->\nold\n", shout).is_err());
        assert!(filled("<!-- unknown -->\n<!-- /unknown -->\n", shout).is_err());
    }
}
