//! REST requests of one feed: a few at a time, and none while the exchange wants a pause.

use std::iter;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use http::Request;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::task::unconstrained;
use tokio::time::{Instant, sleep_until};
use transport::{HttpTransport, Reload, Reloads, Secrets, require_success};

use super::failure::Failure;
use super::words::words;
use crate::exchange::{AnswerError, Malformed};

/// How many requests may be under way at once.
// A hundred books want a hundred snapshots when a connection opens. At Binance each of them weighs
// 50 of 6000 a minute, so they come a few at a time, and a refusal holds back the rest.
const CONCURRENT: usize = 4;

//     an answer                            what is sent next
//     2xx                                  the next, when one of the few places is free
//     refused, with Retry-After            nothing until then, or until there is another route
//     refused, without                     the next; who failed waits by a delay of its own
/// Sends the requests of a feed.
pub(super) struct Rest {
    http: Arc<dyn HttpTransport>,
    permits: Semaphore,
    pause: Mutex<Option<Pause>>,
}

/// No requests before its end: the exchange has asked for that, on the route that applied then.
struct Pause {
    until: Instant,
    /// Those since it was asked for.
    reloads: Reloads,
}

impl Pause {
    fn is_over(&mut self) -> bool {
        // A task that has used up its share would see `Pending` although there is a reload.
        let next = || unconstrained(self.reloads.next()).now_or_never().flatten();
        let mut news = iter::from_fn(next);
        self.until <= Instant::now() || news.any(|reload| reload == Reload::OtherRoute)
    }
}

impl Rest {
    pub(super) fn new(http: Arc<dyn HttpTransport>) -> Self {
        Self {
            http,
            permits: Semaphore::new(CONCURRENT),
            pause: Mutex::default(),
        }
    }

    /// What `read` makes of the body of a successful answer. What it finds wrong with it is told
    /// without the secrets of the way that the answer came.
    ///
    /// A refusal with `Retry-After` (RFC 9110, section 10.2.3) holds back every later request: the
    /// exchanges count per address, not per resource. Another route has another address.
    pub(super) async fn fetch<T>(
        &self,
        request: Request<Bytes>,
        read: impl FnOnce(&[u8]) -> Result<T, AnswerError>,
    ) -> Result<T, Failure> {
        // Taken before the pause is looked at: who gets a place late sees what others were told.
        let _permit = self.permits.acquire().await;
        let mut reloads = self.reloads();
        while let Some(until) = self.paused_until() {
            tokio::select! {
                () = sleep_until(until) => {}
                Some(_) = reloads.next() => {}
            }
        }
        // From before the request on, although nobody can know which route it took if a reload
        // comes now. The answer counts as the old route's: one request too many is better than a
        // long wait that was never asked for.
        let reloads = self.reloads();
        let response = self.http.send(request).await?;
        match require_success(response) {
            Ok(response) => read(response.body()).map_err(|error| {
                let secrets = Secrets::of_way(&response);
                Failure::from(match error {
                    AnswerError::Malformed(malformed) => {
                        Malformed::new(words(malformed.reason().to_owned(), &secrets)).into()
                    }
                    AnswerError::Refused {
                        message,
                        is_too_many,
                    } => AnswerError::Refused {
                        message: words(message, &secrets),
                        is_too_many,
                    },
                })
            }),
            Err(error) => {
                let failure = Failure::from(error);
                if let Some(wait) = failure.retry_after {
                    self.pause_for(wait, reloads);
                }
                Err(failure)
            }
        }
    }

    /// Every reload from now on.
    pub(super) fn reloads(&self) -> Reloads {
        self.http.reloads()
    }

    fn paused_until(&self) -> Option<Instant> {
        // Held for a look only, never while anything is awaited.
        let mut pause = self.pause.lock();
        pause.take_if(Pause::is_over);
        pause.as_ref().map(|pause| pause.until)
    }

    /// Pauses for `wait`, or until one of `reloads` leads another way.
    fn pause_for(&self, wait: Duration, reloads: Reloads) {
        let until = Instant::now() + wait;
        let mut pause = self.pause.lock();
        pause.take_if(Pause::is_over);
        // Several answers may ask for a pause; the longest counts.
        if pause.as_ref().is_none_or(|pause| pause.until < until) {
            *pause = Some(Pause { until, reloads });
        }
    }
}
