//! The fleet of `docs/deploy/fleet.yaml`.

use std::process::Command;

use super::{file, succeeds, text};
use crate::skip::skip;
use crate::workspace::Workspace;

#[test]
fn the_collectors_of_the_fleet_leave_by_one_proxy_and_share_one_server() {
    let workspace = Workspace::new();
    let secrets = workspace.path("secrets");
    std::fs::create_dir(&secrets).unwrap();
    for name in ["proxy_password", "nats_password"] {
        workspace.file(&format!("secrets/{name}"), "s3cret-word");
    }
    let configuration = text("fleet/cryptofeed.yaml");
    let configuration = configuration.replace("/run/secrets", &secrets.display().to_string());
    workspace.file("cryptofeed.yaml", &configuration);
    let check = workspace.output(&["check", "--json"], &[]);
    assert_eq!(check.code, Some(0), "{}{}", check.stdout, check.stderr);
    assert!(!check.stdout.contains("\"direct\""), "{}", check.stdout);
    for part in ["nats://nats:4222", "\"fleet\"", "\"sinks\""] {
        assert!(check.stdout.contains(part), "{part}: {}", check.stdout);
    }
    assert!(!check.stdout.contains("s3cret-word"), "{}", check.stdout);
}

#[test]
fn the_server_of_the_fleet_accepts_its_configuration() {
    let program = "/usr/sbin/nats-server";
    if !std::path::Path::new(program).is_file() {
        skip("DEPLOY", "nats-server is not installed");
        return;
    }
    let mut test = Command::new(program);
    test.env("NATS_PASSWORD", "s3cret-word")
        .arg("-t")
        .arg("-c")
        .arg(file("fleet/nats.conf"));
    succeeds(&mut test);
}
