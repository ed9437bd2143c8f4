//! The versions that the documentation names are those of the manifests and lockfiles.

use std::fs;

use crate::documentation::{fail_with, pages, root};

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The text in quotes after `key = ` at the beginning of a line.
fn value(manifest: &str, key: &str) -> String {
    let start = format!("{key} = \"");
    let line = manifest.lines().find_map(|line| line.strip_prefix(&start));
    let line = line.unwrap_or_else(|| panic!("no {key}"));
    line.split('"').next().unwrap().to_owned()
}

/// Whether `version` is `short`, or begins with it as in `1.2` and `1.2.3`.
fn begins_with(version: &str, short: &str) -> bool {
    let rest = version.strip_prefix(short);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The text between backticks.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn the_specification_has_the_versions_of_the_lockfile() {
    let lock = read("Cargo.lock");
    let is_locked = |name: &str, short: &str| {
        let packages = lock.split("[[package]]\n").skip(1);
        let mut packages = packages.filter(|package| value(package, "name") == name);
        packages.any(|package| begins_with(&value(package, "version"), short))
    };
    let specification = read("docs/technical-specification.md");
    let table = specification.split("| dependency | version |").nth(1);
    let rows = table.unwrap().lines().skip(2);
    let mut problems = vec![];
    let mut found = 0;
    for row in rows.take_while(|row| row.starts_with('|')) {
        let mut cells = row.split('|').skip(1).map(str::trim);
        let (names, versions) = (cells.next().unwrap(), cells.next().unwrap());
        for (name, version) in code(names).zip(versions.split(", ")) {
            found += 1;
            if !is_locked(name, version) {
                problems.push(format!("{name} {version}"));
            }
        }
    }
    assert!(found >= 30, "only {found} were found");
    fail_with(&problems);
}

#[test]
fn the_version_of_rust_is_the_same_everywhere() {
    let manifest = read("Cargo.toml");
    let minimum = value(&manifest, "rust-version");
    let stated = format!("Rust {minimum}, edition {}.", value(&manifest, "edition"));
    assert!(
        read("docs/technical-specification.md").contains(&stated),
        "no {stated}"
    );

    let channel = value(&read("rust-toolchain.toml"), "channel");
    let dockerfile = read("docs/deploy/Dockerfile");
    let image = dockerfile.split("FROM rust:").nth(1).unwrap();
    let image = image.split('-').next().unwrap();
    assert!(begins_with(&channel, image), "{image} is not {channel}");
}

#[test]
fn the_version_of_the_workspace_is_the_same_everywhere() {
    let manifest = read("Cargo.toml");
    let version = value(&manifest, "version");
    let image = format!("image: cryptofeed:{version}\n");
    assert!(
        read("docs/deploy/kubernetes.yaml").contains(&image),
        "no {image}"
    );

    let entries = fs::read_dir(root().join("crates")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names: Vec<_> = names.collect();
    let mut files: Vec<_> = pages();
    files.push(root().join("Cargo.toml"));
    let mut problems = vec![];
    let mut found = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for line in text.lines() {
            let Some((name, dependency)) = line.split_once(" = ") else {
                continue;
            };
            let named = dependency.split("version = \"").nth(1);
            let named = named.or_else(|| dependency.strip_prefix('"'));
            let Some(named) = named.filter(|_| names.iter().any(|known| known == name)) else {
                continue;
            };
            found += 1;
            if !begins_with(&version, named.split('"').next().unwrap()) {
                problems.push(format!("{}: {line}", file.display()));
            }
        }
    }
    assert!(found > names.len() / 2, "only {found} were found");
    fail_with(&problems);
}
