//! Why a benchmark could not be run.

use std::error::Error;

/// Any reason: a benchmark that fails is reported and the others continue.
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

pub(crate) type Result<T> = std::result::Result<T, BoxError>;

/// `error` and what caused it, in one line.
pub(crate) fn chain(error: &BoxError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
