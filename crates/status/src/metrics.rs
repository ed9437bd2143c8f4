//! Metrics, in the text format of Prometheus.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use metrics::{counter, gauge, histogram};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use parking_lot::Mutex;
use transport::Metric;

use crate::model::{State, Status};
use crate::symbol_metrics;

/// What is told beside the metrics of [`proxy_injector`] and [`feeds`]. No series has a symbol; see
/// [`SYMBOL_METRICS`](crate::SYMBOL_METRICS).
pub const METRICS: &[Metric] = &[
    BUILD,
    START,
    READY,
    FAULTS,
    SYMBOLS,
    OUTPUT_EVENTS,
    OUTPUT_WAITING,
    OUTPUT_LATENCY,
    FLEET_CONNECTED,
    FLEET_COLLECTORS,
    FLEET_DIFFERING,
    FLEET_SHARDS,
];

const BUILD: Metric = Metric::gauge(
    "cryptofeed_build_info",
    &["program"],
    "1, with the name and the version of the program.",
);

const START: Metric = Metric::gauge(
    "cryptofeed_start_time_seconds",
    &[],
    "When the program began, in seconds since 1970, UTC.",
);

const READY: Metric = Metric::gauge(
    "cryptofeed_ready",
    &[],
    "1 if `/ready` answers 200, else 0.",
);

const FAULTS: Metric = Metric::gauge(
    "cryptofeed_faults",
    &[],
    "How many culprits `/ready` names, with those beyond the first hundred.",
);

const SYMBOLS: Metric = Metric::gauge(
    "cryptofeed_symbols",
    &["exchange", "state"],
    "Symbols by their state: `live`, `joining`, `not_trading`, `invalid`, `stale` or `unconnected`.",
);

const OUTPUT_EVENTS: Metric = Metric::counter(
    "cryptofeed_output_events_total",
    &[],
    "Events that their reader has taken.",
);

const OUTPUT_WAITING: Metric = Metric::gauge(
    "cryptofeed_output_waiting_events",
    &[],
    "Events that have come and are not written.",
);

const OUTPUT_LATENCY: Metric = Metric::histogram(
    "cryptofeed_output_latency_seconds",
    &[],
    "From the receipt of a message until its event is written; of what is written together, the last one counts.",
);

const FLEET_CONNECTED: Metric = Metric::gauge(
    "cryptofeed_fleet_connected",
    &[],
    "In a fleet: 1 if its server answers, else 0.",
);

const FLEET_COLLECTORS: Metric = Metric::gauge(
    "cryptofeed_fleet_collectors",
    &[],
    "In a fleet: how many collectors are there, as far as this one knows.",
);

const FLEET_DIFFERING: Metric = Metric::gauge(
    "cryptofeed_fleet_differing",
    &[],
    "In a fleet: how many of the other collectors have other feeds than this one, or publish to another stream.",
);

const FLEET_SHARDS: Metric = Metric::gauge(
    "cryptofeed_fleet_shards",
    &["state"],
    "In a fleet: shards of the symbols that are published (`owned`), and those of them that no other collector can have now (`confirmed`).",
);

/// The upper ends of the ranges that times are counted in, in seconds: from what a loop on one machine takes to
/// a dial through a slow proxy.
const BUCKETS: [f64; 15] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// Records the metrics of this process.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
    /// The exchanges that have been told of.
    exchanges: Arc<Mutex<BTreeSet<String>>>,
    has_symbols: bool,
}

/// Why metrics are not recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetricsError {
    /// Another recorder has the metrics of this process.
    #[error("another recorder has the metrics of this process")]
    Taken,
    /// The exporter does not take what it is told.
    #[error("the exporter does not take its settings")]
    Settings,
}

impl Metrics {
    /// Records from now on what this process does. What was counted before is not in it, so this is to be done
    /// before there is an injector.
    ///
    /// # Errors
    /// [`MetricsError::Taken`] if it is done for the second time, or by a recorder of the program's own.
    pub fn install() -> Result<Self, MetricsError> {
        let recorder = recorder()?;
        let told = Self::of(&recorder);
        metrics::set_global_recorder(recorder).map_err(|_| MetricsError::Taken)?;
        proxy_injector::describe_metrics();
        feeds::describe_metrics();
        METRICS.iter().copied().for_each(Metric::describe);
        Ok(told)
    }

