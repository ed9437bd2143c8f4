//! Nothing is recorded.

use std::time::Duration;

use http::StatusCode;
use proxy_config::{ExchangeId, Exit, Transport};
use transport::{DialError, HttpError};
use transport_ws::Hooks;

#[derive(Debug, Default)]
pub(crate) struct Names;

#[derive(Debug, Clone)]
pub(crate) struct DialMeter;

impl DialMeter {
    pub(crate) fn new(_: Option<&ExchangeId>, _: Transport, _: &Exit, _: &Names) -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "the meter that records needs it")]
    pub(crate) fn end(&self, _: Option<&DialError>, _: Duration) {}

    #[expect(clippy::unused_self, reason = "the meter that records needs it")]
    pub(crate) fn give_up(&self) {}
}

#[derive(Debug)]
pub(crate) struct RequestMeter;

impl RequestMeter {
    pub(crate) fn new(_: Option<&ExchangeId>, _: &Exit, _: &Names) -> Self {
        Self
    }

    pub(crate) async fn measure<T>(
        &self,
        request: impl Future<Output = Result<T, HttpError>>,
        _: impl FnOnce(&T) -> StatusCode,
    ) -> Result<T, HttpError> {
        request.await
    }
}

pub(crate) fn count_frames(hooks: Hooks, _: Option<&ExchangeId>) -> Hooks {
    hooks
}

pub(crate) fn count_reload(_: bool) {}
