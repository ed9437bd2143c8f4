//! The `cryptofeed` command: market data of crypto exchanges, every connection through the proxy
//! that is configured for it.
//!
//! Layer 6. It joins the configuration (`proxy-config`), the connections (`proxy-injector`) and the
//! feeds (`feeds`); `demo` and `mock`, behind the default feature
//! `demo`, bring their own exchanges and proxies (`testkit`).

mod check;
mod cli;
mod configuration;
#[cfg(feature = "demo")]
mod demo;
mod duration;
mod failure;
mod interrupt;
mod logging;
#[cfg(feature = "demo")]
mod mock;
mod notice;
mod probe;
mod run;
mod schema;
#[cfg(feature = "demo")]
mod stage;
mod stderr;
mod stdout;
mod streams;
mod table;
mod tally;
mod usage;

use std::process::ExitCode;

use clap::Parser;
use tokio::runtime::Runtime;

use crate::cli::Cli;
use crate::failure::Failure;
use crate::interrupt::Signals;

fn main() -> ExitCode {
    // First of all: from now on, no signal ends a command that runs by itself.
    let begun = Runtime::new()
        .map_err(|error| Failure::runtime("start the runtime", error))
        .and_then(|runtime| Ok((Signals::for_run(&runtime)?, runtime)));
    let (signals, runtime) = match begun {
        Ok(begun) => begun,
        Err(failure) => return failure.report(),
    };
    match Cli::try_parse().map(|cli| cli.execute(runtime, signals)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(failure)) => failure.report(),
        Err(error) => usage::report(&error),
    }
}
