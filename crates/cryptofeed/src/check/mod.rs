//! `cryptofeed check`.

mod egress_url;
mod listing;
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
/// The table has one row per transport for each exchange with rules or a feed, and for any other
/// exchange:
///   route    the proxy and those before it, a pool and its proxies, `direct` or `refused`;
///            of a list in a file, how many proxies it has now, and which entries are bad
///   source   the rule that decided
///   dns      where the exchange's name is resolved
///   timeout  the time limit of a connection attempt
///   set by   the variable, or the place in the file, that set the rule; also for the timeout, the
///            password and the strategy, if something else set them
///
/// Below it are the server that is asked by which addresses exits leave, the limits of answers to REST requests, and what set each of them, where events go, and the
/// fleet, if it is part of one.
///
/// Credentials are hidden. The route of a feed is the one to its own addresses, since NO_PROXY may
/// exempt them. No connection is made. If the configuration has errors, all of them are listed, and
/// the exit code is 2.
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
