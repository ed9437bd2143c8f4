//! The pages of the documentation that show the figures.
//!
//! In `performance.md` the blocks between markers are replaced. The pages in the folder
//! `performance`, one for each benchmark and one for the targets, are written as a whole.

mod missed;
mod summary;

use std::fs;
use std::path::Path;

use crate::error::Result;
use crate::report::{Report, Style};

/// Writes what `report` has into `performance.md` and its folder in `docs`.
pub(crate) fn write(report: &Report, docs: &Path) -> Result<()> {
    let folder = docs.join("performance");
    fs::create_dir_all(&folder)?;
    for (section, _) in report.sections() {
        let tables = report.tables(section, Style::Markdown);
        let text = generated(&format!("Tables: {section}"), section, &tables);
        fs::write(folder.join(format!("{section}.md")), text)?;
    }
    let targets = report.verdict(Style::Markdown);
    let text = generated("Every target", "targets", &targets);
    fs::write(folder.join("targets.md"), text)?;

    let missed = missed::table(report)?;
    let block = |name: &str| match name {
        "machine" => Some(report.machine().to_string()),
        "versions" => summary::versions(report),
        "verdict" => Some(summary::verdict(report)),
        "targets" => Some(summary::targets(report)),
        "missed" => Some(missed.clone()),
        _ => None,
    };
    let page = docs.join("performance.md");
    let text = fs::read_to_string(&page).map_err(|error| format!("{}: {error}", page.display()))?;
    Ok(fs::write(page, filled(&text, block)?)?)
}

/// A page that is written as a whole, and leads back to the one that explains it.
fn generated(title: &str, anchor: &str, content: &str) -> String {
    format!(
        "<!-- Written by `benches publish` from benches/results.json. -->\n# {title}\n\n\
         [What these figures mean](../performance.md#{anchor}).\n\n{}\n",
        content.trim()
    )
}

/// `page` with the text of `block` for each name between `<!-- name -->` and `<!-- /name -->`.
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

    #[test]
    fn a_generated_page_leads_back_to_its_section() {
        let page = generated("Tables: dial", "dial", "\n| a |\n");
        assert!(page.contains("\n# Tables: dial\n"), "{page}");
        assert!(page.contains("(../performance.md#dial)"), "{page}");
        assert!(page.ends_with("\n\n| a |\n"), "{page}");
    }

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
