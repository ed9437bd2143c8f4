//! `cryptofeed man`.

use std::path::PathBuf;

use clap::{Args, CommandFactory};

use crate::cli::Cli;
use crate::failure::Failure;

const EXAMPLES: &str = "\
Examples:
  cryptofeed man /usr/local/share/man/man1";

/// Write the manual pages into a folder: cryptofeed.1, and one for each command
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = EXAMPLES)]
pub(crate) struct Man {
    /// The folder, which must exist
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

impl Man {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        clap_mangen::generate_to(Cli::command(), self.folder)
            .map_err(|error| Failure::runtime("write the manual pages", error))
    }
}
