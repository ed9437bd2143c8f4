//! What hyper reports, in the terms of the seam.

use std::error::Error;
use std::io;

use http_body_util::LengthLimitError;
use transport::{BoxError, DialError, DialErrorKind, Hop, HttpError, HttpErrorKind, Phase, chain};

/// A request to `exchange` that got no response.
pub(crate) fn no_response(exchange: Hop, error: &hyper_util::client::legacy::Error) -> HttpError {
    match DialError::find(error) {
        Some(dial) => dial.clone().into(),
        // The pool's own words, "client error", say nothing.
        None => broken(exchange, error.source().unwrap_or(error)),
    }
}

/// A response of `exchange` whose body did not end well, or has more than `limit` bytes.
pub(crate) fn no_body(exchange: Hop, limit: usize, error: &BoxError) -> HttpError {
    if error.is::<LengthLimitError>() {
        let cause = format!("it has more than {limit} bytes");
        HttpError::new(HttpErrorKind::TooLarge, cause)
    } else {
        broken(exchange, &**error)
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
