//! What is recorded of REST requests.

use std::fmt;
use std::time::Duration;

use http::StatusCode;
use metrics::{Histogram, Label};
use proxy_config::{ExchangeId, Exit};
use tokio::time::Instant;
use transport::{DialError, HttpError, HttpErrorKind};

use super::recorder::{name_of, name_of_exit};
use super::{Names, REQUEST_DURATION};
use crate::dials::word;

/// Measures the requests of one exchange through one exit.
pub(crate) struct RequestMeter {
    labels: [Label; 2],
    ok: Histogram,
}

impl RequestMeter {
    pub(crate) fn new(exchange: Option<&ExchangeId>, exit: &Exit, names: &Names) -> Self {
        let labels = [
            Label::new("exchange", name_of(exchange)),
            Label::new("proxy", names.bounded(name_of_exit(exit))),
        ];
        let ok = series(&labels, OK);
        Self { labels, ok }
    }

    /// Measures `request`, which is answered with a status.
    pub(crate) async fn measure<T>(
        &self,
        request: impl Future<Output = Result<T, HttpError>>,
        status: impl FnOnce(&T) -> StatusCode,
    ) -> Result<T, HttpError> {
        let measured = Measured {
            meter: self,
            since: Instant::now(),
            outcome: "given_up",
        };
        let answer = request.await;
        measured.end(match &answer {
            Ok(answer) => of_status(status(answer)),
            Err(error) => of_error(error),
        });
        answer
    }

    fn record(&self, outcome: &'static str, took: Duration) {
        match outcome {
            OK => self.ok.record(took),
            _ => series(&self.labels, outcome).record(took),
        }
    }
}

impl fmt::Debug for RequestMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestMeter").finish_non_exhaustive()
    }
}

const OK: &str = "ok";

fn series(labels: &[Label; 2], outcome: &'static str) -> Histogram {
    let outcome = Label::from_static_parts("outcome", outcome);
    let labels: Vec<_> = labels.iter().cloned().chain([outcome]).collect();
    metrics::histogram!(REQUEST_DURATION.name, labels)
}

/// A request under way. Dropped before its end, it was given up.
struct Measured<'a> {
    meter: &'a RequestMeter,
    since: Instant,
    outcome: &'static str,
}

impl Measured<'_> {
    fn end(mut self, outcome: &'static str) {
        self.outcome = outcome;
    }
}

impl Drop for Measured<'_> {
    fn drop(&mut self) {
        self.meter.record(self.outcome, self.since.elapsed());
    }
}

fn of_status(status: StatusCode) -> &'static str {
    match status.as_u16() {
        403 | 451 => "declined",
        418 | 429 => "limited",
        400..=499 => "4xx",
        500.. => "5xx",
        _ => OK,
    }
}

fn of_error(error: &HttpError) -> &'static str {
    if let Some(error) = DialError::find(error) {
        return word(error.kind());
    }
    match error.kind() {
        HttpErrorKind::Request => "invalid",
        HttpErrorKind::Timeout => "timeout",
        HttpErrorKind::Broken => "broken",
        HttpErrorKind::TooLarge => "too_large",
        HttpErrorKind::Unreadable => "unreadable",
        HttpErrorKind::Status(status) => of_status(status),
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart_by_what_somebody_has_to_do_about_them() {
        for (status, outcome) in [
            (200, "ok"),
            (304, "ok"),
            (400, "4xx"),
            (403, "declined"),
            (418, "limited"),
            (429, "limited"),
            (451, "declined"),
            (502, "5xx"),
        ] {
            assert_eq!(of_status(StatusCode::from_u16(status).unwrap()), outcome);
        }
        let late = HttpError::new(HttpErrorKind::Timeout, "late");
        assert_eq!(of_error(&late), "timeout");
    }
}
