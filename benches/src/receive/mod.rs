//! From socket to text message, and to normalised event.

use clap::Args;

use crate::error::Result;
use crate::report::Measurement;
use crate::settings::Settings;

/// The server and the proxy.
#[derive(Debug, Args)]
pub(crate) struct Serve {}

impl Serve {
    pub(crate) fn run(self) -> Result<()> {
        Ok(())
    }
}

pub(crate) fn run(_settings: &Settings) -> Result<Vec<Measurement>> {
    Ok(Vec::new())
}
