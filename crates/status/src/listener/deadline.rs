//! How long a connection may take.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

/// How long an answer may take to be read, and each part of one that goes on.
const TIME: Duration = Duration::from_secs(30);

/// When a connection is over. Clones are about the same one.
#[derive(Debug, Clone)]
pub(super) struct Deadline(Arc<Mutex<Instant>>);

impl Deadline {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now() + TIME)))
    }

    /// The reader has taken what there was: it has as much time again.
    pub(super) fn extend(&self) {
        *self.0.lock() = Instant::now() + TIME;
    }

    /// Ends when the connection is over.
    pub(super) async fn passed(&self) {
        loop {
            let end = *self.0.lock();
            if end <= Instant::now() {
                return;
            }
            sleep_until(end).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_nothing_for_thirty_seconds_is_cut_off() {
        let deadline = Deadline::new();
        for _ in 0..10 {
            advance(Duration::from_secs(29)).await;
            deadline.extend();
        }
        let start = Instant::now();
        timeout(TIME * 2, deadline.passed()).await.unwrap();
        assert_eq!(start.elapsed(), TIME);
    }
}
