//! How long what runs the command waits for its end.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{file, text};
use crate::flood::{Flood, Flooded};
use crate::workspace::Workspace;

/// The period that a file of `docs/deploy` gives it, before it is killed.
fn period(name: &str, key: &str) -> Duration {
    let text = text(name);
    let value = text.split_once(key).unwrap().1;
    let digits: String = value.chars().take_while(char::is_ascii_digit).collect();
    Duration::from_secs(digits.parse().unwrap())
}

/// How long a collector of a fleet hands over, in the words of the guide.
const HANDOVER: Duration = Duration::from_secs(20);

#[test]
fn every_grace_period_is_longer_than_a_handover_and_the_end_of_a_run() {
    let guide = std::fs::read_to_string(file("../user-guide.md")).unwrap();
    assert!(guide.contains("for 20 seconds at most"));
    for (name, key) in [
        ("systemd/cryptofeed.service", "\nTimeoutStopSec="),
        ("compose.yaml", " stop_grace_period: "),
        ("fleet.yaml", " stop_grace_period: "),
        ("kubernetes.yaml", " terminationGracePeriodSeconds: "),
    ] {
        let most = HANDOVER + Duration::from_secs(5);
        assert!(period(name, key) > most, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_and_read_slowly_a_run_ends_in_half_of_every_grace_period_with_whole_lines() {
    let periods = [
        period("systemd/cryptofeed.service", "\nTimeoutStopSec="),
        period("compose.yaml", " stop_grace_period: "),
        period("kubernetes.yaml", " terminationGracePeriodSeconds: "),
    ];
    let most = Duration::from_secs(5);
    assert!(
        periods.iter().all(|period| most <= *period / 2),
        "{periods:?}"
    );
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
