//! The exchange's list of what is trading, which is loaded again and again.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use transport::Reloads;

use super::backoff::Backoff;
use super::failure::Failure;
use super::permits::Deadline;
use super::rest::Rest;
use super::wait::wait;
use crate::exchange::Exchange;
use crate::instruments::Instruments;

/// How often the list is loaded. At Binance it weighs 20 of 6000 a minute.
const EVERY: Duration = Duration::from_secs(300);

/// How soon it is, if something that is wanted is missing in it. Each time after that, twice as late.
const SOON: Duration = Duration::from_secs(60);

/// How soon it is, if something is missing in it that is streamed.
const TO_CONFIRM: Duration = Duration::from_secs(30);

/// How old it must be to be loaded anew because something is asked for that it does not have.
const STALE: Duration = Duration::from_secs(10);

/// What is missing in the latest list, which tells when the next is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    Nothing,
    /// Something that is wanted, as before.
    Still,
    /// Something that is wanted, and that was not missing before.
    Newly,
    /// Something that is streamed. One list may be wrong.
    Streamed,
}

//     the latest list                          the next one
//     has everything                           after 5 minutes
//     lacks something wanted                   after 1, 2, 4, 5, 5, ... minutes
//     lacks something streamed, at first       after 30 seconds
//     could not be loaded                      as any other try: after 1 to 60 seconds, or when it may be
//     was there when something is asked for    at once, if it is older than 10 seconds
//     that it does not have
/// Loads the list when it is due.
pub(super) struct Listing {
    exchange: Arc<dyn Exchange>,
    rest: Arc<Rest>,
    due: Instant,
    loaded_at: Option<Instant>,
    /// The delay for what is missing.
    soon: Duration,
    backoff: Backoff,
    /// After a failure: the end of what the exchange asked to wait, and the reloads since the try.
    failed: Option<(Instant, Reloads)>,
    /// The reloads since the beginning of the try that is under way.
    reloads: Reloads,
    /// The try that is under way. Elsewhere, since reading megabytes would hold up the streams.
    trying: JoinSet<Result<Instruments, Failure>>,
}

impl Listing {
    pub(super) fn new(exchange: Arc<dyn Exchange>, rest: Arc<Rest>) -> Self {
        Self {
            reloads: rest.reloads(),
            exchange,
            rest,
            due: Instant::now(),
            loaded_at: None,
            soon: SOON,
            backoff: Backoff::new(),
            failed: None,
            trying: JoinSet::new(),
        }
    }

    /// The next list, when it is due. Cancel safe.
    pub(super) async fn next(&mut self) -> Result<Instruments, Failure> {
        if self.trying.is_empty() {
            match &mut self.failed {
                Some((imposed_until, reloads)) => {
                    let now = Instant::now();
                    let delay = self.due.saturating_duration_since(now);
                    let imposed = imposed_until.saturating_duration_since(now);
                    if wait(delay, imposed, reloads).await {
                        self.backoff.reset();
                    }
                }
                None => sleep_until(self.due).await,
            }
            self.failed = None;
            self.reloads = self.rest.reloads();
            let (exchange, rest) = (Arc::clone(&self.exchange), Arc::clone(&self.rest));
            self.trying.spawn(load(exchange, rest));
        }
        match self.trying.join_next().await {
            Some(Ok(outcome)) => outcome,
            Some(Err(error)) => Err(Failure::new(format!("failed to load it: {error}"))),
            None => std::future::pending().await,
        }
    }

    /// A list has come, which lacks that.
    pub(super) fn succeeded(&mut self, missing: Missing) {
        self.backoff.reset();
        let now = Instant::now();
        self.loaded_at = Some(now);
        self.due = now + self.delay(missing);
    }

    fn delay(&mut self, missing: Missing) -> Duration {
        match missing {
            Missing::Nothing => {
                self.soon = SOON;
                return EVERY;
            }
            Missing::Streamed => return TO_CONFIRM,
            Missing::Newly => self.soon = SOON,
            Missing::Still => {}
        }
        let delay = self.soon.min(EVERY);
        self.soon = delay * 2;
        delay
    }

    /// A try has failed. Returns how long until the next one, and how many have failed in a row.
    pub(super) fn failed(&mut self, failure: &Failure) -> (Duration, u32) {
        let delay = self.backoff.delay_after(failure);
        let now = Instant::now();
        self.due = now + delay;
        let reloads = std::mem::replace(&mut self.reloads, Box::pin(futures_util::stream::empty()));
        self.failed = Some((now + failure.imposed(), reloads));
        (delay, self.backoff.attempt())
    }

    /// Something is asked for that the list does not have: it may be there by now.
    pub(super) fn hurry(&mut self) {
        if let Some(loaded_at) = self.loaded_at
            && self.failed.is_none()
        {
            self.due = self.due.min(loaded_at + STALE);
        }
    }
}

async fn load(exchange: Arc<dyn Exchange>, rest: Arc<Rest>) -> Result<Instruments, Failure> {
    let request = exchange.metadata_request()?;
    let read = |body: &[u8]| exchange.parse_metadata(body);
    let instruments = rest.fetch(request, Deadline::now(), read).await?;
    if instruments.is_empty() {
        // Maintenance, not a mistake in the subscription.
        return Err(Failure::new("nothing is trading"));
    }
    Ok(instruments)
}
