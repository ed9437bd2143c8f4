//! Benchmarks of the workspace, side by side with what a user would pick instead.
//!
//! Every table comes from one run: contenders take turns, round after round, so that what else
//! the machine does hits all of them. Servers and proxies are processes of their own, so the CPU
//! time that is told is the client's alone. Nothing leaves the loopback interface.

mod build;
mod child;
mod cli;
mod decode;
mod dial;
mod error;
mod measure;
mod messages;
mod page;
mod plot;
mod python;
mod receive;
mod report;
mod resolve;
mod rest;
mod scale;
mod settings;

use clap::Parser;

use crate::cli::Cli;
use crate::error::Result;

fn main() -> Result<()> {
    Cli::parse().execute()
}
