//! The failure catalogue in `docs/testing.md`.

use std::collections::BTreeMap;
use std::path::Path;

#[test]
fn every_row_of_the_failure_catalogue_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/testing.md")).unwrap();
    let folders: BTreeMap<_, _> = page
        .lines()
        .filter_map(|line| {
            line.strip_prefix("- `")?
                .strip_suffix('`')?
                .split_once("` is `")
        })
        .collect();
    let mut numbers = Vec::new();
    for row in page.lines().filter_map(|line| line.strip_prefix("| ")) {
        let (number, cells) = row.split_once(" | ").unwrap();
        let Ok(number) = number.parse::<u32>() else {
            continue;
        };
        numbers.push(number);
        let named = cells.split('`').filter_map(|code| code.split_once(".rs::"));
        let mut tests = 0;
        for (file, test) in named {
            let (folder, file) = file.split_once('/').unwrap();
            let path = root.join(folders[folder]).join(format!("{file}.rs"));
            let source = std::fs::read_to_string(&path);
            let source = source.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let found = source.contains(&format!("fn {test}("));
            assert!(found, "row {number}: no {test} in {}", path.display());
            tests += 1;
        }
        assert!(tests > 0, "row {number} names no test");
    }
    assert_eq!(numbers, (1..=71).collect::<Vec<_>>());
}
