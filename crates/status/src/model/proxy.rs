//! Routes, proxies, and what exchanges allow them.

use serde::{Deserialize, Serialize};

/// Which way the connections of an exchange take, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteView {
    /// The exchange; `None` for any other one.
    pub exchange: Option<String>,
    /// `http` or `websocket`.
    pub transport: String,
    /// `direct`, `refused`, a proxy without its login, or a pool with its strategy.
    pub route: String,
    /// The rule that decided: `exchange`, `default`, `disabled`, `legacy` or `none`.
    pub source: String,
    /// The variable, or the place in a file, that set the rule, where it is known.
    pub set_by: Option<String>,
}

/// What connections leave by: a proxy, with those on the way to it, or this machine itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProxyView {
    /// `direct`, or the proxy without its login.
    pub name: String,
    /// The number of its pool; `None` if it is in none.
    pub pool: Option<usize>,
    /// The state of its breaker, if it is in a pool: `closed`, `open` or `half_open`.
    pub breaker: Option<String>,
    /// Until when the breaker stays open.
    pub opens_until_ns: Option<i64>,
    /// Whether it may be selected at all.
    pub is_enabled: bool,
    /// How many connections have it, with those that are being made, if it is in a pool.
    pub leases: Option<u64>,
    /// How many connections through it are open.
    pub connections: u64,
    /// How many dials have succeeded.
    pub succeeded: u64,
    /// How many dials have failed.
    pub failed: u64,
    /// How long the latest dials took; `None` before the first that succeeded.
    pub latency: Option<ProxyLatency>,
    /// The address that exchanges see, where it is known.
    pub egress: Option<String>,
    /// What it is known from: `configured`, `learned` from a server that has seen it, or `bound`, a local address.
    #[serde(default)]
    pub egress_source: Option<String>,
    /// The last dial or check that failed. It stays when others succeed.
    pub last_failure: Option<ProxyFailure>,
    /// Where it is of no use now, such as at an exchange that has banned it.
    pub marks: Vec<String>,
}

impl ProxyView {
    /// The address that exchanges see, with what it is known from.
    #[must_use]
    pub fn egress_with_source(&self) -> Option<String> {
        let egress = self.egress.as_ref()?;
        Some(match &self.egress_source {
            Some(source) => format!("{egress} ({source})"),
            None => egress.clone(),
        })
    }
}

/// How long dials took, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyLatency {
    /// Half of them took no longer.
    pub p50_ms: u64,
    /// 90 % of them took no longer.
    pub p90_ms: u64,
    /// 99 % of them took no longer.
    pub p99_ms: u64,
}

/// A dial or a check that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyFailure {
    /// When.
    pub at_ns: i64,
    /// The exchange that it was for.
    pub exchange: Option<String>,
    /// The transport that it was for.
    pub transport: String,
    /// What it was doing, such as `proxy handshake`.
    pub phase: String,
    /// The kind of the failure in one word, such as `refused`.
    pub kind: String,
    /// The failure and its causes.
    pub message: String,
}

/// What is used of one limit of an exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetView {
    /// The exchange; `None` for connections without one.
    pub exchange: Option<String>,
    /// Whose it is: `direct`, or `host:port` of a proxy.
    pub egress: String,
    /// The exchange's name for it, such as `weight`.
    pub budget: String,
    /// How much the exchange allows.
    pub units: u64,
    /// In how many milliseconds.
    pub per_ms: u64,
    /// How much of it is used.
    pub used: u64,
    /// How many requests wait for it.
    pub waiting: usize,
    /// Until when the exchange has banned the egress.
    pub banned_until_ns: Option<i64>,
}

/// A list that pools have their proxies from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListView {
    /// Where it is, without what is secret in it.
    pub source: String,
    /// How many proxies the last good one has; `None` if there was none so far.
    pub proxies: Option<usize>,
    /// How many of its entries are not used.
    pub refused: usize,
    /// When it was in order the last time.
    pub last_good_ns: Option<i64>,
    /// Why the latest one is not used, if that is so.
    pub error: Option<String>,
}
