//! One span for each dial, for a program that traces.

use std::sync::Arc;

use async_trait::async_trait;
use proxy_config::{ExchangeId, Exit, Transport};
use proxy_resolve::RouteSource;
use tracing::field::Empty;
use tracing::{Instrument, Span};
use transport::{Connection, ConnectionInfo, DialError, Dialer, Endpoint, Target};

//     span "dial"                          from the first look-up to the last phase
//       event "phase" for each phase       when the dial has succeeded
/// Whose a dial is, and the route that it takes.
#[derive(Clone)]
pub(crate) struct DialSpan {
    pub(crate) transport: Transport,
    pub(crate) exchange: Option<ExchangeId>,
    pub(crate) exit: Exit,
    pub(crate) source: RouteSource,
}

impl DialSpan {
    /// Runs `dial` to `target` within a span, which tells how it ends. Of what has been made, `info` tells
    /// how.
    pub(crate) async fn around<T>(
        &self,
        target: &Endpoint,
        info: impl Fn(&T) -> &ConnectionInfo,
        dial: impl Future<Output = Result<T, DialError>>,
    ) -> Result<T, DialError> {
        let span = self.begin(target);
        let dialed = dial.instrument(span.clone()).await;
        // Nobody looks: nothing is formatted.
        if !span.is_disabled() {
            match &dialed {
                Ok(made) => succeed(&span, info(made)),
                Err(error) => fail(&span, error),
            }
        }
        dialed
    }

    // The names with dots are those of OpenTelemetry and its layer.
    fn begin(&self, target: &Endpoint) -> Span {
        tracing::info_span!(
            target: "proxy_injector",
            "dial",
            otel.kind = "client",
            otel.status_code = Empty,
            transport = %self.transport,
            exchange = self.exchange.as_ref().map(ExchangeId::as_str),
            // Without the logins.
            route = %self.exit,
            source = %self.source,
            server.address = %target.host(),
            server.port = target.port(),
            hop = Empty,
            phase = Empty,
            error.type = Empty,
        )
    }
}

fn succeed(span: &Span, info: &ConnectionInfo) {
    span.record("otel.status_code", "OK");
    for timing in info.timings() {
        tracing::debug!(
            target: "proxy_injector",
            parent: span,
            hop = %timing.hop,
            phase = %timing.phase,
            elapsed_s = timing.elapsed.as_secs_f64(),
            "phase"
        );
    }
}

fn fail(span: &Span, error: &DialError) {
    span.record("otel.status_code", "ERROR");
    span.record("hop", tracing::field::display(error.hop()));
    span.record("phase", tracing::field::display(error.phase()));
    span.record("error.type", tracing::field::display(error.kind()));
}

/// Dials by another dialer, each time within a span.
pub(crate) struct SpannedDialer {
    pub(crate) span: DialSpan,
    pub(crate) inner: Arc<dyn Dialer>,
}

#[async_trait]
impl Dialer for SpannedDialer {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        let dial = self.inner.dial(target);
        let span = &self.span;
        span.around(target.endpoint(), Connection::info, dial).await
    }
}
