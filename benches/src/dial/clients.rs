//! The processes that dial.

use std::ffi::OsStr;
use std::fmt;
use std::process::Command;

use serde::de::DeserializeOwned;

use super::contender::Contender;
use super::task::{Answer, Task};
use crate::child::Child;
use crate::error::Result;
use crate::python;

/// What the client of this program is called on its command line.
pub(super) const CLIENT: [&str; 3] = ["child", "dial", "client"];

/// The same written in Python.
pub(super) const SCRIPT: &str = "dial_client.py";

/// One client process per language, each started when it is needed.
pub(crate) struct Clients<'a> {
    command: Box<dyn Fn(&OsStr) -> Command + 'a>,
    rust: Option<Child>,
    python: Option<Child>,
}

impl<'a> Clients<'a> {
    /// Clients on this host.
    pub(crate) fn here() -> Self {
        Self::by(|program| Command::new(program))
    }

    /// Clients that are started by what `command` makes of a program.
    pub(super) fn by(command: impl Fn(&OsStr) -> Command + 'a) -> Self {
        Self {
            command: Box::new(command),
            rust: None,
            python: None,
        }
    }

    /// Has `contender` do `task`.
    pub(crate) fn ask<T: DeserializeOwned>(
        &mut self,
        contender: Contender,
        task: &Task,
    ) -> Result<T> {
        let child = if contender.is_python() {
            match &mut self.python {
                Some(child) => child,
                none => none.insert(start_python(&self.command)?),
            }
        } else {
            match &mut self.rust {
                Some(child) => child,
                none => none.insert(start_rust(&self.command)?),
            }
        };
        child.tell(task)?;
        let answer: Answer<T> = child.hear()?;
        Ok(answer?)
    }
}

fn start_rust(command: impl Fn(&OsStr) -> Command) -> Result<Child> {
    let mut client = command(std::env::current_exe()?.as_os_str());
    client.args(CLIENT);
    Child::start(client)
}

fn start_python(command: impl Fn(&OsStr) -> Command) -> Result<Child> {
    let mut client = command(python::interpreter()?.as_os_str());
    client.arg(python::script(SCRIPT));
    Child::start(client)
}

impl fmt::Debug for Clients<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients")
            .field("rust", &self.rust)
            .field("python", &self.python)
            .finish_non_exhaustive()
    }
}
