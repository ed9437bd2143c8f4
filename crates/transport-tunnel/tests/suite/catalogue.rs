//! The tables of tests in `docs/testing.md`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What stands where the original's test has no counterpart.
const REASONS: [&str; 2] = ["**Not applicable:**", "**Decided otherwise:**"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page() -> String {
    std::fs::read_to_string(root().join("docs/testing.md")).unwrap()
}

/// The rows of all tables of a text: the first cell, and the others.
fn rows(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| "));
    rows.map(|row| row.split_once(" | ").unwrap())
}

/// The tests that a text names, as file and name.
fn tests(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split('`').filter_map(|code| code.split_once(".rs::"))
}

#[test]
fn every_test_that_is_named_exists() {
    let page = page();
    let folders: BTreeMap<_, _> = page
        .lines()
        .filter_map(|line| {
            line.strip_prefix("- `")?
                .strip_suffix('`')?
                .split_once("` is `")
        })
        .collect();
    let tables = page.split_once("## Failure catalogue").unwrap().1;
    for (file, test) in tests(tables) {
        let (folder, file) = file.split_once('/').unwrap();
        let path = root().join(folders[folder]).join(format!("{file}.rs"));
        let source = std::fs::read_to_string(&path);
        let source = source.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let found = source.contains(&format!("fn {test}("));
        assert!(found, "no {test} in {}", path.display());
    }
}

#[test]
fn every_row_of_the_failure_catalogue_names_a_test() {
    let mut numbers = Vec::new();
    for (number, cells) in rows(&page()) {
        let Ok(number) = number.parse::<u32>() else {
            continue;
        };
        numbers.push(number);
        assert!(tests(cells).count() > 0, "row {number} names no test");
    }
    assert!(numbers.len() >= 76, "rows are gone: {numbers:?}");
    assert_eq!(numbers, (1..).take(numbers.len()).collect::<Vec<_>>());
}

#[test]
fn every_test_of_the_original_has_a_counterpart_or_a_reason() {
    let page = page();
    let section = page.split_once("\n## The original's tests\n").unwrap().1;
    let section = section.split("\n## ").next().unwrap();
    let mut counts = Vec::new();
    for file in section.split("\n### ").skip(1) {
        let (name, table) = file.split_once('\n').unwrap();
        let mut count = 0;
        for (original, ours) in rows(table).skip(1) {
            let is_explained = REASONS.iter().any(|reason| ours.starts_with(reason));
            assert!(
                tests(ours).count() > 0 || is_explained,
                "{name}: {original}"
            );
            count += 1;
        }
        counts.push((name, count));
    }
    let expected = [
        ("test_proxy_mvp", 53),
        ("test_proxy_integration", 12),
        ("test_proxy_http", 5),
        ("test_proxy_ws", 5),
        ("test_proxy_pool", 14),
        ("Pool resolution", 13),
        ("End-to-end proxy loading", 9),
        ("SSRF", 22),
        ("What the original does not test", 13),
    ];
    assert_eq!(counts, expected);
}
