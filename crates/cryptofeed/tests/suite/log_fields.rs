//! The fields of log lines, which programs read with `--log-format json`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use testkit::ProxyKind;

use crate::flood::{Flood, Flooded};
use crate::workspace::Workspace;
use crate::world::World;

/// The crates that log when `run` does.
const CRATES: [&str; 6] = [
    "cryptofeed",
    "fleet",
    "proxy-injector",
    "sinks",
    "transport-tls",
    "transport-tunnel",
];

/// What every log line has.
const COMMON: [&str; 4] = ["level", "message", "target", "timestamp"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The names in the first column of the specification's table.
fn documented() -> BTreeSet<String> {
    let page = fs::read_to_string(root().join("docs/technical-specification.md")).unwrap();
    let (_, table) = page
        .split_once("<!-- begin: fields of the log -->")
        .unwrap();
    let (table, _) = table.split_once("<!-- end: fields of the log -->").unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let names = rows.flat_map(|row| row.split('|').nth(1).unwrap().split(','));
    names
        .map(|name| name.trim().trim_matches('`').to_owned())
        .collect()
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// The fields of the calls of `tracing`'s macros in a source, without its tests.
fn fields(source: &str) -> BTreeSet<String> {
    let source = source.split("#[cfg(test)]").next().unwrap();
    let calls = ["tracing::info!(", "tracing::warn!(", "tracing::error!("];
    let calls = calls.iter().flat_map(|call| source.split(call).skip(1));
    calls
        .flat_map(arguments)
        .filter_map(|it| field(&it))
        .collect()
}

/// The arguments of a call, up to its closing parenthesis.
fn arguments(call: &str) -> Vec<String> {
    let mut arguments = vec![String::new()];
    let (mut depth, mut is_text) = (0, false);
    for character in call.chars() {
        match character {
            '"' => is_text = !is_text,
            '(' if !is_text => depth += 1,
            ')' if !is_text && depth == 0 => break,
            ')' if !is_text => depth -= 1,
            ',' if !is_text && depth == 0 => {
                arguments.push(String::new());
                continue;
            }
            _ => {}
        }
        arguments.last_mut().unwrap().push(character);
    }
    arguments
}

fn field(argument: &str) -> Option<String> {
    let argument = argument.trim();
    if argument.is_empty() || argument.starts_with('"') || argument.starts_with("target:") {
        return None;
    }
    let name = argument.split('=').next()?.trim();
    Some(name.trim_start_matches(['%', '?']).to_owned())
}

#[test]
fn every_field_of_the_code_is_in_the_specification_and_no_other() {
    let mut files = vec![];
    for name in CRATES {
        sources(&root().join("crates").join(name).join("src"), &mut files);
    }
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
    // Without the tests, which stand at the end.
    let code = texts.map(|text| text.split("#[cfg(test)]").next().unwrap().to_owned());
    let mut expected: BTreeSet<_> = code.flat_map(|code| fields(&code)).collect();
    expected.extend(COMMON.map(str::to_owned));
    assert_eq!(documented(), expected);
}

/// Each line is an object; the names in them.
fn names(log: &str) -> BTreeSet<String> {
    let lines = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let names = lines.flat_map(|line| {
        line.as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    });
    names.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_line_of_a_json_log_is_an_object_with_documented_names() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let proxy = world.proxy(ProxyKind::Socks5h, 2).await;
    let feeds = world.feeds();
    let yaml = format!(
        "tls: {{ca_file: ca.pem}}\nproxy: '{}'\n{feeds}",
        proxy.url()
    );
    workspace.file("cryptofeed.yaml", &yaml);
    let by_argument = workspace.output(&["run", "--log-format", "json", "--count", "50"], &[]);
    assert_eq!(by_argument.code, Some(0), "{}", by_argument.stderr);

    let exchange = Flooded::start(Flood::Junk).await;
    exchange.configure(&workspace);
    let variables = [("CRYPTOFEED_LOG_FORMAT", "json")];
    let by_variable = workspace.output(&["run", "--count", "500"], &variables);
    assert_eq!(by_variable.code, Some(0), "{}", by_variable.stderr);

    workspace.file("cryptofeed.yaml", "feeds: 1\n");
    let refused = workspace.output(&["run"], &variables);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);

    let seen = names(&(by_argument.stderr + &by_variable.stderr + &refused.stderr));
    assert!(seen.is_subset(&documented()), "{seen:?}");
    for name in ["exchange", "via", "reason", "excerpt", "times", "endpoint"] {
        assert!(seen.contains(name), "{name} is not in {seen:?}");
    }
}

#[test]
fn a_format_of_the_log_that_is_not_known_is_a_usage_error() {
    let run = Workspace::new().output(&["check", "--log-format", "xml"], &[]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr.contains("expected text or json"),
        "{}",
        run.stderr
    );
    // An empty variable is how containers set none.
    let check = Workspace::new().output(&["check"], &[("CRYPTOFEED_LOG_FORMAT", "")]);
    assert_eq!(check.code, Some(0), "{}", check.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_has_no_span_in_front_of_it() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let tls = format!("tls: {{ca_file: '{}'}}\n", world.ca_file.display());
    workspace.file("cryptofeed.yaml", &(world.feeds() + &tls));
    let arguments = ["run", "--count", "20", "--log", "debug"];
    let run = workspace.output(&arguments, &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let line = " INFO proxy_injector: connection opened transport=http exchange=";
    assert!(run.stderr.contains(line), "{}", run.stderr);
    assert!(!run.stderr.contains("dial{"), "{}", run.stderr);
}
