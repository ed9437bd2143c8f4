//! `cryptofeed demo`.

mod progress;
mod report;
mod set;

use std::time::Duration;

use clap::Args;
use feeds::QueueLimits;
use indicatif::MultiProgress;
use tokio::time::{MissedTickBehavior, interval};
use transport::ResponseLimits;

use self::progress::Progress;
use self::report::Report;
use self::set::Set;
use crate::duration;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::notice::Notices;
use crate::stdout;
use crate::streams::Streams;
use crate::tally::Tallies;

/// How often the progress is updated.
const REFRESH: Duration = Duration::from_millis(100);

const DETAILS: &str = "\
Columns of the table:
  messages   what the exchange sent: answers to requests, or WebSocket messages
  egress     the source addresses that the exchange saw; each proxy has its own
  direct     connections that bypassed the proxies; must be 0";

/// Stream mock exchanges through real proxies, all of them on this machine
///
/// No network and no setup are needed. A mock of each exchange serves REST and WebSocket over TLS.
/// REST and WebSocket of each are reached through a proxy of their own with a login: CONNECT,
/// SOCKS5h, SOCKS5, CONNECT over TLS, SOCKS4a and SOCKS4, in turn. The table at the end shows what
/// the exchanges recorded. The exit code is 1 if a connection bypassed its proxy, a feed delivered
/// nothing, or an order book was invalid.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = DETAILS)]
pub(crate) struct Demo {
    /// How long to stream: 500ms, 10s, 5m, 2h, or seconds
    #[arg(long, value_name = "TIME", value_parser = duration::parse, default_value = "5s")]
    duration: Duration,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

impl Demo {
    pub(crate) async fn execute(self, bars: &MultiProgress) -> Result<(), Failure> {
        let mut interrupt = Interrupt::listen()?;
        let set = Set::start().await?;
        let mut streams = Streams::start(
            &set.injector()?,
            set.feeds()?,
            QueueLimits::default(),
            ResponseLimits::default(),
            None,
            None,
        );
        let mut tallies = Tallies::new();
        let progress = Progress::new(bars, self.duration);
        tokio::select! {
            outcome = watch(&mut streams, &mut tallies, progress) => outcome?,
            () = interrupt.received() => {}
        }
        // Ends the feeds. The report is about the time until here.
        drop(streams);

        let report = Report::new(set.routes(), &tallies);
        if self.json {
            stdout::print_json(&report)?;
        } else {
            stdout::print(&format!("{}\n", report.table()))?;
        }
        report.verdict()
    }
}

/// Counts events until the time is over.
async fn watch(
    streams: &mut Streams,
    tallies: &mut Tallies,
    mut progress: Progress,
) -> Result<(), Failure> {
    let mut notices = Notices::default();
    let mut refresh = interval(REFRESH);
    // The bar shows the present: ticks that were missed need not be made up for.
    refresh.set_missed_tick_behavior(MissedTickBehavior::Skip);
    while !progress.is_complete() {
        tokio::select! {
            arrived = streams.arrived() => {
                arrived?;
                while let Some(event) = streams.take() {
                    notices.log(event);
                    tallies.entry(event.exchange.clone()).or_default().add(event);
                }
            }
            _ = refresh.tick() => {
                notices.sum_up();
                progress.show(tallies);
            }
        }
    }
    Ok(())
}
