//! What is recorded when it happens.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use metrics::{Counter, Label};
use proxy_config::{ExchangeId, Exit, Transport};
use transport::{ConnectionInfo, DialError, Message};
use transport_ws::{FrameObserver, Hooks};

use super::{DIAL_DURATION, DIALS, METRICS, Names, RECEIVED_BYTES, RECEIVED_MESSAGES, RELOADS};
use crate::dialer_factory::endpoint;
use crate::dials::word;

/// Tells the recorder of the program the kind, unit and meaning of each of [`METRICS`](crate::METRICS). To
/// be called once, when there is one.
pub fn describe_metrics() {
    for metric in METRICS {
        metric.describe();
    }
}

/// The name of an exchange, or of none.
pub(super) fn name_of(exchange: Option<&ExchangeId>) -> String {
    exchange.map_or("-", ExchangeId::as_str).to_owned()
}

/// What `exit` is called, without logins.
pub(crate) fn name_of_exit(exit: &Exit) -> String {
    match exit.proxy() {
        Some(proxy) => endpoint(proxy.url()).to_string(),
        None => exit.to_string(),
    }
}

/// Counts dials of one exchange and transport through one exit.
#[derive(Debug, Clone)]
pub(crate) struct DialMeter([Label; 3]);

impl DialMeter {
    pub(crate) fn new(
        exchange: Option<&ExchangeId>,
        transport: Transport,
        exit: &Exit,
        names: &Names,
    ) -> Self {
        Self([
            Label::new("exchange", name_of(exchange)),
            Label::new("transport", transport.to_string()),
            Label::new("proxy", names.bounded(name_of_exit(exit))),
        ])
    }

    pub(crate) fn end(&self, error: Option<&DialError>, took: Duration) {
        match error {
            None => {
                self.count(String::new(), "ok");
                metrics::histogram!(DIAL_DURATION.name, self.0.to_vec()).record(took);
            }
            Some(error) => self.count(error.phase().to_string(), word(error.kind())),
        }
    }

    pub(crate) fn give_up(&self) {
        self.count(String::new(), "given_up");
    }

    /// An empty label is none for Prometheus.
    fn count(&self, phase: String, outcome: &'static str) {
        let more = [
            Label::new("phase", phase),
            Label::from_static_parts("outcome", outcome),
        ];
        let labels: Vec<_> = self.0.iter().cloned().chain(more).collect();
        metrics::counter!(DIALS.name, labels).increment(1);
    }
}

/// Has what comes over connections with `hooks` counted.
pub(crate) fn count_frames(hooks: Hooks, exchange: Option<&ExchangeId>) -> Hooks {
    let name = name_of(exchange);
    hooks.with_observer(Arc::new(FrameMeter {
        messages: metrics::counter!(RECEIVED_MESSAGES.name, "exchange" => name.clone()),
        bytes: metrics::counter!(RECEIVED_BYTES.name, "exchange" => name),
    }))
}

struct FrameMeter {
    messages: Counter,
    bytes: Counter,
}

impl FrameObserver for FrameMeter {
    fn observe(&self, _: &ConnectionInfo, frame: &Message, _: SystemTime) {
        self.messages.increment(1);
        let bytes = match frame {
            Message::Text(bytes)
            | Message::Binary(bytes)
            | Message::Ping(bytes)
            | Message::Pong(bytes) => bytes.len(),
            _ => 0,
        };
        self.bytes
            .increment(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    fn wants_time(&self) -> bool {
        false
    }
}

pub(crate) fn count_reload(is_applied: bool) {
    let outcome = if is_applied { "applied" } else { "refused" };
    metrics::counter!(RELOADS.name, "outcome" => outcome).increment(1);
}
