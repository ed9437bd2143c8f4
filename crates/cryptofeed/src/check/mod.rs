//! `cryptofeed check`.

mod proxies;
mod report;
mod row;

use clap::Args;

use self::report::Report;
use crate::configuration::ConfigurationArgs;
use crate::failure::Failure;
use crate::stdout;

const EXAMPLES: &str = "\
Examples:
  cryptofeed check --config cryptofeed.yaml
  CRYPTOFEED_PROXY=http://proxy.example:8080 cryptofeed check --json";

/// Validate the configuration and show the route of every connection
///
/// For each exchange that has rules or feeds, and for any other, the table shows per transport: the
/// proxy (credentials hidden) with those on the way to it, a pool with its proxies, `direct` or
/// `refused`; which rule decided (source); where the exchange's name is resolved (dns); how long a
/// connection attempt may take; and the variable or the place in the file that the rule stands in
/// (set by), with that of its timeout, its password and its strategy where they stand elsewhere.
/// The route of a feed is the one to its own addresses, where NO_PROXY and its like may make a
/// difference. No connection is made. A configuration with errors has all of them listed, and exit
/// code 2.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = EXAMPLES)]
pub(crate) struct Check {
    #[command(flatten)]
    configuration: ConfigurationArgs,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        let configuration = self.configuration.load()?;
        if configuration.feeds().is_empty() {
            tracing::warn!("no feed is configured; `run` and `probe` need one");
        }
        let report = Report::on(&configuration);
        if self.json {
            stdout::print_json(&report)
        } else {
            stdout::print(&report.text())
        }
    }
}
