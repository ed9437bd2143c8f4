//! The progress of a probe, on standard error.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use proxy_config::Exit;

use super::dial::Outcome;
use super::egress::Learned;
use super::line::Line;
use crate::stderr;

/// A bar on a terminal, a line per connection elsewhere. The bar is gone when this is dropped.
#[derive(Debug)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new(bars: &MultiProgress, steps: usize) -> Self {
        let style = ProgressStyle::with_template("{spinner} [{bar:30}] {pos}/{len} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let length = u64::try_from(steps).unwrap_or(u64::MAX);
        let bar = bars.add(ProgressBar::new(length).with_style(style));
        bar.tick();
        Self(bar)
    }

    /// Shows that one more connection is finished.
    pub(super) fn show(&self, line: &Line, outcome: &Outcome) {
        let verdict = outcome.verdict().as_str();
        let Line {
            exchange,
            transport,
            candidate,
            ..
        } = line;
        self.advance(format!("{exchange} {transport}, {candidate}: {verdict}"));
    }

    /// Shows that one more exit has been asked for its address.
    pub(super) fn show_egress(&self, exit: &Exit, learned: &Learned) {
        self.advance(match learned {
            Ok(address) => format!("egress of {exit}: {address}"),
            Err(_) => format!("egress of {exit}: failed"),
        });
    }

    fn advance(&self, message: String) {
        self.0.inc(1);
        // No terminal, so no bar.
        if self.0.is_hidden() {
            let (done, all) = (self.0.position(), self.0.length().unwrap_or_default());
            stderr::print(&format!("{done}/{all} {message}\n"));
        } else {
            self.0.set_message(message);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
