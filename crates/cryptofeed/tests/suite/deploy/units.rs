//! The units of systemd.
#![cfg(target_os = "linux")]

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{installed, succeeds, text};
use crate::child::{PATIENCE, Running};
use crate::workspace::Workspace;
use crate::world::World;

const SERVICE: &str = "cryptofeed.service";
const RECORDER: &str = "cryptofeed-recorder@.service";
const SOCKET: &str = "cryptofeed-recorder.socket";

/// The most that each may expose, in tenths: 100 is everything, and what needs no network at all is
/// below 10. The guide has the figures.
const EXPOSURE: [(&str, &str); 2] = [(SERVICE, "15"), (RECORDER, "5")];

/// The units, with the command that was built.
fn units(workspace: &Workspace) {
    for name in [SERVICE, RECORDER, SOCKET] {
        let unit = text(&format!("systemd/{name}"));
        let command = env!("CARGO_BIN_EXE_cryptofeed");
        workspace.file(name, &unit.replace("/usr/local/bin/cryptofeed", command));
    }
}

fn setting<'a>(unit: &'a str, key: &str) -> &'a str {
    let mut lines = unit.lines();
    lines
        .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
        .unwrap()
}

#[test]
fn systemd_understands_the_units_and_finds_little_exposed() {
    let Some(_) = installed("systemd-analyze") else {
        return;
    };
    let workspace = Workspace::new();
    units(&workspace);
    let path = |name: &str| workspace.path(name);
    let mut verify = Command::new("systemd-analyze");
    verify.args(["--man=no", "verify"]);
    verify.args([path(SERVICE), path(RECORDER), path(SOCKET)]);
    // A key that is unknown or ignored is a line, and no failure.
    assert_eq!(succeeds(&mut verify), "");
    for (unit, most) in EXPOSURE {
        let mut security = Command::new("systemd-analyze");
        let threshold = format!("--threshold={most}");
        security.args(["security", "--offline=true", "--no-pager", &threshold]);
        succeeds(security.arg(path(unit)));
    }
}

/// The recorder of the unit, started by its socket as systemd does it.
struct Recorder {
    activation: Child,
    socket: PathBuf,
    state: PathBuf,
}

impl Recorder {
    fn start(workspace: &Workspace) -> Self {
        let (socket, state) = (workspace.path("events.sock"), workspace.path("state"));
        std::fs::create_dir(&state).unwrap();
        let unit = text(&format!("systemd/{RECORDER}"));
        let command = setting(&unit, "ExecStart");
        // As systemd reads it (systemd.service(5), command lines).
        let script = command.strip_prefix("/bin/sh -c '").unwrap();
        let script = script.strip_suffix('\'').unwrap();
        let script = script.replace("\\\\", "\\").replace("$$", "$");
        let script = script.replace("%%", "%");
        let activation = Command::new("systemd-socket-activate")
            .args(["--accept", "--inetd", "-E", "PATH", "-l"])
            .arg(&socket)
            .arg(format!("-ESTATE_DIRECTORY={}", state.display()))
            .args(["/bin/sh", "-c", &script])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            activation,
            socket,
            state,
        }
    }

    /// What is written to it is recorded.
    fn connect(&self) -> OwnedFd {
        let end = Instant::now() + PATIENCE;
        loop {
            match UnixStream::connect(&self.socket) {
                Ok(stream) => return stream.into(),
                Err(error) => assert!(Instant::now() < end, "{error}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// All that is recorded, once that is complete.
    fn lines(&self) -> Vec<Value> {
        let end = Instant::now() + PATIENCE;
        loop {
            let mut files = std::fs::read_dir(&self.state).unwrap();
            if let Some(file) = files.next() {
                let unzipped = Command::new("gzip")
                    .arg("-dc")
                    .arg(file.unwrap().path())
                    .output()
                    .unwrap();
                if unzipped.status.success() {
                    assert!(files.next().is_none());
                    let text = String::from_utf8(unzipped.stdout).unwrap();
                    let lines = text.lines().map(serde_json::from_str);
                    return lines.map(Result::unwrap).collect();
                }
            }
            assert!(Instant::now() < end, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.activation.kill();
        let _ = self.activation.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recorder_has_every_event_of_a_run() {
    let Some(_) = installed("systemd-socket-activate") else {
        return;
    };
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let tls = format!("tls: {{ca_file: '{}'}}\n", world.ca_file.display());
    workspace.file("cryptofeed.yaml", &(world.feeds() + &tls));
    let recorder = Recorder::start(&workspace);
    let command = workspace.cryptofeed(&["run", "--format", "jsonl", "--count", "200"], &[]);
    let run = Running::start_on(recorder.connect(), command);
    let (code, log) = run.finish();
    assert_eq!(code, Some(0), "{log}");
    let lines = recorder.lines();
    assert_eq!(lines.len(), 200);
    for exchange in ["binance", "backpack"] {
        let events = lines.iter().filter(|line| line["exchange"] == exchange);
        for (event, sequence) in events.zip(1..) {
            assert_eq!(event["sequence"], sequence, "{exchange}");
        }
    }
}

#[test]
fn what_was_recorded_long_ago_is_removed_and_the_rest_stays() {
    let Some(_) = installed("systemd-tmpfiles") else {
        return;
    };
    let workspace = Workspace::new();
    let rules = workspace.file("cryptofeed.conf", &text("systemd/cryptofeed.tmpfiles"));
    let folder = workspace.path("root/var/lib/private/cryptofeed");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, age) in [("old", "15 days ago"), ("new", "13 days ago")] {
        succeeds(
            Command::new("touch")
                .args(["-d", age])
                .arg(folder.join(name)),
        );
    }
    let mut clean = Command::new("systemd-tmpfiles");
    let root = format!("--root={}", workspace.path("root").display());
    succeeds(clean.args([&root, "--clean"]).arg(rules));
    assert!(!folder.join("old").exists() && folder.join("new").exists());
}
