//! A process that writes files, and is killed again and again.
#![cfg(test)]
#![cfg(all(unix, feature = "zstd"))]

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use feeds::{
    Covers, FeedEvent, FeedEventKind, L2Delta, L2Snapshot, Level, Side, Symbol, Trade, TradeId,
};
use rust_decimal::Decimal;
use sinks::tail::{Summary, read_files};
use sinks::{Compression, Fanout, FileSettings, FileSink, OutletSettings};

/// The variables that make a test the writer.
const FOLDER: &str = "SINKS_TEST_FOLDER";
const COMPRESSED: &str = "SINKS_TEST_COMPRESSED";
const PATTERN: &str = "SINKS_TEST_PATTERN";

/// How many events it stores at most, before it waits to be killed: all of them are read back.
const EVENTS: u64 = 12_000;

/// How often it is killed, with each pattern.
const TIMES: u32 = 50;

fn event(sequence: u64) -> FeedEvent {
    let symbol = Symbol::parse("BTC-USDT").unwrap();
    let level = Level {
        price: (sequence % 1000).into(),
        size: Decimal::ONE,
    };
    let (bids, asks) = (vec![level], vec![]);
    let kind = match sequence {
        1 => FeedEventKind::L2Snapshot(L2Snapshot {
            symbol,
            epoch: 1,
            covers: Covers::Top { levels: 1000 },
            verified_levels: None,
            last_id: Some(1),
            bids,
            asks,
            timestamp_ns: None,
        }),
        _ if sequence.is_multiple_of(2) => FeedEventKind::Trade(Trade {
            symbol,
            id: Some(TradeId::Number(sequence / 2)),
            count: 1,
            side: Side::Buy,
            price: Decimal::ONE,
            amount: Decimal::ONE,
            backfilled: false,
            timestamp_ns: None,
        }),
        _ => FeedEventKind::L2Delta(L2Delta {
            symbol,
            epoch: 1,
            first_id: Some(sequence - 1),
            last_id: Some(sequence),
            bids,
            asks,
            timestamp_ns: None,
        }),
    };
    FeedEvent {
        sequence,
        exchange: "binance".into(),
        connection: Some(1),
        received_ns: i64::try_from(sequence).unwrap(),
        kind,
    }
}

#[tokio::test]
#[ignore = "the other test runs it, in a process of its own"]
async fn writer() {
    let Some(folder) = env::var_os(FOLDER) else {
        return;
    };
    let mut settings = FileSettings::new(PathBuf::from(folder));
    settings.rotate_bytes = Some(200_000);
    settings.pattern = env::var(PATTERN).unwrap().parse().unwrap();
    if env::var_os(COMPRESSED).is_some() {
        settings.compression = Compression::Zstd;
    }
    let mut fanout = Fanout::default();
    let sink = FileSink::open(settings).unwrap();
    fanout.add("files", sink, OutletSettings::default());
    for sequence in 1..=EVENTS {
        fanout.push_event(&event(sequence));
        if sequence.is_multiple_of(100) {
            fanout.send().await.unwrap();
            tokio::task::yield_now().await;
        }
    }
    std::future::pending::<()>().await;
}

/// A writer that is killed when this is dropped.
struct Writer(Child);

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The files below a folder that are not empty, by the names that they have when they are complete.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path().display().to_string();
        match entry.metadata() {
            Ok(it) if it.is_dir() => files.extend(self::files(&entry.path())),
            Ok(it) if it.len() > 0 => {
                let path = path.trim_end_matches(".copy").trim_end_matches(".part");
                files.insert(path.to_owned());
            }
            _ => {}
        }
    }
    files
}

/// What is left of writers whose files are where `pattern` says.
fn killed_again_and_again(pattern: &str) -> Summary {
    let name = format!("killed-{}", std::process::id());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut random = fastrand::Rng::with_seed(7);
    for time in 0..TIMES {
        let before = files(&folder);
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args(["writer", "--exact", "--ignored", "--nocapture"])
            .env(FOLDER, &folder)
            .env(PATTERN, pattern)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // These take a second each: so little is not written before.
        if time % 5 == 4 {
            command.env(COMPRESSED, "1");
        }
        let writer = Writer(command.spawn().unwrap());
        let end = Instant::now() + Duration::from_secs(30);
        while files(&folder).is_subset(&before) {
            assert!(Instant::now() < end, "nothing is written");
            sleep(Duration::from_millis(5));
        }
        sleep(Duration::from_millis(random.u64(..60)));
        drop(writer);
    }
    let summary = read_files(&folder).unwrap();
    // What the last one has left may end within a line; all others are complete.
    assert!(summary.torn <= 2, "{}", summary.torn);
    assert!(summary.events > 10_000, "{summary:?}");
    let _ = fs::remove_dir_all(&folder);
    summary
}

#[test]
fn every_file_of_a_writer_that_was_killed_a_hundred_times_is_read() {
    let together = killed_again_and_again("{exchange}");
    assert_eq!(together.findings, [""; 0]);
    // Of what came last, one file may have what another one has not.
    let apart = killed_again_and_again("{exchange}/{channel}");
    let is_other = |it: &&String| !it.contains(" sequences are missing: ");
    let others: Vec<_> = apart.findings.iter().filter(is_other).collect();
    assert!(others.is_empty(), "{others:?}");
}
