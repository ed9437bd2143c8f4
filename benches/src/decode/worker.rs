//! The decoders of Python.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Cost;
use crate::child::Child;
use crate::error::Result;
use crate::python;

/// The process that decodes in Python; it starts when it is needed.
#[derive(Debug, Default)]
pub(super) struct Worker(Option<Child>);

#[derive(Debug, Serialize)]
struct Task<'a> {
    decoder: &'static str,
    messages: &'a [String],
    levels: usize,
    window: f64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Nanoseconds(f64),
    Error(String),
}

impl Worker {
    pub(super) fn measure(
        &mut self,
        decoder: &'static str,
        messages: &[String],
        levels: usize,
        window: Duration,
    ) -> Result<Cost> {
        let mut child = match self.0.take() {
            Some(child) => child,
            None => python::start("decode.py", &[])?,
        };
        child.tell(&Task {
            decoder,
            messages,
            levels,
            window: window.as_secs_f64(),
        })?;
        let answer = child.hear()?;
        self.0 = Some(child);
        match answer {
            Answer::Nanoseconds(nanoseconds) => Ok(Cost {
                nanoseconds,
                allocations: None,
            }),
            Answer::Error(error) => Err(error.into()),
        }
    }
}
