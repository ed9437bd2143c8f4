//! REST requests of one feed: a few at a time, and none while the venue wants a pause.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, header};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};
use transport::{HttpTransport, Secrets, require_success};

use super::failure::Failure;
use crate::exchange::Malformed;

/// How many requests may be under way at once.
const CONCURRENT: usize = 4;

/// Sends the requests of a feed.
pub(super) struct Rest {
    http: Arc<dyn HttpTransport>,
    permits: Semaphore,
    paused_until: Mutex<Instant>,
}

impl Rest {
    pub(super) fn new(http: Arc<dyn HttpTransport>) -> Self {
        Self {
            http,
            permits: Semaphore::new(CONCURRENT),
            paused_until: Mutex::new(Instant::now()),
        }
    }

    /// What `read` makes of the body of a successful answer. What it finds wrong with it is told
    /// without the secrets of the way that the answer came.
    ///
    /// A refusal with `Retry-After` (RFC 9110, section 10.2.3) holds back every later request: the
    /// venues count per address, not per resource.
    pub(super) async fn fetch<T>(
        &self,
        request: Request<Bytes>,
        read: impl FnOnce(&[u8]) -> Result<T, Malformed>,
    ) -> Result<T, Failure> {
        let _permit = self.permits.acquire().await;
        while let Some(until) = self.pause() {
            sleep_until(until).await;
        }
        let response = self.http.send(request).await?;
        let wait = retry_after(response.headers());
        match require_success(response) {
            Ok(response) => read(response.body()).map_err(|malformed| {
                let reason = malformed.reason().to_owned();
                Malformed::new(Secrets::of_way(&response).seal_text(reason)).into()
            }),
            Err(error) => {
                let failure = Failure::from(error).with_retry_after(wait);
                if let Some(wait) = failure.retry_after {
                    self.pause_for(wait);
                }
                Err(failure)
            }
        }
    }

    fn pause(&self) -> Option<Instant> {
        let until = self.paused_until.lock();
        let until = *until.unwrap_or_else(PoisonError::into_inner);
        (until > Instant::now()).then_some(until)
    }

    fn pause_for(&self, wait: Duration) {
        let until = self.paused_until.lock();
        let mut until = until.unwrap_or_else(PoisonError::into_inner);
        *until = (*until).max(Instant::now() + wait);
    }
}

/// The wait that the answer asks for in whole seconds. (The form with a date is not used here.)
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}