    fn of(recorder: &PrometheusRecorder) -> Self {
        Self {
            handle: recorder.handle(),
            exchanges: Arc::default(),
            has_symbols: false,
        }
    }

    /// Tells each symbol and channel apart, too: four series each, of about 100 bytes. Whoever collects them has to
    /// keep as many.
    #[must_use]
    pub fn with_symbols(self) -> Self {
        Self {
            has_symbols: true,
            ..self
        }
    }

    /// All metrics, with those of `status`, in the text format of Prometheus.
    #[must_use]
    pub fn render(&self, status: &Status) -> String {
        set(status);
        self.count_symbols(status);
        let mut text = self.handle.render();
        if self.has_symbols {
            symbol_metrics::append(&mut text, status);
        }
        text
    }

    /// Counts the symbols of each exchange. One that is gone has none: whoever collects its series would take
    /// the last counts for those of now.
    fn count_symbols(&self, status: &Status) {
        let mut exchanges = self.exchanges.lock();
        exchanges.extend(status.exchanges.iter().map(|it| it.exchange.clone()));
        for name in &*exchanges {
            let known = status.exchanges.iter().filter(|it| it.exchange == *name);
            let mut counts: HashMap<State, usize> = State::ALL.map(|state| (state, 0)).into();
            for symbol in known.flat_map(|it| &it.symbols) {
                *counts.entry(symbol.state).or_default() += 1;
            }
            for (state, count) in counts {
                let labels = [
                    ("exchange", name.clone()),
                    ("state", state.word().to_owned()),
                ];
                gauge!(SYMBOLS.name, &labels).set(number(count));
            }
        }
    }

    /// Puts into its buckets what has been measured since the last time. To be called now and then, since
    /// every value is kept until it is.
    pub fn settle(&self) {
        self.handle.run_upkeep();
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

fn recorder() -> Result<PrometheusRecorder, MetricsError> {
    let times = Matcher::Suffix("_seconds".to_owned());
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(times, &BUCKETS)
        .map_err(|_| MetricsError::Settings)?;
    Ok(builder.build_recorder())
}

/// An event has been written so long after its message was received, in nanoseconds.
pub(crate) fn record_output_latency(nanos: i64) {
    histogram!(OUTPUT_LATENCY.name).record(seconds(nanos.max(0)));
}

fn set(status: &Status) {
    gauge!(BUILD.name, "program" => status.program.clone()).set(1.0);
    gauge!(START.name).set(seconds(status.started_ns));
    let readiness = &status.readiness;
    gauge!(READY.name).set(f64::from(u8::from(readiness.is_ready)));
    gauge!(FAULTS.name).set(number(readiness.culprits.len() + readiness.more));
    counter!(OUTPUT_EVENTS.name).absolute(status.output.events);
    let waiting = usize::try_from(status.output.waiting).unwrap_or(usize::MAX);
    gauge!(OUTPUT_WAITING.name).set(number(waiting));
    if let Some(fleet) = status.fleet {
        let connected = u8::from(fleet.is_connected);
        gauge!(FLEET_CONNECTED.name).set(f64::from(connected));
        gauge!(FLEET_COLLECTORS.name).set(number(fleet.collectors));
        gauge!(FLEET_DIFFERING.name).set(number(fleet.differing));
        gauge!(FLEET_SHARDS.name, "state" => "owned").set(number(fleet.owned));
        gauge!(FLEET_SHARDS.name, "state" => "confirmed").set(number(fleet.confirmed));
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn number(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "a metric is a float")]
fn seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::status;

    #[test]
    fn an_exchange_that_a_reload_removes_has_no_symbols_any_longer() {
        let recorder = recorder().unwrap();
        let told = Metrics::of(&recorder);
        let _recorder = metrics::set_default_local_recorder(&recorder);
        let mut status = status(&["A-B"]);
        let live = "cryptofeed_symbols{exchange=\"binance\",state=\"live\"}";
        assert!(told.render(&status).contains(&format!("{live} 1\n")));
        status.exchanges.clear();
        let metrics = told.render(&status);
        assert!(metrics.contains(&format!("{live} 0\n")), "{metrics}");
    }
}
