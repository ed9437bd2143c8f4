//! Logging to standard error.

mod fields;
mod filter;

use std::io::{self, IsTerminal, Write};

use indicatif::MultiProgress;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use self::fields::PrintableFields;
use self::filter::parse;
use crate::failure::Failure;

/// The variable with the log filter.
pub(crate) const VARIABLE: &str = "CRYPTOFEED_LOG";

/// The default filter: our own crates from `INFO` on, all others from `WARN` on.
pub(crate) const OURS: &str = "warn,cryptofeed=info,proxy_injector=info,transport_tunnel=info";

/// Starts logging with `filter`, above the bars of `progress`, until the returned guard is dropped.
/// Lines that a slow reader does not take are lost.
// Written by a thread of its own: a terminal that was stopped must not stop the feeds.
pub(crate) fn init(filter: &str, progress: &MultiProgress) -> Result<WorkerGuard, Failure> {
    let filter = parse(filter).map_err(|error| {
        Failure::Configuration(vec![format!("the log filter is not understood: {error}")])
    })?;
    let (writer, guard) = tracing_appender::non_blocking(AboveBars(progress.clone()));
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .fmt_fields(PrintableFields)
        .with_writer(writer);
    tracing_subscriber::registry()
        .with(lines)
        .with(filter)
        .try_init()
        .map_err(|error| Failure::runtime("start logging", error))?;
    Ok(guard)
}

/// Writes to standard error while no bar is drawn there.
struct AboveBars(MultiProgress);

impl Write for AboveBars {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write(text))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
