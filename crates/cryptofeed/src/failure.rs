//! Why a command failed, and its exit code.

use std::fmt::Write as _;
use std::io;
use std::process::ExitCode;

use proxy_config::ConfigErrors;
use transport::{BoxError, chain, printable};

use crate::stderr;

/// Why a command ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The configuration cannot be used.
    Configuration(Vec<String>),
    /// Something failed while the command ran; the message fits behind "failed to".
    Runtime { doing: String, cause: BoxError },
    /// The demo did not show what it should.
    #[cfg(feature = "demo")]
    Demo(Vec<String>),
    /// Some connections failed in a probe.
    Probe { failed: usize, of: usize },
    /// Standard output was closed, as `head` does. This counts as success.
    Closed,
}

impl Failure {
    /// What `doing` says failed because of `cause`.
    pub(crate) fn runtime(doing: impl Into<String>, cause: impl Into<BoxError>) -> Self {
        Self::Runtime {
            doing: doing.into(),
            cause: cause.into(),
        }
    }

    /// Standard output could not be written.
    pub(crate) fn output(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::runtime("write to standard output", error),
        }
    }

    /// Prints the failure and returns the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        let mut message = String::new();
        let code = match self {
            Self::Closed => return ExitCode::SUCCESS,
            Self::Configuration(problems) => {
                lines(
                    &mut message,
                    "error: the configuration cannot be used",
                    problems,
                );
                ExitCode::from(2)
            }
            #[cfg(feature = "demo")]
            Self::Demo(problems) => {
                lines(&mut message, "error: the demo failed", problems);
                ExitCode::FAILURE
            }
            Self::Probe { failed, of } => {
                message = format!("error: connections that are not ok: {failed} of {of}\n");
                ExitCode::FAILURE
            }
            Self::Runtime { doing, cause } => {
                message = format!("error: failed to {doing}: {}\n", chain(&**cause));
                ExitCode::FAILURE
            }
        };
        stderr::print(message);
        code
    }
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        Self::Configuration(errors.iter().map(ToString::to_string).collect())
    }
}

fn lines(message: &mut String, title: &str, problems: &[String]) {
    message.push_str(title);
    message.push('\n');
    for problem in problems {
        // Some problems have several lines, such as the one with a minimal configuration.
        for line in problem.lines() {
            let _ = writeln!(message, "  {}", printable(line));
        }
    }
}
