//! Counting what limits are about.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use transport::Window;

/// Units within a window of time.
// It begins with the first unit. How exchanges cut time is not documented.
#[derive(Debug, Default)]
pub(super) struct Count {
    begun: Option<Instant>,
    used: u32,
}

impl Count {
    /// Adds `units`, and returns how many that makes within the window.
    pub(super) fn add(&mut self, units: u32, per: Duration) -> u32 {
        if self.begun.is_none_or(|begun| begun.elapsed() >= per) {
            self.begun = Some(Instant::now());
            self.used = 0;
        }
        self.used = self.used.saturating_add(units);
        self.used
    }
}

/// What every address has used of its budgets.
#[derive(Debug, Default)]
pub struct Meter(Mutex<HashMap<(IpAddr, &'static str), Count>>);

impl Meter {
    /// Counts `units` of the budget `window` of `address`, and returns how many it has used since the
    /// window began: too many, if they are more than [`Window::units`].
    pub fn add(&self, address: IpAddr, window: Window, units: u32) -> u32 {
        let mut counts = self.0.lock();
        let count = counts.entry((address, window.name)).or_default();
        count.add(units, window.per)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Window = Window::new("requests", 2, Duration::from_secs(10));

    #[tokio::test(start_paused = true)]
    async fn each_address_and_each_window_has_a_count_that_begins_again() {
        let meter = Meter::default();
        let other = Window {
            name: "dials",
            ..WINDOW
        };
        let [one, two] = [1, 2].map(|last| IpAddr::from([127, 0, 0, last]));
        assert_eq!(meter.add(one, WINDOW, 1), 1);
        assert_eq!(meter.add(one, WINDOW, 2), 3);
        assert_eq!(meter.add(two, WINDOW, 1), 1);
        assert_eq!(meter.add(one, other, 1), 1);
        tokio::time::advance(WINDOW.per).await;
        assert_eq!(meter.add(one, WINDOW, 1), 1);
    }
}
