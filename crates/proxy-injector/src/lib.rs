//! Connects policy and mechanism: settings, route, dialer, transport.
//!
//! Layer 4, and the only crate that knows both the configuration and how connections are made. A
//! [`ProxyInjector`] has the settings. Its [`Scope`] for an exchange has the exchange's REST
//! session and WebSocket dialer:
//!
//! ```
//! use std::sync::Arc;
//!
//! use proxy_config::{ConnectionProxies, ExchangeId, ProxyConfig, ProxySettings, Transport};
//! use proxy_injector::ProxyInjector;
//! use proxy_resolve::RouteSource;
//!
//! let proxy = ProxyConfig::new("socks5h://alice:secret@proxy.example:1080".parse()?);
//! let settings = ProxySettings::enabled()
//!     .with_default(ConnectionProxies::both(proxy));
//! let injector = Arc::new(ProxyInjector::new(settings));
//!
//! let binance = injector.exchange(ExchangeId::new("binance")?);
//! assert_eq!(binance.resolve(Transport::WebSocket).source(), RouteSource::Default);
//! let rest = binance.http();           // a transport::HttpTransport
//! let streams = binance.websocket();   // a transport::WsDialer
//! # let _ = (rest, streams);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Every connection that is opened is logged as one `INFO` line with `transport`, `exchange`,
//! `scheme`, `endpoint` and `source`, and never a user name or a password.
//!
//! Every dial is a span `dial` of level `INFO`, which a subscriber such as that of `tracing-opentelemetry`
//! turns into a trace; without one it costs nothing. Through a pool, each member that is tried is a dial.
//! A span ends with the phase of the dial that is the last: TLS with the exchange for REST, the upgrade for
//! a WebSocket.
//!
//! | field | is |
//! |---|---|
//! | `transport`, `exchange` | `http` or `websocket`; for which exchange, if it is for one |
//! | `route`, `source` | the proxies, without their logins, or `direct`; why, as a [`RouteSource`](proxy_resolve::RouteSource) |
//! | `server.address`, `server.port` | where the dial goes |
//! | `otel.kind`, `otel.status_code` | `client`; `OK` or `ERROR`, nothing if the dial was given up or its route has changed |
//! | `hop`, `phase`, `error.type` | of a failure: with whom, in which phase, and its kind, as in [`DialError`](transport::DialError) |
//!
//! In the span of a dial that succeeds, each phase is an event `phase` of level `DEBUG`, with `hop`, `phase`
//! and `elapsed_s`, in seconds.

mod accounts;
mod admission;
mod checks;
mod clients;
mod close_on_reroute;
mod dial_span;
mod dialer;
mod dialer_factory;
mod dials;
mod egress_budgets;
mod egress_mirror;
mod egresses;
mod exhaustion;
mod exits;
mod failover;
#[cfg(feature = "ring")]
mod global;
mod injector;
mod learning;
mod listed;
mod live;
mod logged_dialer;
mod metrics;
mod patience;
mod pool;
mod proxy_source;
mod query;
mod refusing_dialer;
mod reload;
mod revocable;
mod route_key;
mod routed;
mod scope;
mod session;
mod snapshot;
mod sources;
mod stack_request;

pub use egress_mirror::{EgressMirror, read_egress};
pub use egresses::EgressSource;
#[cfg(feature = "ring")]
pub use global::{init_proxy_system, proxy_injector};
pub use injector::ProxyInjector;
pub use learning::{LearnedEgress, UnknownEgress};
pub use listed::NoProxyListed;
pub use metrics::METRICS;
#[cfg(feature = "metrics")]
pub use metrics::describe_metrics;
pub use pool::{Attempts, Lease, ProxyPool};
pub use proxy_source::ProxySource;
pub use reload::{ReloadError, RouteChange, RouteOwner};
pub use scope::Scope;
pub use session::{HttpSession, WsSession};
pub use snapshot::{
    BreakerState, BudgetSnapshot, DialCounts, DialLatency, ExitSnapshot, FailedDials, LastFailure,
    ListSnapshot, Mark, MemberSnapshot, PoolSnapshot, RouteSnapshot, Since, Snapshot, Until, Way,
};
pub use stack_request::{StackError, StackRequest};

/// Runs the code in this crate's README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadMe;
