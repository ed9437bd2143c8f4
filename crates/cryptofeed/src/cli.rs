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

/// Market data of crypto exchanges, each connection through its configured proxy
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Exit codes: 0 success, 1 failure at run time, 2 invalid configuration or usage."
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
    /// Runs the command.
    pub(crate) fn execute(self, runtime: Runtime, signals: Option<Signals>) -> Result<(), Failure> {
        let progress = MultiProgress::new();
        // An empty variable counts as unset.
        let given = self.log.filter(|filter| !filter.is_empty());
        let default = match self.command {
            // The demo reports by itself, and does not need the platform's authorities.
            #[cfg(feature = "demo")]
            Command::Demo(_) => "warn,transport_tls=error",
            // Its table shows the connections.
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
        // Dropping the runtime would wait for a write to a pipe that is not read.
        runtime.shutdown_background();
        outcome
    }
}
