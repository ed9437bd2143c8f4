//! How long what runs the command waits for its end.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::text;
use crate::flood::{Flood, Flooded};
use crate::workspace::Workspace;

/// The period that a file of `docs/deploy` gives it, before it is killed.
fn period(name: &str, key: &str) -> Duration {
    let text = text(name);
    let value = text.split_once(key).unwrap().1;
    let digits: String = value.chars().take_while(char::is_ascii_digit).collect();
    Duration::from_secs(digits.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_and_read_slowly_a_run_ends_in_half_of_every_grace_period_with_whole_lines() {
    let periods = [
        period("systemd/cryptofeed.service", "\nTimeoutStopSec="),
        period("compose.yaml", " stop_grace_period: "),
        period("kubernetes.yaml", " terminationGracePeriodSeconds: "),
    ];
    let most = periods.into_iter().min().unwrap() / 2;
    let workspace = Workspace::new();
    let exchange = Flooded::start(Flood::Changes).await;
    exchange.configure_with(&workspace, "slow");
    let mut child = workspace
        .cryptofeed(&["run", "--format", "jsonl"], &[])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let (mut read, mut piece) = (Vec::new(), [0; 4096]);
    let mut signalled = None;
    loop {
        // Far slower than it comes.
        std::thread::sleep(Duration::from_millis(2));
        match stdout.read(&mut piece).unwrap() {
            0 => break,
            length => read.extend_from_slice(&piece[..length]),
        }
        if signalled.is_none() && read.len() > 256 << 10 {
            let pid = child.id().to_string();
            let sent = Command::new("kill").args(["-TERM", &pid]).status();
            assert!(sent.unwrap().success());
            signalled = Some(Instant::now());
        }
    }
    let code = child.wait().unwrap().code();
    let took = signalled.unwrap().elapsed();
    // The reader may have had all of it in time.
    assert!(matches!(code, Some(0 | 3)), "{code:?}");
    assert!(took < most, "{took:?}");
    let text = String::from_utf8(read).unwrap();
    assert!(text.ends_with("}\n"), "a torn line");
    for line in text.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}
