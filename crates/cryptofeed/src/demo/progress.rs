//! The progress of the demo, on standard error.

use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::stderr;
use crate::tally::Tallies;

/// How often a line is printed if a bar cannot be drawn.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// A bar on a terminal, a line per second elsewhere. The bar is gone when this is dropped.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    start: Instant,
    duration: Duration,
    next_line: Duration,
}

impl Progress {
    pub(super) fn new(bars: &MultiProgress, duration: Duration) -> Self {
        let style = ProgressStyle::with_template("{spinner} [{bar:30}] {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let length = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self {
            bar: bars.add(ProgressBar::new(length).with_style(style)),
            start: Instant::now(),
            duration,
            next_line: LINE_EVERY,
        }
    }

    /// Whether the time is over.
    pub(super) fn is_complete(&self) -> bool {
        self.start.elapsed() >= self.duration
    }

    /// Shows the time that has passed and the events so far.
    pub(super) fn show(&mut self, tallies: &Tallies) {
        let elapsed = self.start.elapsed();
        let counts = tallies
            .iter()
            .map(|(exchange, tally)| format!("{exchange} {} events", tally.events));
        let counts = counts.collect::<Vec<_>>().join(", ");
        if !self.bar.is_hidden() {
            self.bar
                .set_position(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
            self.bar.set_message(counts);
        } else if elapsed >= self.next_line {
            self.next_line += LINE_EVERY;
            stderr::print(&format!("{:>3} s: {counts}\n", elapsed.as_secs()));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
