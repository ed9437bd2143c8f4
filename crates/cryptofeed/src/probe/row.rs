//! A line of the report.

use std::net::IpAddr;
use std::time::Duration;

use proxy_config::{ExchangeId, Exit, ProxyConfig};
use serde::Serialize;
use transport::{Phase, Timing};

use super::dial::Outcome;
use super::egress::Egresses;
use super::line::{Candidate, Line};
use super::verdict::{Trouble, Verdict};

#[derive(Debug, Serialize)]
pub(super) struct Row {
    exchange: ExchangeId,
    transport: &'static str,
    destination: String,
    route: &'static str,
    #[serde(skip)]
    way: String,
    #[serde(skip)]
    exit: Option<String>,
    proxy: Option<ProxyConfig>,
    /// Where on this machine the connection begins, if that is configured.
    bind: Option<String>,
    /// The address that exchanges see, as far as the configuration says it.
    egress: Option<IpAddr>,
    /// The one that has been found.
    seen_egress: Option<IpAddr>,
    /// Why none has been found, or what is wrong with it.
    egress_error: Option<String>,
    /// Of a member of a pool.
    enabled: Option<bool>,
    timings: Vec<Share>,
    total_ms: Option<f64>,
    verdict: &'static str,
    failure: Option<Explanation>,
}

/// How long a phase took.
#[derive(Debug, Serialize)]
struct Share {
    hop: String,
    #[serde(serialize_with = "as_text")]
    phase: Phase,
    ms: f64,
}

#[derive(Debug, Serialize)]
struct Explanation {
    hop: String,
    phase: String,
    status: Option<u16>,
    error: String,
    advice: Option<&'static str>,
}

impl Row {
    /// The row of `line`; without an outcome if it was interrupted. `egresses` has what was found of its
    /// exit, if that was asked for.
    pub(super) fn new(line: Line, outcome: Option<Outcome>, egresses: &Egresses) -> Self {
        let exit = line.candidate.exit();
        let learned = exit.and_then(|exit| egresses.get(exit));
        let configured = exit.and_then(Exit::configured_egress);
        let (seen_egress, egress_error) = match learned {
            None => (None, None),
            Some(Err(error)) => (None, Some(format!("failed to {error}"))),
            Some(Ok(seen)) => {
                let other = configured.filter(|configured| configured != seen);
                let error = other.map(|other| format!("it is {seen}, and `egress` says {other}"));
                (Some(*seen), error)
            }
        };
        let (route, enabled) = match line.candidate {
            Candidate::Only(Exit::Direct | Exit::DirectFrom(_)) => ("direct", None),
            Candidate::Only(Exit::Proxy(_)) => ("proxy", None),
            Candidate::Member { is_enabled, .. } => ("pool", Some(is_enabled)),
            Candidate::Unlisted(_) => ("pool", None),
            Candidate::Refused => ("refused", None),
        };
        let verdict = outcome
            .as_ref()
            .map_or(Verdict::Interrupted, Outcome::verdict);
        let trouble = outcome
            .as_ref()
            .and_then(|outcome| outcome.trouble.as_ref());
        Self {
            transport: line.transport.as_str(),
            destination: line.address.to_string(),
            route,
            way: line.candidate.to_string(),
            proxy: line.candidate.proxy().cloned(),
            exit: exit.map(ToString::to_string),
            egress: exit.and_then(Exit::egress),
            seen_egress,
            egress_error,
            bind: exit.and_then(Exit::bind).map(ToString::to_string),
            exchange: line.exchange,
            enabled,
            verdict: verdict.as_str(),
            failure: trouble.map(Explanation::new),
            total_ms: outcome.as_ref().map(|outcome| millis(outcome.total)),
            timings: outcome.map_or_else(Vec::new, |outcome| {
                outcome.timings.iter().map(Share::new).collect()
            }),
        }
    }

    /// Whether the failure matters to programs with this configuration. They do not use a disabled
    /// member of a pool.
    pub(super) fn has_failed(&self) -> bool {
        let is_ok = self.verdict == Verdict::Ok.as_str() && self.egress_error.is_none();
        self.enabled != Some(false) && !is_ok
    }

    pub(super) fn cells(&self) -> [String; 12] {
        let verdict = match &self.failure {
            Some(failure) => format!("{} in {}, {}", self.verdict, failure.phase, failure.hop),
            None => self.verdict.to_owned(),
        };
        [
            self.exchange.to_string(),
            self.transport.to_owned(),
            self.way.clone(),
            self.egress_cell(),
            self.cell(&[Phase::Dns]),
            self.cell(&[Phase::Tcp]),
            self.cell(&[Phase::ProxyTls]),
            self.cell(&[Phase::ProxyHandshake]),
            self.cell(&[Phase::TargetTls]),
            self.cell(&[Phase::Upgrade, Phase::Response]),
            text(self.total_ms),
            verdict,
        ]
    }

    /// The error, and advice.
    pub(super) fn note(&self) -> Option<String> {
        let Explanation { error, advice, .. } = self.failure.as_ref()?;
        let (exchange, transport, way) = (&self.exchange, self.transport, &self.way);
        let advice = advice.map_or_else(String::new, |advice| format!("\n  -> {advice}"));
        Some(format!(
            "{exchange} {transport}, {way}:\n  failed to {error}{advice}\n"
        ))
    }

    fn egress_cell(&self) -> String {
        match (self.seen_egress, &self.egress_error) {
            (Some(seen), None) => seen.to_string(),
            (Some(seen), Some(_)) => format!("{seen}, unexpected"),
            (None, Some(_)) => "unknown".to_owned(),
            (None, None) => or_dash(self.egress.map(|address| address.to_string())),
        }
    }

    /// What is wrong with the address of the exit.
    pub(super) fn egress_note(&self) -> Option<String> {
        let (exit, error) = (self.exit.as_ref()?, self.egress_error.as_ref()?);
        Some(format!("egress of {exit}:\n  {error}\n"))
    }

    /// The time of these phases, as the sum of all hops.
    fn cell(&self, phases: &[Phase]) -> String {
        let shares = self.timings.iter();
        let shares = shares.filter(|share| phases.contains(&share.phase));
        text(shares.map(|share| share.ms).reduce(|a, b| a + b))
    }
}

impl Share {
    fn new(timing: &Timing) -> Self {
        Self {
            hop: timing.hop.to_string(),
            phase: timing.phase,
            ms: millis(timing.elapsed),
        }
    }
}

impl Explanation {
    fn new(trouble: &Trouble) -> Self {
        Self {
            hop: trouble.hop.to_string(),
            phase: trouble.phase.to_string(),
            status: trouble.status,
            error: trouble.error.clone(),
            advice: trouble.advice(),
        }
    }
}

/// Milliseconds, to the microsecond.
fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

fn text(ms: Option<f64>) -> String {
    or_dash(ms.map(|ms| format!("{ms:.1}")))
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

fn as_text<S: serde::Serializer>(phase: &Phase, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(phase)
}
