//! The `cryptofeed` command: market data of crypto exchanges, every connection through the proxy
//! that is configured for it.
//!
//! Layer 6. It joins the configuration (`proxy-config`), the connections (`proxy-injector`) and the
//! feeds (`feeds`); `demo` and `mock` bring their own exchanges and proxies (`testkit`).

mod check;
mod cli;
mod configuration;
mod demo;
mod duration;
mod failure;
mod interrupt;
mod logging;
mod mock;
mod notice;
mod probe;
mod run;
mod schema;
mod stage;
mod stdout;
mod streams;
mod table;
mod tally;
mod usage;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;

fn main() -> ExitCode {
    match Cli::try_parse().map(Cli::execute) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(failure)) => failure.report(),
        Err(error) => usage::report(&error),
    }
}
