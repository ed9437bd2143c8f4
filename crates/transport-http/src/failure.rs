//! What hyper reports, in the terms of the seam.

use std::error::Error;
use std::io;

use http::Uri;
use hyper_util::client::legacy;
use transport::{
    DialError, DialErrorKind, Elapsed, Hop, HttpError, HttpErrorKind, Phase, Target, chain,
};

/// Why there is no answer.
pub(crate) enum Failure {
    /// There is no head.
    NoHead(legacy::Error),
    /// The body did not end well.
    NoBody(hyper::Error),
    /// The body has more bytes than allowed.
    TooLarge,
    /// A limit was over in that phase.
    Elapsed(Phase, Elapsed),
}

impl Failure {
    /// Of a request for `uri`, if a body may have `limit` bytes.
    pub(crate) fn into_error(self, uri: &Uri, limit: usize) -> HttpError {
        let exchange = match Target::from_http_uri(uri) {
            Ok(target) => Hop::Target(target.endpoint().clone()),
            // The request could not be sent anywhere.
            Err(invalid) => return invalid.into(),
        };
        match self {
            Self::NoHead(error) => match DialError::find(&error) {
                Some(dial) => dial.clone().into(),
                // The pool's own words, "client error", say nothing.
                None => broken(exchange, error.source().unwrap_or(&error)),
            },
            Self::NoBody(error) => broken(exchange, &error),
            Self::TooLarge => {
                let cause = format!("it has more than {limit} bytes");
                HttpError::new(HttpErrorKind::TooLarge, cause)
            }
            Self::Elapsed(phase, elapsed) => {
                let cause = DialError::timeout(exchange, phase, elapsed);
                HttpError::new(HttpErrorKind::Timeout, cause)
            }
        }
    }
}

impl From<legacy::Error> for Failure {
    fn from(error: legacy::Error) -> Self {
        Self::NoHead(error)
    }
}

fn broken(exchange: Hop, error: &(dyn Error + 'static)) -> HttpError {
    let cause = DialError::new(exchange, Phase::Response, kind(error))
        .with_source(chain(error).to_string());
    HttpError::new(HttpErrorKind::Broken, cause)
}

fn kind(error: &(dyn Error + 'static)) -> DialErrorKind {
    let mut causes = std::iter::successors(Some(error), |error| (*error).source());
    match causes.find_map(|cause| cause.downcast_ref::<io::Error>()) {
        Some(error) => error.into(),
        None => match error.downcast_ref::<hyper::Error>() {
            Some(error) if error.is_parse_too_large() => DialErrorKind::Protocol,
            Some(error) if error.is_parse() => DialErrorKind::WrongProtocol,
            Some(error) if error.is_incomplete_message() || error.is_canceled() => {
                DialErrorKind::Closed
            }
            _ => DialErrorKind::Io,
        },
    }
}
