//! `cryptofeed run` when its output is not read, or its log, or when an exchange floods it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use crate::child::{FullPipe, Running, Stalled};
use crate::flood::{Flood, Flooded};
use crate::workspace::Workspace;

/// Twice the time that the end may take, for a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(4);

/// Sent bytes after which the flood has been read for a while, although not all that is sent is.
const ENOUGH: usize = 1 << 20;

/// Without books: a snapshot is a line that is too long for one write, and may be torn.
const SHORT_LINES: [(&str, &str); 1] = [("CRYPTOFEED_FEEDS_BINANCE__CHANNELS", "trades")];

async fn flooded(flood: Flood) -> (Workspace, Flooded) {
    let workspace = Workspace::new();
    let exchange = Flooded::start(flood).await;
    exchange.configure(&workspace);
    (workspace, exchange)
}

/// The number that stands behind `part`.
fn number(text: &str, part: &str) -> usize {
    let (_, rest) = text.split_once(part).unwrap();
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_is_heard_in_every_flood_though_nobody_reads() {
    for flood in Flood::ALL {
        let (workspace, exchange) = flooded(flood).await;
        let (_pipe, stderr) = FullPipe::new();
        let mut command = workspace.cryptofeed(&["run"], &[]);
        command.stderr(stderr);
        let run = Stalled::start_unheard(command);
        exchange.wait_for_sent(ENOUGH);
        let start = Instant::now();
        run.terminate();
        let (code, ..) = run.finish();
        assert!(start.elapsed() < SOON, "{flood:?}: {:?}", start.elapsed());
        assert!(matches!(code, Some(0 | 3)), "{flood:?}: {code:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_is_heard_in_every_flood_that_is_read() {
    for flood in Flood::ALL {
        let (workspace, exchange) = flooded(flood).await;
        let run = workspace.start(&["run"], &[]);
        exchange.wait_for_sent(ENOUGH);
        let start = Instant::now();
        run.terminate();
        let (code, log) = run.finish();
        assert!(start.elapsed() < SOON, "{flood:?}: {:?}", start.elapsed());
        assert_eq!(code, Some(0), "{flood:?}: {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_bad_messages_is_a_few_log_lines_and_a_number() {
    for (flood, kind) in [(Flood::Junk, "malformed"), (Flood::Refusals, "rejected")] {
        let (workspace, _exchange) = flooded(flood).await;
        let run = workspace.output(&["run", "--count", "20000"], &[]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let logged = run.stderr.matches(&format!("what=\"{kind}\"")).count();
        assert_eq!(logged, 1, "{}", run.stderr);
        let events = number(&run.stderr, "binance: ");
        // One is `connected`, one may be the snapshot of the book, and ten are logged one by one.
        let others = events - number(&run.stderr, "times=");
        assert!((11..=12).contains(&others), "{}", run.stderr);
        assert!(run.stderr.lines().count() < 30, "{}", run.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_written_costs_log_lines_only() {
    let (workspace, _exchange) = flooded(Flood::Junk).await;
    let full = Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    let (reader, closed) = std::io::pipe().unwrap();
    drop(reader);
    for stderr in [full, closed.into()] {
        let mut command = workspace.cryptofeed(&["run", "--count", "5000"], &[]);
        command.stderr(stderr);
        let run = Running::start_unheard(command);
        for _ in 0..5000 {
            run.line();
        }
        assert_eq!(run.finish().0, Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stuck_reader_has_not_taken_is_counted_and_ends_it_with_3() {
    let (workspace, exchange) = flooded(Flood::Trades).await;
    let run = Stalled::start(workspace.cryptofeed(&["run", "--format", "jsonl"], &SHORT_LINES));
    exchange.wait_for_sent(ENOUGH);
    run.terminate();
    let (code, left, log) = run.finish();
    assert_eq!(code, Some(3), "{log}");
    assert!(left.ends_with("}\n"), "a torn line: {left}");
    let unwritten = number(&log, "events that were not written: ");
    let events = number(&log, "binance: ");
    assert_eq!(left.lines().count() + unwritten, events, "{log}");
    assert!(
        log.contains("standard output was not read in time"),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_are_unwritten_than_were_asked_for() {
    let (workspace, _exchange) = flooded(Flood::Trades).await;
    let command = workspace.cryptofeed(&["run", "--format", "jsonl", "--count", "3000"], &[]);
    let mut run = Running::start_unread(command);
    run.logged("standard output is not read", 1);
    run.close_unread();
    let (code, log) = run.finish();
    assert_eq!(code, Some(3), "{log}");
    let unwritten = number(&log, "events that were not written: ");
    assert!((1..3000).contains(&unwritten), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_nobody_reads_has_whole_lines_as_well() {
    let (workspace, _exchange) = flooded(Flood::Trades).await;
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let command = workspace.cryptofeed(&["run", "--format", "jsonl"], &SHORT_LINES);
    let run = Running::start_on(OwnedFd::from(theirs), command);
    run.logged("standard output is not read", 1);
    run.terminate();
    let (code, log) = run.finish();
    assert_eq!(code, Some(3), "{log}");
    let mut left = String::new();
    ours.read_to_string(&mut left).unwrap();
    assert!(left.ends_with("}\n"), "a torn line: {left}");
}

/// A socket that is full and does not block, as Node.js leaves its outputs to its children, and its
/// reading end.
fn full_socket() -> (UnixStream, Stdio) {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    while theirs.write(b"x").is_ok() {}
    (ours, OwnedFd::from(theirs).into())
}

#[tokio::test(flavor = "multi_thread")]
async fn outputs_that_do_not_block_lose_nothing() {
    let (workspace, _exchange) = flooded(Flood::Trades).await;
    let (mut stdout, to_stdout) = full_socket();
    let (mut stderr, to_stderr) = full_socket();
    let arguments = ["run", "--format", "jsonl", "--count", "1000"];
    let mut child = workspace
        .cryptofeed(&arguments, &[])
        .stdout(to_stdout)
        .stderr(to_stderr)
        .spawn()
        .unwrap();
    let log = thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).unwrap();
        text
    });
    let mut lines = String::new();
    stdout.read_to_string(&mut lines).unwrap();
    let log = log.join().unwrap();
    assert!(child.wait().unwrap().success(), "{log}");
    assert_eq!(lines.lines().count(), 1000, "{log}");
    assert!(
        log.contains("connected exchange") && log.contains("binance: "),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_ends_it_with_3() {
    let (workspace, _exchange) = flooded(Flood::Trades).await;
    let full = File::options().write(true).open("/dev/full").unwrap();
    let run = Running::start_on(full, workspace.cryptofeed(&["run"], &[]));
    let (code, log) = run.finish();
    assert_eq!(code, Some(3), "{log}");
    let message = "error: failed to write to standard output: No space left on device";
    assert!(log.contains(message), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_has_gone_is_noticed_though_nothing_is_to_be_written() {
    let (workspace, exchange) = flooded(Flood::Pings).await;
    let mut run = Running::start_unread(workspace.cryptofeed(&["run"], &[]));
    run.logged("connected exchange", 1);
    exchange.wait_for_sent(ENOUGH);
    run.close_unread();
    let (code, log) = run.finish();
    assert_eq!(code, Some(3), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_behind_is_told_and_so_is_that_it_has_caught_up() {
    let (workspace, exchange) = flooded(Flood::Trades).await;
    let mut run = Running::start_unread(workspace.cryptofeed(&["run"], &[]));
    // Once after a second, and then later and later.
    let log = run.logged("standard output is not read", 2);
    assert!(log.contains("behind_s=1"), "{log}");
    assert!(log.contains("behind_s=2"), "{log}");
    assert!(number(&log, "events=") > 1000, "{log}");
    exchange.stop();
    run.read();
    run.logged("standard output is read again", 1);
    run.terminate();
    assert_eq!(run.finish().0, Some(0));
}
