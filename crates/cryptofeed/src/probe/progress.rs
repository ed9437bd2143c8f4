//! The progress of a probe, on standard error.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use proxy_config::Exit;

use super::dial::Outcome;
use super::egress::Learned;
use super::line::Line;
use crate::stderr;

/// A bar on a terminal; elsewhere a line per connection, or nothing. The bar is gone when this is dropped.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    has_lines: bool,
}

impl Progress {
    pub(super) fn new(bars: &MultiProgress, steps: usize, has_lines: bool) -> Self {
        let style = ProgressStyle::with_template("{spinner} [{bar:30}] {pos}/{len} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let length = u64::try_from(steps).unwrap_or(u64::MAX);
        let bar = bars.add(ProgressBar::new(length).with_style(style));
        bar.tick();
        Self { bar, has_lines }
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
        self.bar.inc(1);
        if !self.bar.is_hidden() {
            self.bar.set_message(message);
        } else if self.has_lines {
            let (done, all) = (self.bar.position(), self.bar.length().unwrap_or_default());
            stderr::print(&format!("{done}/{all} {message}\n"));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
