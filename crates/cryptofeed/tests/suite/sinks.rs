//! `run` with sinks.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::child::PATIENCE;
use crate::workspace::Workspace;
use crate::world::World;

/// The files below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = vec![];
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.push(path),
            }
        }
    }
    files.sort();
    files
}

fn events(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.ends_with('\n'), "{}: {text}", file.display());
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

async fn world(workspace: &Workspace, sinks: &str) -> World {
    let world = World::start(workspace).await;
    let feeds = world.feeds();
    workspace.file(
        "cryptofeed.yaml",
        &format!("tls: {{ca_file: ca.pem}}\n{feeds}{sinks}"),
    );
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn files_have_every_event_once_by_exchange_and_channel() {
    let workspace = Workspace::new();
    let _world = world(&workspace, "sinks: {stdout: true, files: {folder: data}}\n").await;
    let run = workspace.output(&["run", "--count", "500", "--format", "jsonl"], &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let mut lines: Vec<&str> = run.stdout.lines().collect();
    lines.sort_unstable();

    let files = files(&workspace.path("data"));
    let mut stored = vec![];
    let mut partitions = BTreeMap::new();
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        assert!(file.to_str().unwrap().ends_with(".jsonl"), "{file:?}");
        let folder = file.parent().unwrap();
        let channel = folder.file_name().unwrap().to_str().unwrap().to_owned();
        for line in text.lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            let exchange = folder.parent().unwrap().file_name().unwrap();
            assert_eq!(event["exchange"], exchange.to_str().unwrap());
            let kind = event["type"].as_str().unwrap().to_owned();
            *partitions.entry((channel.clone(), kind)).or_insert(0) += 1;
            stored.push(line.to_owned());
        }
    }
    stored.sort_unstable();
    // The farewell's events come behind those that were counted.
    for line in &lines {
        assert!(stored.binary_search(&(*line).to_owned()).is_ok(), "{line}");
    }
    let has = |channel: &str, kind: &str| partitions.contains_key(&(channel.into(), kind.into()));
    assert!(
        has("trades", "trade") && has("l2_book", "l2_snapshot"),
        "{partitions:?}"
    );
    assert!(
        has("feed", "connected") && !has("feed", "trade"),
        "{partitions:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_names_a_sink_and_nothing_comes_on_standard_output() {
    let workspace = Workspace::new();
    let _world = world(&workspace, "").await;
    let run = workspace.output(&["run", "--count", "100", "--sink", "files=out"], &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(run.stdout, "");
    let stored: usize = files(&workspace.path("out"))
        .iter()
        .map(|it| events(it).len())
        .sum();
    assert!(stored >= 100, "{stored}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_completes_the_files_and_others_follow() {
    let workspace = Workspace::new();
    let _world = world(&workspace, "sinks: {stdout: true, files: {folder: data}}\n").await;
    let data = workspace.path("data");
    let run = workspace.start(&["run", "--format", "jsonl"], &[]);
    run.find(|event| event["type"] == "trade");
    let complete = || {
        let is_complete = |it: &PathBuf| it.extension().is_some_and(|it| it == "jsonl");
        files(&data)
            .into_iter()
            .filter(is_complete)
            .collect::<Vec<_>>()
    };
    assert!(complete().is_empty());
    run.reload();
    wait_until("files are completed", || !complete().is_empty());
    run.logged("new settings apply", 1);
    run.terminate();
    let (code, log) = run.finish();
    assert_eq!(code, Some(0), "{log}");
    assert!(files(&data).len() > 4 && complete().len() == files(&data).len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_that_was_killed_has_left_is_completed_by_the_next_and_told() {
    let workspace = Workspace::new();
    let _world = world(&workspace, "sinks: {files: {folder: data, pattern: all}}\n").await;
    let data = workspace.path("data");
    fs::create_dir_all(&data).unwrap();
    workspace.file(
        "data/all.20240808T235414Z-1f3a9c-1.jsonl.part",
        "{\"v\":1}\n{\"v\":",
    );
    let run = workspace.output(&["run", "--count", "1"], &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(
        run.stderr.contains("ended within a line, which was cut"),
        "{}",
        run.stderr
    );
    let left = fs::read_to_string(data.join("all.20240808T235414Z-1f3a9c-1.jsonl")).unwrap();
    assert_eq!(left, "{\"v\":1}\n");
}

#[test]
fn a_folder_without_an_event_does_not_pass_for_one_that_is_whole() {
    let workspace = Workspace::new();
    fs::create_dir(workspace.path("empty")).unwrap();
    let tail = workspace.output(&["tail", "empty"], &[]);
    assert_eq!(tail.code, Some(1), "{}", tail.stdout);
    assert!(
        tail.stderr.contains("nothing is stored in empty"),
        "{}",
        tail.stderr
    );
}

#[test]
fn what_is_wrong_with_sinks_is_told_at_once() {
    let workspace = Workspace::new();
    let feeds = "feeds: {binance: {symbols: [BTC-USDT]}}\n";
    for (sinks, problem) in [
        ("{stdout: false}", "sinks.stdout: no sink is left"),
        ("{files: {pattern: x}}", "sinks.files: `folder` is missing"),
        (
            "{files: {folder: x, pattern: ../x}}",
            "sinks.files.pattern: expected a relative path",
        ),
        (
            "{files: {folder: x, compression: gzip}}",
            "sinks.files.compression: expected none or zstd",
        ),
        (
            "{files: {folder: x, rotate_seconds: 5}}",
            "sinks.files.rotate_seconds: expected a whole number from 60",
        ),
        (
            "{files: {folder: x, backpressure: drop}}",
            "sinks.files.backpressure: expected slow",
        ),
        (
            "{file: {folder: x}}",
            "sinks.file: unknown key; did you mean `files`?",
        ),
    ] {
        workspace.file("cryptofeed.yaml", &format!("{feeds}sinks: {sinks}\n"));
        let check = workspace.output(&["check"], &[]);
        assert_eq!(check.code, Some(2), "{sinks}");
        let (key, problem) = problem.split_once(": ").unwrap();
        let line = check.stderr.lines().last().unwrap();
        assert!(line.starts_with(&format!("  {key} (")), "{line}");
        assert!(line.contains(&format!(": {problem}")), "{line}");
    }
    workspace.file(
        "cryptofeed.yaml",
        &format!("{feeds}sinks: {{files: {{folder: x}}}}\n"),
    );
    let check = workspace.output(&["check"], &[]);
    let shown = "x/{exchange}/{channel}/{date}T{hour}.RUN.jsonl, backpressure: slow";
    assert!(check.stdout.contains(shown), "{}", check.stdout);
    let run = workspace.output(&["run", "--sink", "file:/x"], &[]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr
            .contains("expected stdout, files, files=FOLDER, nats or"),
        "{}",
        run.stderr
    );
}
