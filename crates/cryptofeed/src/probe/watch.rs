//! Probing again and again.

use std::future::pending;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use console::Term;
use indicatif::MultiProgress;
use serde::Serialize;
use tokio::time::sleep;

use super::report::Report;
use super::round::Rounds;
use crate::failure::Failure;
use crate::stdout;

/// How rounds follow each other, and how they are shown.
pub(super) struct Watch {
    pub(super) pause: Duration,
    pub(super) is_json: bool,
}

/// The report of one round.
#[derive(Debug, Serialize)]
struct Round<'a> {
    round: u64,
    /// The end of it: nanoseconds since 1970, UTC.
    at_ns: u64,
    #[serde(flatten)]
    report: &'a Report,
}

impl Watch {
    /// Ends only when standard output cannot be written any longer.
    pub(super) async fn run(
        &self,
        rounds: &Rounds<'_>,
        bars: &MultiProgress,
    ) -> Result<(), Failure> {
        let mut round = 0;
        loop {
            let report = rounds.next(bars, pending()).await?;
            round += 1;
            self.show(round, &report)?;
            sleep(self.pause).await;
        }
    }

    fn show(&self, round: u64, report: &Report) -> Result<(), Failure> {
        if self.is_json {
            let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
            let at_ns = since_1970.unwrap_or_default().as_nanos();
            return stdout::print_json(&Round {
                round,
                at_ns: u64::try_from(at_ns).unwrap_or(u64::MAX),
                report,
            });
        }
        let terminal = Term::stdout();
        if terminal.is_term() {
            terminal.clear_screen().map_err(Failure::output)?;
        }
        let pause = self.pause.as_secs();
        stdout::print(&format!(
            "round {round}, the next one in {pause} s\n{}",
            report.text()
        ))
    }
}
