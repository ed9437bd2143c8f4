//! The routes.

use proxy_config::Transport;
use serde::{Serialize, Serializer};

use crate::reload::RouteOwner;

/// Which way connections take, and why. What differs by destination, as with the environment's
/// `NO_PROXY`, or by the legacy proxy of a scope, is not in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RouteSnapshot {
    /// Whose connections.
    #[serde(serialize_with = "as_text")]
    pub owner: RouteOwner,
    /// By which transport.
    #[serde(serialize_with = "as_text")]
    pub transport: Transport,
    /// The way.
    #[serde(flatten)]
    pub way: Way,
    /// The rule that decided: `exchange`, `default`, `disabled` or `none`.
    pub source: String,
}

/// The way of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "route", rename_all = "lowercase")]
pub enum Way {
    /// Without a proxy.
    Direct {
        /// The place in [`exits`](crate::Snapshot::exits).
        exit: usize,
    },
    /// Through one proxy.
    Proxy {
        /// The place in [`exits`](crate::Snapshot::exits).
        exit: usize,
    },
    /// Through a member of a pool.
    Pool {
        /// The place in [`pools`](crate::Snapshot::pools).
        pool: usize,
    },
    /// Not at all.
    Refused,
}

pub(super) fn as_text<S: Serializer>(
    value: &impl ToString,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}
