//! Why a command failed, and its exit code.

use std::fmt;
use std::io;
use std::process::ExitCode;

use proxy_config::ConfigErrors;
use sinks::Unstored;
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
    /// What `status` asked is not ready, for these reasons.
    NotReady(Vec<String>),
    /// What was stored is not whole.
    Tail { wrong: u64 },
    /// `tail` has found no event there.
    NothingStored { source: String },
    /// Standard output was closed, as `head` does. This counts as success.
    Closed,
    /// `run` could not write all events.
    Unwritten {
        events: usize,
        /// `None` if they were not read in time.
        cause: Option<io::Error>,
    },
    /// `run` could not store all events in its sinks.
    Unstored(Vec<Unstored>),
    /// A sink was to stop when it is behind, and has.
    SinkBehind(sinks::Behind),
    /// A feed was to stop when standard output is read too slowly, and has.
    Behind {
        exchange: &'static str,
        /// How many could not be written in the end.
        events: usize,
    },
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
        let code = match self {
            Self::Closed => return ExitCode::SUCCESS,
            Self::Configuration(_) => 2,
            Self::Unwritten { .. }
            | Self::Behind { .. }
            | Self::Unstored(_)
            | Self::SinkBehind(_) => 3,
            _ => 1,
        };
        stderr::print(&format!("error: {self}\n"));
        ExitCode::from(code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("standard output is closed"),
            Self::Configuration(problems) => lines(f, "the configuration cannot be used", problems),
            #[cfg(feature = "demo")]
            Self::Demo(problems) => lines(f, "the demo failed", problems),
            Self::Probe { failed, of } => {
                write!(f, "connections that are not ok: {failed} of {of}")
            }
            Self::NotReady(reasons) => lines(f, "not ready", reasons),
            Self::NothingStored { source } => write!(f, "nothing is stored in {source}"),
            Self::Tail { wrong } => write!(f, "what was stored is not whole; findings: {wrong}"),
            Self::Unwritten { events, cause } => {
                match cause {
                    None => f.write_str("standard output was not read in time")?,
                    Some(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                        f.write_str("the reader of standard output has closed it")?;
                    }
                    Some(error) => write!(f, "failed to write to standard output: {error}")?,
                }
                write!(f, "; events that were not written: {events}")
            }
            Self::Unstored(unstored) => {
                f.write_str("not everything was stored in time")?;
                for Unstored { sink, events } in unstored {
                    write!(f, "; events that the sink {sink} has not stored: {events}")?;
                }
                Ok(())
            }
            Self::SinkBehind(sinks::Behind { sink }) => write!(
                f,
                "the sink {sink} does not store as fast as events come, and sinks.{sink}.backpressure is `stop`"
            ),
            Self::Behind { exchange, events } => write!(
                f,
                "standard output is not read as fast as {exchange} sends, and feeds.{exchange}.backpressure is \
                 `stop`; events that were not written: {events}"
            ),
            Self::Runtime { doing, cause } => write!(f, "failed to {doing}: {}", chain(&**cause)),
        }
    }
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        Self::Configuration(errors.iter().map(ToString::to_string).collect())
    }
}

fn lines(f: &mut fmt::Formatter<'_>, title: &str, problems: &[String]) -> fmt::Result {
    f.write_str(title)?;
    for problem in problems {
        // Some problems have several lines, such as the one with a minimal configuration.
        for line in problem.lines() {
            write!(f, "\n  {}", printable(line))?;
        }
    }
    Ok(())
}
