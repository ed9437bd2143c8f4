//! A folder of its own for a test, and commands that run in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::child::Running;

/// A new, empty folder that is the working directory of commands. It is removed when dropped.
pub(crate) struct Workspace(PathBuf);

impl Workspace {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Writes a file and returns its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The command with these arguments, in an environment of these variables alone.
    pub(crate) fn cryptofeed(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cryptofeed"));
        command
            .args(arguments)
            .env_clear()
            .env("TMPDIR", &self.0)
            .envs(variables.iter().copied())
            .current_dir(&self.0)
            .stdin(Stdio::null());
        command
    }

    /// Runs the command to its end.
    pub(crate) fn output(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Finished {
        self.cryptofeed(arguments, variables)
            .output()
            .unwrap()
            .into()
    }

    /// Starts the command.
    pub(crate) fn start(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Running {
        Running::start(self.cryptofeed(arguments, variables))
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
