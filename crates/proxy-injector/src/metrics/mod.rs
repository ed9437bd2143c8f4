//! The metrics of dials, exits and budgets.
//!
//! Without the feature `metrics`, the recorder is a module of the same functions that do nothing and hold
//! nothing.

#[cfg(feature = "metrics")]
mod gauges;
#[cfg(feature = "metrics")]
mod names;
#[cfg(not(feature = "metrics"))]
mod no_recorder;
#[cfg(feature = "metrics")]
mod recorder;
#[cfg(feature = "metrics")]
mod requests;

use transport::Metric;

#[cfg(feature = "metrics")]
pub(crate) use self::gauges::Gauges;
#[cfg(feature = "metrics")]
pub(crate) use self::names::Names;
#[cfg(not(feature = "metrics"))]
pub(crate) use self::no_recorder::{DialMeter, Names, RequestMeter, count_frames, count_reload};
#[cfg(feature = "metrics")]
pub use self::recorder::describe_metrics;
#[cfg(feature = "metrics")]
pub(crate) use self::recorder::{DialMeter, count_frames, count_reload, name_of_exit};
#[cfg(feature = "metrics")]
pub(crate) use self::requests::RequestMeter;

/// What the feature `metrics` has this crate record by the facade of the crate `metrics`.
///
/// `proxy` is the exit without its login: `host:port` of the last proxy, `direct`, or `direct from` a local
/// address. `egress` is what budgets are counted by: the address of the exit, if that is known. `exchange` is `-`
/// for connections without one. The first 1,024 proxies and egresses have series of their own; all others are `other`,
/// since lists may bring new ones without end.
pub const METRICS: &[Metric] = &[
    DIALS,
    DIAL_DURATION,
    REQUEST_DURATION,
    RECEIVED_MESSAGES,
    RECEIVED_BYTES,
    CONNECTIONS,
    LEASES,
    POOL_MEMBERS,
    BANS,
    BUDGET,
    BUDGET_LEFT,
    RELOADS,
];

const DIALS: Metric = Metric::counter(
    "cryptofeed_dials_total",
    &["exchange", "transport", "proxy", "phase", "outcome"],
    "Dials by outcome: `ok`, `given_up`, or the kind of the failure in its phase.",
);

const DIAL_DURATION: Metric = Metric::histogram(
    "cryptofeed_dial_duration_seconds",
    &["exchange", "transport", "proxy"],
    "How long dials took that succeeded, with TLS to the exchange and the upgrade.",
);

const REQUEST_DURATION: Metric = Metric::histogram(
    "cryptofeed_rest_request_duration_seconds",
    &["exchange", "proxy", "outcome"],
    "How long REST requests took, from when the budget admits them until the whole answer is there, with the dial of a \
     new connection. By outcome: `ok` (2xx, 3xx), `declined` (403, 451), `limited` (418, 429), `4xx` and `5xx` for other \
     answers, `given_up`, or the kind of the failure.",
);

const RECEIVED_MESSAGES: Metric = Metric::counter(
    "cryptofeed_websocket_received_messages_total",
    &["exchange"],
    "Messages that came by WebSocket, with pings.",
);

const RECEIVED_BYTES: Metric = Metric::counter(
    "cryptofeed_websocket_received_bytes_total",
    &["exchange"],
    "Bytes of the messages that came by WebSocket, without their frames.",
);

const CONNECTIONS: Metric = Metric::gauge(
    "cryptofeed_connections",
    &["proxy"],
    "Connections that are open.",
);

const LEASES: Metric = Metric::gauge(
    "cryptofeed_proxy_leases",
    &["proxy"],
    "Connections that have a member of a pool, with those that are being made.",
);

const POOL_MEMBERS: Metric = Metric::gauge(
    "cryptofeed_pool_members",
    &["proxy", "state"],
    "Members of pools by the state of their breaker: `closed`, `open` or `half_open`. More than one if they differ \
     in their logins only.",
);

const BANS: Metric = Metric::gauge(
    "cryptofeed_proxy_bans",
    &["exchange", "proxy", "reason"],
    "1 while an exchange is not asked through a member of a pool: it is `declined` (403, 451) or `banned` (418).",
);

const BUDGET: Metric = Metric::gauge(
    "cryptofeed_budget_units",
    &["exchange", "egress", "budget"],
    "How much the exchange allows by the egress within the window of the budget.",
);

const BUDGET_LEFT: Metric = Metric::gauge(
    "cryptofeed_budget_left_units",
    &["exchange", "egress", "budget"],
    "How much of that is left; the rest is used.",
);

const RELOADS: Metric = Metric::counter(
    "cryptofeed_reloads_total",
    &["outcome"],
    "New settings, by whether they were `applied` or `refused`.",
);
