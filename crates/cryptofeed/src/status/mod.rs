//! `cryptofeed status`.

mod ask;
mod text;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ::status::model;
use clap::{Args, value_parser};
use console::Term;
use tokio::time::sleep;

use self::ask::Asked;
use crate::configuration::ConfigurationArgs;
use crate::failure::Failure;
use crate::stdout;

const EXAMPLES: &str = "\
Examples:
  cryptofeed run --status 127.0.0.1:9464
  cryptofeed status --address 127.0.0.1:9464
  cryptofeed status --config cryptofeed.yaml --watch
  cryptofeed status --config cryptofeed.yaml --ready && echo ready";

/// Show what a running `run` is doing
///
/// The command asks the listener that `status.listen` of the configuration names, or that at --address:
/// what is wrong, exchanges, proxies, routes, connections, budgets, the symbols with which something is
/// wrong, and the last notable events. The connection is a direct one, whatever the proxies are.
///
/// With --ready, the exit code is 0 if data flows for every exchange and every book is true, and 1 if
/// not, or if nobody answers.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = EXAMPLES)]
pub(crate) struct Status {
    #[command(flatten)]
    configuration: ConfigurationArgs,
    /// Ask at this address, and do not read the configuration
    #[arg(long, value_name = "ADDRESS")]
    address: Option<SocketAddr>,
    /// File with the token, for --address
    #[arg(long, value_name = "PATH", requires = "address")]
    token_file: Option<PathBuf>,
    /// Print JSON instead of tables: everything, with all symbols
    #[arg(long)]
    json: bool,
    /// Ask again and again, so many seconds after the answer before, until stopped
    ///
    /// The seconds are from 1 to 3600. A terminal shows the latest answer only.
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        default_missing_value = "2",
        value_parser = value_parser!(u64).range(1..=3600),
    )]
    watch: Option<u64>,
    /// Only tell whether it is ready, by the exit code
    #[arg(long, conflicts_with_all = ["watch", "json"])]
    ready: bool,
}

impl Status {
    pub(crate) async fn execute(self) -> Result<(), Failure> {
        let asked = match self.address {
            Some(address) => Asked::at(address, self.token_file.as_deref())?,
            None => Asked::of(self.configuration.load()?.status())?,
        };
        if self.ready {
            return judge(&asked.ready().await?);
        }
        loop {
            let shown = asked.status().await.and_then(|status| self.show(&status));
            let Some(pause) = self.watch else {
                return shown;
            };
            // What does not answer now may do so later.
            if let Err(failure) = shown {
                match failure {
                    Failure::Closed => return Ok(()),
                    failure => tracing::warn!(problem = failure.to_string(), "no status"),
                }
            }
            sleep(Duration::from_secs(pause)).await;
        }
    }

    fn show(&self, status: &model::Status) -> Result<(), Failure> {
        if self.json {
            return stdout::print_json(status);
        }
        let terminal = Term::stdout();
        if self.watch.is_some() && terminal.is_term() {
            terminal.clear_screen().map_err(Failure::output)?;
        }
        stdout::print(&text::of(status))
    }
}

fn judge(readiness: &model::Readiness) -> Result<(), Failure> {
    if readiness.is_ready {
        return stdout::print("ready\n");
    }
    Err(Failure::NotReady(text::reasons(readiness)))
}
