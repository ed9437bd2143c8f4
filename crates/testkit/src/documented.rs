//! Parts of the documentation that are made from the code.

use std::fs;

/// Set to anything, it has [`documented`] write what it would compare.
const UPDATE: &str = "UPDATE_DOCS";

/// Compares what a page has between `<!-- begin: name -->` and `<!-- end: name -->`, each on a line
/// of its own, with `expected`. With the environment variable `UPDATE_DOCS`, the page is written so.
///
/// # Errors
/// What to do where the page has something else, or cannot be read or written.
pub fn documented(page: &str, name: &str, expected: &str) -> Result<(), String> {
    let text = fs::read_to_string(page).map_err(|error| format!("{page}: {error}"))?;
    let (begin, end) = (
        format!("<!-- begin: {name} -->\n"),
        format!("\n<!-- end: {name} -->"),
    );
    let (before, rest) = text
        .split_once(&begin)
        .ok_or_else(|| format!("{page} has no line {begin}"))?;
    let (found, after) = rest
        .split_once(&end)
        .ok_or_else(|| format!("{page} has no line {end}"))?;
    if found == expected {
        return Ok(());
    }
    if std::env::var_os(UPDATE).is_none() {
        return Err(format!(
            "{page}: `{name}` is out of date; run the test again with {UPDATE}=1"
        ));
    }
    fs::write(page, format!("{before}{begin}{expected}{end}{after}"))
        .map_err(|error| format!("{page}: {error}"))
}
