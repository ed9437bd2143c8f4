//! The files of `docs/deploy`, run or checked by what reads them in production.
//!
//! `.ci/install-test-tools` installs these programs. What is not installed is skipped, or a failure if
//! `DEPLOY=required`.

mod alerts;
mod dashboard;
mod fleet;
mod grace;
mod image;
mod manifests;
mod units;

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::skip::skip;

const REQUIREMENT: &str = "DEPLOY";

/// A file of `docs/deploy`.
fn file(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/deploy");
    folder.canonicalize().unwrap().join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(file(name)).unwrap()
}

/// A program, or none if the test cannot go on without it.
fn installed(program: &str) -> Option<Command> {
    let search = env::var_os("PATH").unwrap_or_default();
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-tools/python/bin");
    let found = env::split_paths(&search)
        .chain([tools])
        .map(|folder| folder.join(program))
        .find(|path| path.is_file());
    if found.is_none() {
        skip(REQUIREMENT, &format!("{program} is not installed"));
    }
    found.map(Command::new)
}

/// What a command printed, if it succeeds.
fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let Output { stdout, stderr, .. } = &output;
    let text = [stdout, stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(output.status.success(), "{command:?}: {}", text.concat());
    text.concat()
}
