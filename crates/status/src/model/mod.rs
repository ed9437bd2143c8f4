//! What is told, in a form of its own: the page, the probes, `/status.json` and the command show the same
//! values.

mod event;
mod exchange;
mod fleet;
mod proxy;
mod readiness;

use serde::{Deserialize, Serialize};

pub use self::event::{Gravity, NotableEvent};
pub use self::exchange::{
    ChannelView, ConnectionView, ExchangeView, OutageView, State, SymbolView,
};
pub use self::fleet::FleetView;
pub use self::proxy::{BudgetView, ListView, ProxyFailure, ProxyLatency, ProxyView, RouteView};
pub use self::readiness::{Culprit, Fault, Readiness};

/// The state of a program at one moment.
///
/// In JSON, it is one object. New fields do not change its version `v`: a reader ignores what it does not
/// know. Times are nanoseconds since 1970, UTC. It contains no login and no full address of a proxy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The version of this form: [`Status::VERSION`].
    pub v: u32,
    /// The name and the version of the program.
    pub program: String,
    /// When this was taken.
    pub taken_ns: i64,
    /// When the program began.
    pub started_ns: i64,
    /// Whether data flows, and what keeps it from doing so.
    pub readiness: Readiness,
    /// What becomes of the events.
    pub output: Output,
    /// How it stands in its fleet, if it is part of one.
    #[serde(default)]
    pub fleet: Option<FleetView>,
    /// The exchanges, by name.
    pub exchanges: Vec<ExchangeView>,
    /// Which way connections take, and why.
    pub routes: Vec<RouteView>,
    /// What connections leave by: proxies, and this machine itself.
    pub proxies: Vec<ProxyView>,
    /// What is used of the exchanges' limits.
    pub budgets: Vec<BudgetView>,
    /// The lists that pools have their proxies from.
    pub lists: Vec<ListView>,
    /// The last notable events, the newest first.
    pub events: Vec<NotableEvent>,
}

impl Status {
    /// The version of the form.
    pub const VERSION: u32 = 1;
}

/// What becomes of the events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// How many have been taken by their reader.
    pub events: u64,
    /// How many wait for it.
    pub waiting: u64,
    /// How many changes of books were dropped since it was behind.
    pub dropped: u64,
}
