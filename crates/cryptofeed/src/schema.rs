//! `cryptofeed schema`.

use clap::Args;

use crate::configuration;
use crate::failure::Failure;
use crate::stdout;

const EXAMPLES: &str = "\
Example, for editors that know the YAML language server:
  cryptofeed schema > cryptofeed.schema.json
  sed -i '1i # yaml-language-server: $schema=cryptofeed.schema.json' cryptofeed.yaml";

/// Print the JSON Schema of a configuration file, or of the events of `run`
///
/// Editors use it to complete and check YAML, TOML and JSON files. It accepts every file that is
/// valid by itself or together with environment variables. Use `check` to validate a configuration.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = EXAMPLES)]
pub(crate) struct Schema {
    /// Print the schema of one line of `run --format jsonl` instead
    #[arg(long)]
    events: bool,
}

impl Schema {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        if self.events {
            return stdout::print(feeds::EVENT_SCHEMA);
        }
        stdout::print(&format!("{:#}\n", configuration::schema()))
    }
}
