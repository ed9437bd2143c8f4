//! The command line.

use clap::{Parser, Subcommand};
use indicatif::MultiProgress;
use tokio::runtime::Runtime;

use crate::check::Check;
#[cfg(feature = "demo")]
use crate::demo::Demo;
use crate::failure::Failure;
use crate::interrupt::Signals;
use crate::logging;
#[cfg(feature = "demo")]
use crate::mock::Mock;
use crate::probe::Probe;
use crate::run::Run;
use crate::schema::Schema;

/// Market data of crypto exchanges, every connection through the proxy configured for it
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Exit codes: 0 ok, 1 failed while running, 2 bad configuration or usage."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
    /// What to log on standard error: a level, or targets with levels [default: info]
    ///
    /// Examples: `debug`, `warn,proxy_injector=info`, `off`.
    #[arg(
        long,
        global = true,
        value_name = "FILTER",
        env = logging::VARIABLE,
        hide_env_values = true,
        display_order = 100
    )]
    log: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[cfg(feature = "demo")]
    Demo(Demo),
    Run(Run),
    Check(Check),
    Probe(Probe),
    Schema(Schema),
    #[cfg(feature = "demo")]
    Mock(Mock),
}

impl Cli {
    /// Does what the command line says.
    pub(crate) fn execute(self, runtime: Runtime, signals: Option<Signals>) -> Result<(), Failure> {
        let progress = MultiProgress::new();
        let given = self.log.filter(|filter| !filter.is_empty());
        let default = match self.command {
            // The demo tells by itself what happens, and needs no authority of the platform.
            #[cfg(feature = "demo")]
            Command::Demo(_) => "warn,transport_tls=error",
            // What is opened stands in its table.
            Command::Probe(_) => "warn,transport_tunnel=info",
            _ => logging::OURS,
        };
        let _log = logging::init(given.as_deref().unwrap_or(default), &progress)?;
        let outcome = runtime.block_on(async {
            match self.command {
                #[cfg(feature = "demo")]
                Command::Demo(demo) => demo.execute(&progress).await,
                Command::Run(run) => run.execute(signals).await,
                Command::Check(check) => check.execute(),
                Command::Probe(probe) => probe.execute(&progress).await,
                Command::Schema(schema) => schema.execute(),
                #[cfg(feature = "demo")]
                Command::Mock(mock) => mock.execute().await,
            }
        });
        // A write to a pipe that nobody empties would otherwise be waited for.
        runtime.shutdown_background();
        outcome
    }
}
