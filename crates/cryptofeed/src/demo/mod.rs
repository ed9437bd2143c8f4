//! `cryptofeed demo`.

mod progress;
mod report;
mod set;

use std::time::Duration;

use clap::Args;
use indicatif::MultiProgress;
use tokio::time::{MissedTickBehavior, interval};

use self::progress::Progress;
use self::report::Report;
use self::set::Set;
use crate::duration;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::notice;
use crate::stdout;
use crate::streams::Streams;
use crate::tally::Tallies;

/// How often the progress is looked at.
const REFRESH: Duration = Duration::from_millis(100);

const DETAILS: &str = "\
Columns of the table:
  messages   what the exchange sent: answers to requests, or WebSocket messages
  egress     where the exchange saw connections come from; each proxy has an address of its own
  direct     connections that came to the exchange past the proxies; must be 0";

/// Stream two mock exchanges through four real proxies, all of them on this machine
///
/// No network and no set-up is needed. Binance and Backpack (mocks with REST and WebSocket over
/// TLS) are each reached through two proxies that ask for a password: CONNECT and SOCKS5h, SOCKS5
/// and CONNECT over TLS. The table at the end is made from the exchanges' own records. Exit code 1
/// if any connection went past its proxy, a feed delivered nothing, or an order book was invalid.
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
        let mut streams = Streams::start(&set.injector()?, set.feeds()?);
        let mut tallies = Tallies::new();
        let progress = Progress::new(bars, self.duration);
        tokio::select! {
            outcome = watch(&mut streams, &mut tallies, progress) => outcome?,
            () = interrupt.received() => {}
        }
        drop(streams);

        let report = Report::new(set.lanes(), &tallies);
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
    let mut refresh = interval(REFRESH);
    refresh.set_missed_tick_behavior(MissedTickBehavior::Skip);
    while !progress.is_complete() {
        tokio::select! {
            events = streams.next() => {
                for event in events? {
                    notice::log(&event);
                    tallies.entry(event.exchange()).or_default().add(&event);
                }
            }
            _ = refresh.tick() => progress.show(tallies),
        }
    }
    Ok(())
}
