//! The `cryptofeed` command: market data of crypto exchanges, each connection through its
//! configured proxy.
//!
//! Layer 7. It connects the configuration (`proxy-config`), the connections (`proxy-injector`) and
//! the feeds (`feeds`). `demo` and `mock`, behind the default feature `demo`, have their own
//! exchanges and proxies (`testkit`).

mod check;
mod cli;
mod completions;
mod configuration;
#[cfg(feature = "demo")]
mod demo;
mod duration;
mod failure;
mod interrupt;
mod logging;
mod man;
#[cfg(feature = "demo")]
mod mock;
mod notice;
mod probe;
mod run;
mod schema;
#[cfg(feature = "demo")]
mod stage;
mod status;
mod stderr;
mod stdout;
mod streams;
mod table;
mod tail;
mod tally;
mod usage;

use std::process::ExitCode;

use clap::Parser;
use tokio::runtime::Builder;

use crate::cli::Cli;
use crate::failure::Failure;
use crate::interrupt::Signals;

fn main() -> ExitCode {
    // First of all, because until then a signal ends the process: a SIGHUP that comes while the
    // command line is read must not end `run`.
    let begun = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::runtime("start the runtime", error))
        .and_then(|runtime| Ok((Signals::for_run(&runtime)?, runtime)));
    let outcome = match begun {
        Err(failure) => Err(failure),
        Ok((signals, runtime)) => match Cli::try_parse() {
            Ok(cli) => cli.execute(runtime, signals),
            Err(error) => return usage::report(error),
        },
    };
    let code = match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    };
    stderr::finish();
    code
}
