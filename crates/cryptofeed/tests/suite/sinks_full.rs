//! Files on a disk that takes none.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::child::Running;
use crate::skip::skip;
use crate::workspace::Workspace;
use crate::world::World;

/// A disk of 8 MiB of its own, almost full. After `run`, `tail` reads what is on it.
const SCRIPT: &str = "\
mount -t tmpfs -o size=8m none data || exit 9
head -c 8300000 /dev/zero > data/filler
\"$0\" run --sink files=data & run=$!
trap 'kill -TERM $run' TERM
wait $run
wait $run
echo \"code $?\"
exec \"$0\" tail data --json";

/// Whether this machine lets us have disks of our own.
fn can_mount() -> bool {
    let tried = Command::new("unshare")
        .args(["--mount", "sh", "-c", "mount -t tmpfs none /mnt"])
        .output();
    let can = tried.is_ok_and(|tried| tried.status.success());
    if !can {
        skip("NAMESPACES", "disks cannot be mounted");
    }
    can
}

/// What there is to stream, and a folder for it.
async fn world(workspace: &Workspace) -> World {
    let world = World::start(workspace).await;
    let feeds = world.feeds();
    workspace.file(
        "cryptofeed.yaml",
        &format!("tls: {{ca_file: ca.pem}}\n{feeds}"),
    );
    fs::create_dir(workspace.path("data")).unwrap();
    world
}

/// A script whose first argument is the program, and that may mount disks.
fn with_disks(workspace: &Workspace, script: &str) -> Command {
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", script])
        .arg(env!("CARGO_BIN_EXE_cryptofeed"))
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .current_dir(workspace.path("."));
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_nothing_is_lost_when_there_is_room_again() {
    if !can_mount() {
        return;
    }
    let workspace = Workspace::new();
    let _world = world(&workspace).await;
    let data = workspace.path("data");
    let run = Running::start(with_disks(&workspace, SCRIPT));

    run.logged("the sink cannot store", 1);
    let seen = PathBuf::from(format!("/proc/{}/root", run.pid()));
    let filler = seen.join(data.strip_prefix("/").unwrap()).join("filler");
    fs::remove_file(filler).unwrap();
    run.logged("the sink stores again", 1);
    run.terminate();
    let lines = run.rest();
    let (code, log) = run.finish();
    assert_eq!(code, Some(0), "{lines:?} {log}");
    assert_eq!(lines[0], "code 0", "{log}");
    let summary: Value = serde_json::from_str(&lines[1]).unwrap();
    assert_eq!(
        (&summary["wrong"], &summary["torn"]),
        (&0.into(), &0.into()),
        "{summary}"
    );
    for run in summary["runs"].as_array().unwrap() {
        assert_eq!(
            (&run["first"], &run["missing"]),
            (&1.into(), &0.into()),
            "{summary}"
        );
    }
    assert!(log.contains("No space left on device"), "{log}");
}

/// A disk that may only be read.
const READ_ONLY: &str = "\
mount -t tmpfs -o ro none data || exit 9
exec \"$0\" run --sink files=data";

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_may_only_be_read_is_told_at_once() {
    if !can_mount() {
        return;
    }
    let workspace = Workspace::new();
    let _world = world(&workspace).await;
    let output = with_disks(&workspace, READ_ONLY).output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert!(log.contains("Read-only file system"), "{log}");
}
