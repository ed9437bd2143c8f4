//! `cryptofeed completions`.

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use crate::cli::Cli;
use crate::failure::Failure;
use crate::stdout;

const EXAMPLES: &str = "\
Examples:
  cryptofeed completions bash > /etc/bash_completion.d/cryptofeed
  cryptofeed completions zsh > /usr/local/share/zsh/site-functions/_cryptofeed
  cryptofeed completions fish > ~/.config/fish/completions/cryptofeed.fish";

/// Print the completions of commands and options for a shell
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = EXAMPLES)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

impl Completions {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        let mut script = Vec::new();
        generate(self.shell, &mut Cli::command(), "cryptofeed", &mut script);
        stdout::print(&String::from_utf8_lossy(&script))
    }
}
