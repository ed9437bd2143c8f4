//! Benchmarks of the workspace, compared with what a user would pick instead.
//!
//! Every table comes from one run: contenders take turns, round after round, so that other load on
//! the machine affects all of them. Servers and proxies are separate processes, so that the measured
//! CPU time is only that of the client. Nothing leaves the loopback interface.

mod build;
mod child;
mod cli;
mod command;
mod decode;
mod dial;
mod error;
mod flood;
mod market;
mod measure;
mod messages;
mod page;
mod pipeline;
mod plot;
mod python;
mod receive;
mod relay;
mod report;
mod resolve;
mod rest;
mod scale;
mod settings;
mod sinks;
mod soak;
mod wire;

use clap::Parser;

use crate::cli::Cli;
use crate::error::Result;

fn main() -> Result<()> {
    Cli::parse().execute()
}
