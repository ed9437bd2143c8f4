//! The command line.

use clap::{Parser, Subcommand};
use indicatif::MultiProgress;
use tokio::runtime::Runtime;

use crate::check::Check;
use crate::completions::Completions;
#[cfg(feature = "demo")]
use crate::demo::Demo;
use crate::failure::Failure;
use crate::interrupt::Signals;
use crate::logging::{self, LogFormat};
use crate::man::Man;
#[cfg(feature = "demo")]
use crate::mock::Mock;
use crate::probe::Probe;
use crate::run::Run;
use crate::schema::Schema;
use crate::status::Status;
use crate::stderr;
use crate::tail::Tail;

/// Market data of crypto exchanges, each connection through its configured proxy
#[derive(Debug, Parser)]
#[command(
    version = env!("VERSION_AND_COMMIT"),
    after_help = "Exit codes: 0 success, 1 failure at run time, 2 invalid configuration or usage, \
                  3 events were not written."
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
    /// The form of the log: text, or json for one object per line [default: text]
    #[arg(
        long,
        global = true,
        value_parser = LogFormat::parse,
        value_name = "FORMAT",
        env = logging::FORMAT_VARIABLE,
        hide_env_values = true,
        display_order = 101
    )]
    log_format: Option<LogFormat>,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[cfg(feature = "demo")]
    Demo(Demo),
    Run(Run),
    Status(Status),
    Check(Check),
    Probe(Probe),
    Schema(Schema),
    Tail(Tail),
    #[cfg(feature = "demo")]
    Mock(Mock),
    Completions(Completions),
    Man(Man),
}

impl Cli {
    /// Runs the command. `runtime` is for `run`, and has one thread.
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
            // Probes ask it again and again.
            Command::Status(_) => "warn",
            _ => logging::OURS,
        };
        stderr::write_above(&progress);
        let filter = given.as_deref().unwrap_or(default);
        logging::init(filter, self.log_format.unwrap_or(LogFormat::Text))?;
        match self.command {
            Command::Check(check) => check.execute(),
            Command::Schema(schema) => schema.execute(),
            Command::Completions(completions) => completions.execute(),
            Command::Man(man) => man.execute(),
            Command::Tail(tail) => on_all_cores(tail.execute()),
            Command::Run(run) => {
                let outcome = runtime.block_on(run.execute(signals));
                // Dropping the runtime would wait for a write to a pipe that is not read.
                runtime.shutdown_background();
                outcome
            }
            Command::Status(status) => runtime.block_on(status.execute()),
            Command::Probe(probe) => on_all_cores(probe.execute(&progress)),
            #[cfg(feature = "demo")]
            Command::Demo(demo) => on_all_cores(demo.execute(&progress)),
            #[cfg(feature = "demo")]
            Command::Mock(mock) => on_all_cores(mock.execute()),
        }
    }
}

fn on_all_cores(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = Runtime::new().map_err(|error| Failure::runtime("start the runtime", error))?;
    let outcome = runtime.block_on(command);
    // It would wait for files that do not answer.
    runtime.shutdown_background();
    outcome
}
