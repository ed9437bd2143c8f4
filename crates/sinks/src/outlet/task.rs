//! The task of one sink.

use std::error::Error;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::{OutletLimits, RETRY, Shared};
use crate::sink::{Records, Sink, SinkError};

/// The most records that are in hand.
const BATCH: usize = 1024;

/// How often a sink is flushed at least.
const TICK: Duration = Duration::from_secs(1);

/// What the queue asks for.
struct Wanted {
    is_closed: bool,
    is_to_reopen: bool,
}

/// Stores what comes to `shared` until it is closed.
pub(super) async fn run(
    name: &'static str,
    mut sink: impl Sink,
    shared: Arc<Shared>,
    limits: OutletLimits,
) {
    let mut taken = Records::new();
    let mut trouble = Trouble::new(name);
    let mut flushed_at = Instant::now();
    let mut reopen = false;
    loop {
        let Wanted {
            is_closed,
            is_to_reopen,
        } = shared.take(&mut taken, &limits, sink.unstored());
        reopen |= is_to_reopen;
        let is_idle = taken.is_empty();
        let outcome = if reopen {
            sink.reopen().await
        } else if !is_idle {
            sink.write(&mut taken).await
        } else if is_closed {
            sink.close().await
        } else {
            sink.flush().await
        };
        shared
            .in_hand
            .store(taken.len() + sink.unstored(), Ordering::Relaxed);
        if let Err(error) = outcome {
            sleep(trouble.tell(&error)).await;
            continue;
        }
        trouble.end(is_idle);
        if reopen {
            reopen = false;
        } else if is_idle {
            if is_closed {
                return;
            }
            flushed_at = Instant::now();
            // Whatever arrived meanwhile is noted.
            let _ = timeout(TICK, shared.arrived.notified()).await;
        } else if flushed_at.elapsed() >= TICK {
            flushed_at = Instant::now();
            match sink.flush().await {
                Ok(()) => trouble.end(true),
                Err(error) => sleep(trouble.tell(&error)).await,
            }
        }
    }
}

impl Shared {
    /// Moves records to `taken` until that is full, and makes room known.
    fn take(&self, taken: &mut Records, limits: &OutletLimits, unstored: usize) -> Wanted {
        let mut waiting = self.waiting.lock();
        waiting.take(BATCH.saturating_sub(taken.len()), taken);
        // While the queue is locked, so that every record is counted at any time.
        self.in_hand
            .store(taken.len() + unstored, Ordering::Relaxed);
        let wanted = Wanted {
            is_closed: waiting.is_closed,
            is_to_reopen: std::mem::take(&mut waiting.is_to_reopen),
        };
        let has_room = waiting.is_half_free(limits);
        drop(waiting);
        if has_room {
            self.room.notify_waiters();
        }
        wanted
    }
}

/// What has been told of a sink that fails.
struct Trouble {
    sink: &'static str,
    since: Option<Instant>,
    next: Duration,
    told_at: Option<Instant>,
}

impl Trouble {
    /// How often the same trouble is told.
    const AGAIN: Duration = Duration::from_secs(60);

    fn new(sink: &'static str) -> Self {
        Self {
            sink,
            since: None,
            next: RETRY.0,
            told_at: None,
        }
    }

    /// Tells of an error, and returns how long until the next try.
    fn tell(&mut self, error: &SinkError) -> Duration {
        let now = Instant::now();
        self.since.get_or_insert(now);
        if self
            .told_at
            .is_none_or(|told_at| now - told_at >= Self::AGAIN)
        {
            self.told_at = Some(now);
            let (sink, problem) = (self.sink, chain(error));
            tracing::error!(
                sink,
                problem,
                "the sink cannot store; it is tried again, and events wait"
            );
        }
        let wait = self.next;
        self.next = (wait * 2).min(RETRY.1);
        wait
    }

    /// A call was without an error; of a flush if it `is_whole`.
    fn end(&mut self, is_whole: bool) {
        // What was only taken may still not be stored.
        if let Some(since) = self.since.filter(|_| is_whole) {
            let (sink, for_s) = (self.sink, since.elapsed().as_secs());
            tracing::info!(sink, for_s, "the sink stores again");
            *self = Self::new(sink);
        }
    }
}

/// An error and its causes in one line.
fn chain(error: &SinkError) -> String {
    let mut text = format!("failed to {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a string cannot fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}
