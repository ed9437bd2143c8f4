//! REST requests of one feed: a few at a time, the most urgent first, and none while the exchange wants a
//! pause.

use std::iter;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use http::{Request, Response, StatusCode};
use parking_lot::Mutex;
use tokio::task::unconstrained;
use tokio::time::{Instant, sleep_until};
use transport::{HttpError, HttpTransport, Reload, Reloads, Secrets, unreadable, wait_until};

use super::failure::Failure;
use super::permits::{Deadline, Permits};
use super::words::words;
use crate::exchange::{AnswerError, Exchange, Malformed};
use crate::sync::Allowance;

/// How many requests may be under way at once.
// A hundred books want a hundred snapshots when a connection opens. At Binance each of them weighs
// 50 of 6000 a minute, so they come a few at a time, and a refusal holds back the rest.
const CONCURRENT: usize = 4;

/// How long to ask for nothing if the exchange has had too many requests and does not say how long. It
/// is the window in which most of them count.
const PAUSE: Duration = Duration::from_secs(60);

//     an answer                              what is sent next
//     2xx, and understood                    the next, by its deadline, with one of the few permits
//     with Retry-After, or a ban's end       nothing until then, or until there is another route
//     418, 429, or words that say as much    nothing for a minute, or until there is another route
//     anything else                          the next; who failed waits by a delay of its own
/// Sends the requests of a feed.
pub(super) struct Rest {
    exchange: Arc<dyn Exchange>,
    http: Arc<dyn HttpTransport>,
    permits: Permits,
    pause: Mutex<Option<Pause>>,
    allowance: Allowance,
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
    pub(super) fn new(exchange: Arc<dyn Exchange>, http: Arc<dyn HttpTransport>) -> Self {
        Self {
            exchange,
            http,
            permits: Permits::new(CONCURRENT),
            pause: Mutex::default(),
            allowance: Allowance::default(),
        }
    }

    /// What the books of the feed may spend on deeper snapshots: all of them share the weights.
    pub(super) fn allowance(&self) -> &Allowance {
        &self.allowance
    }

    /// What `read` makes of the body of a successful answer, which should be there by `deadline`. A failure
    /// names the request and describes the answer, without the secrets of the way that it came.
    ///
    /// An answer that asks for a wait holds back every later request: the exchanges count per address,
    /// not per resource. Another route has another address.
    pub(super) async fn fetch<T>(
        &self,
        request: Request<Bytes>,
        deadline: Deadline,
        read: impl FnOnce(&[u8]) -> Result<T, AnswerError>,
    ) -> Result<T, Failure> {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let _permit = self.permits.acquire(deadline).await;
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
        let response = match self.http.send(request).await {
            Ok(response) => response,
            // The exchange has answered, and the body of its answer did not arrive.
            Err(error) if error.reply().is_some() => {
                let least = pause(&error, false);
                return Err(self.paused(error, least, reloads));
            }
            Err(error) => return Err(error.into()),
        };
        let read = match response.status().is_success() {
            true => read(response.body()),
            false => Err(Malformed::new("it is no success").into()),
        };
        read.map_err(|error| {
            let (error, least) = self.explained(&response, error);
            self.paused(error.with_request(&method, &uri), least, reloads)
        })
    }

    /// `error` as a failure, and the pause that it asks for: at least `least`.
    fn paused(&self, error: HttpError, least: Option<Duration>, reloads: Reloads) -> Failure {
        let failure = Failure::from(error);
        let wait = failure.retry_after.max(least);
        let failure = failure.with_retry_after(wait);
        if let Some(wait) = failure.retry_after {
            self.pause_for(wait, reloads);
        }
        failure
    }

    /// Why `response` is of no use, and the wait that it asks for by other means than `Retry-After`.
    fn explained(
        &self,
        response: &Response<Bytes>,
        error: AnswerError,
    ) -> (HttpError, Option<Duration>) {
        let secrets = Secrets::of_way(response);
        let body = response.body();
        let error = match error {
            AnswerError::Malformed(_) => self.exchange.parse_refusal(body).unwrap_or(error),
            AnswerError::Refused { .. } => error,
        };
        let (cause, is_too_many, until_ms) = match &error {
            AnswerError::Malformed(_) if body.is_empty() => {
                ("its body is empty".to_owned(), false, None)
            }
            AnswerError::Malformed(malformed) => {
                (words(malformed.reason().to_owned(), &secrets), false, None)
            }
            AnswerError::Refused {
                message,
                is_too_many,
                until_ms,
            } => {
                let message = words(message.clone(), &secrets);
                (format!("refused: {message}"), *is_too_many, *until_ms)
            }
        };
        let error = unreadable(response, cause);
        // A ban that is over by then ends by itself, and so does one by a clock that is wrong.
        let ban = until_ms
            .and_then(|until_ms| UNIX_EPOCH.checked_add(Duration::from_millis(until_ms)))
            .map(|until| wait_until(until, response.headers()))
            .filter(|wait| !wait.is_zero());
        let least = ban.or_else(|| pause(&error, is_too_many));
        (error, least)
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

/// The wait after an answer that does not say how long, if it is of too many requests, by its words or
/// by its status.
fn pause(error: &HttpError, is_too_many: bool) -> Option<Duration> {
    let statuses = [StatusCode::IM_A_TEAPOT, StatusCode::TOO_MANY_REQUESTS];
    let is_meant = is_too_many || error.status().is_some_and(|it| statuses.contains(&it));
    (is_meant && error.retry_after().is_none()).then_some(PAUSE)
}
