//! The command lines that the documentation shows.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::workspace::Workspace;

const PAGES: [&str; 9] = [
    "README.md",
    "CONTRIBUTING.md",
    "crates/cryptofeed/README.md",
    "docs/README.md",
    "docs/user-guide.md",
    "docs/sinks.md",
    "docs/technical-specification.md",
    "docs/migrating-from-python.md",
    "docs/testing.md",
];

const DEPLOYED: [&str; 5] = [
    "docs/deploy/Dockerfile",
    "docs/deploy/compose.yaml",
    "docs/deploy/fleet.yaml",
    "docs/deploy/kubernetes.yaml",
    "docs/deploy/systemd/cryptofeed.service",
];

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(name)
}

/// The lines of a page's scripts and transcripts, or of a whole file that is deployed.
fn lines(name: &str) -> Vec<(usize, String)> {
    let text = fs::read_to_string(path(name)).unwrap();
    let mut language = (!name.ends_with(".md")).then_some("");
    let mut lines = vec![];
    for (line, number) in text.lines().zip(1..) {
        match line.trim_start().strip_prefix("```") {
            Some(opened) => language = language.is_none().then_some(opened),
            None if matches!(language, Some("" | "sh" | "console")) => {
                lines.push((number, line.to_owned()));
            }
            None => {}
        }
    }
    lines
}

/// The arguments of the command in a line, if it is called there.
fn arguments(line: &str) -> Option<Vec<String>> {
    let line = line.replace(['"', '\'', '[', ']', ','], " ");
    if line.trim_start().starts_with('#') {
        return None;
    }
    let mut words = line.split_whitespace().peekable();
    let is_called = words.by_ref().find(|word| {
        let arguments_alone = ["command:", "args:", "CMD"];
        word.rsplit('/').next() == Some("cryptofeed") || arguments_alone.contains(word)
    });
    is_called?;
    let _ = words.next_if_eq(&"--");
    let _ = words.next_if(|word| word.ends_with("/cryptofeed"));
    let is_end = |word: &&str| ["|", ">", "#", "&&", ";"].contains(word);
    let arguments: Vec<_> = words
        .take_while(|word| !is_end(word))
        .map(str::to_owned)
        .collect();
    let command = arguments.first()?;
    command
        .bytes()
        .all(|b| b.is_ascii_lowercase())
        .then_some(arguments)
}

#[test]
fn every_command_line_in_the_documentation_is_understood() {
    let workspace = Workspace::new();
    let mut found = 0;
    for name in PAGES.into_iter().chain(DEPLOYED) {
        for (number, line) in lines(name) {
            let Some(arguments) = arguments(&line) else {
                continue;
            };
            found += 1;
            let help = workspace.output(&[&arguments[0], "--help"], &[]);
            assert_eq!(help.code, Some(0), "{name}:{number}: {line}");
            let known: Vec<_> = help.stdout.split_whitespace().collect();
            for option in arguments.iter().filter(|word| word.starts_with("--")) {
                assert!(known.contains(&option.as_str()), "{name}:{number}: {line}");
            }
        }
    }
    assert!(found >= 15, "only {found} were found");
}

#[test]
fn the_configuration_to_deploy_is_one_that_runs() {
    let workspace = Workspace::new();
    let text = fs::read_to_string(path("docs/deploy/config/cryptofeed.yaml")).unwrap();
    workspace.file("password", "0123\n");
    workspace.file(
        "cryptofeed.yaml",
        &text.replace("/run/secrets/proxy_password", "password"),
    );
    let check = workspace.output(&["check"], &[]);
    assert_eq!(check.code, Some(0), "{}", check.stderr);
    assert!(!check.stdout.contains("direct"), "{}", check.stdout);
}

#[test]
fn the_guide_says_of_every_event_what_to_do() {
    let schema = Workspace::new().output(&["schema", "--events"], &[]).stdout;
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    let kinds = schema["oneOf"].as_array().unwrap().iter();
    let kinds: BTreeSet<_> = kinds
        .map(|kind| {
            kind["properties"]["type"]["const"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let guide = fs::read_to_string(path("docs/user-guide.md")).unwrap();
    let (_, table) = guide.split_once("<!-- begin: what events ask -->").unwrap();
    let (table, _) = table.split_once("<!-- end: what events ask -->").unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let named = rows.flat_map(|row| row.split(" | ").next().unwrap().split(", "));
    let named: BTreeSet<_> = named.map(|name| name.replace('`', "")).collect();
    assert_eq!(named, kinds);
}
