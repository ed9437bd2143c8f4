//! How long the workspace takes to build, and how large it is.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Instant, SystemTime};

use tempfile::TempDir;

use crate::error::Result;
use crate::report::Measurement;
use crate::settings::Settings;

const TIME: (&str, &str) = ("time", "s");
const SIZE: (&str, &str) = ("size", "MB");
const COUNT: (&str, &str) = ("packages in more than one version", "");

/// A crate in the middle: most of the workspace is built again after a change of it.
const CHANGED: &str = "crates/transport/src/lib.rs";

/// How often it is built after a change, at most.
const MOST_ROUNDS: usize = 3;

/// Two clean builds, so it takes minutes. `settings` count for the builds after a change.
pub(crate) fn run(settings: &Settings) -> Result<Vec<Measurement>> {
    let target = TempDir::new()?;
    let cargo = Cargo::new(target.path());
    let debug = ["build", "--workspace", "--locked"];
    let release = ["build", "--release", "--package", "cryptofeed", "--locked"];

    let clean_debug = cargo.timed(&debug)?;
    let after_change = (0..settings.rounds.min(MOST_ROUNDS))
        .map(|_| {
            cargo.touch(CHANGED)?;
            cargo.timed(&debug)
        })
        .collect::<Result<_>>()?;
    let clean_release = cargo.timed(&release)?;
    let binary = fs::metadata(target.path().join("release/cryptofeed"))?.len();
    let duplicates = cargo.duplicates()?;
    Ok(vec![
        Measurement::new(
            "time to build",
            "workspace, debug, from nothing",
            TIME,
            vec![clean_debug],
        ),
        Measurement::new(
            "time to build",
            "workspace, debug, after a change of transport",
            TIME,
            after_change,
        ),
        Measurement::new(
            "time to build",
            "command, release, from nothing",
            TIME,
            vec![clean_release],
        ),
        Measurement::new("size", "command, release", SIZE, vec![binary as f64 / 1e6]),
        Measurement::new(
            "duplicates",
            "workspace without tests",
            COUNT,
            vec![duplicates.len() as f64],
        )
        .with_note(duplicates.into_iter().collect::<Vec<_>>().join(", ")),
    ])
}

/// Builds the workspace somewhere else than usual.
struct Cargo<'a> {
    workspace: PathBuf,
    target: &'a Path,
}

impl<'a> Cargo<'a> {
    fn new(target: &'a Path) -> Self {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        Self { workspace, target }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command
            .args(arguments)
            .current_dir(&self.workspace)
            .env("CARGO_TARGET_DIR", self.target)
            .stdin(Stdio::null());
        command
    }

    /// How many seconds it takes.
    fn timed(&self, arguments: &[&str]) -> Result<f64> {
        let start = Instant::now();
        let status = self.command(arguments).status()?;
        if status.success() {
            Ok(start.elapsed().as_secs_f64())
        } else {
            Err(format!("cargo {}: {status}", arguments.join(" ")).into())
        }
    }

    /// Makes a file look changed.
    fn touch(&self, file: &str) -> Result<()> {
        let file = File::options()
            .append(true)
            .open(self.workspace.join(file))?;
        Ok(file.set_modified(SystemTime::now())?)
    }

    /// The packages of which more than one version is built.
    fn duplicates(&self) -> Result<BTreeSet<String>> {
        let arguments = [
            "tree",
            "--workspace",
            "--duplicates",
            "--depth",
            "0",
            "--edges",
            "normal",
        ];
        let output = self.command(&arguments).output()?;
        let text = String::from_utf8(output.stdout)?;
        let names = text
            .lines()
            .filter_map(|line| line.split_whitespace().next());
        Ok(names.map(str::to_owned).collect())
    }
}
