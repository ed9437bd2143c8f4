//! Logs, on standard error.

use std::io::{self, IsTerminal, Write};

use indicatif::MultiProgress;
use tracing_subscriber::EnvFilter;

use crate::failure::Failure;

/// The variable that says what to log.
pub(crate) const VARIABLE: &str = "CRYPTOFEED_LOG";

/// Our own crates from `INFO` on, all others from `WARN` on.
pub(crate) const OURS: &str = "warn,cryptofeed=info,feeds=info,proxy_config=info,\
    proxy_injector=info,transport=info,transport_http=info,transport_tunnel=info,transport_ws=info";

/// Begins to log what `filter` lets through, above the bars of `progress`.
pub(crate) fn init(filter: &str, progress: &MultiProgress) -> Result<(), Failure> {
    let filter = EnvFilter::builder().parse(filter).map_err(|error| {
        Failure::Configuration(vec![format!("the log filter is not understood: {error}")])
    })?;
    let progress = progress.clone();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .with_writer(move || AboveBars(progress.clone()))
        .try_init()
        .map_err(|error| Failure::runtime("begin to log", error))
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
