//! By which address each exit leaves.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

use parking_lot::RwLock;
use proxy_config::{Bind, Exit};
use serde::Serialize;
use transport::Egress;

use crate::dialer_factory::endpoint;
use crate::route_key::RouteKey;

/// What the address of an exit is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EgressSource {
    /// The configuration says it.
    Configured,
    /// A server has seen it: [`learn_egresses`](crate::ProxyInjector::learn_egresses).
    Learned,
    /// It is the local address at which direct connections begin.
    Bound,
}

/// In one word.
impl fmt::Display for EgressSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configured => "configured",
            Self::Learned => "learned",
            Self::Bound => "bound",
        })
    }
}

/// By which address each exit leaves, as far as that is known.
//
// What is configured is what somebody wants to be counted by. What a server has seen is better known than a local
// address, which may be behind NAT.
#[derive(Debug, Default)]
pub(crate) struct Egresses {
    learned: RwLock<HashMap<RouteKey, Learned>>,
}

#[derive(Debug)]
struct Learned {
    /// One of those with the key.
    exit: Exit,
    address: IpAddr,
}

impl Egresses {
    /// What the limits of exchanges are counted by for connections by `exit`.
    pub(crate) fn of(&self, exit: &Exit) -> Egress {
        match exit.configured_egress() {
            Some(address) => Egress::Address(address),
            None => self.unconfigured(exit),
        }
    }

    /// The same as if nothing were configured.
    pub(crate) fn unconfigured(&self, exit: &Exit) -> Egress {
        self.learned(exit)
            .map_or_else(|| own(exit), Egress::Address)
    }

    /// The address that exchanges see of `exit`, and what it is known from.
    pub(crate) fn address(&self, exit: &Exit) -> Option<(IpAddr, EgressSource)> {
        if let Some(address) = exit.configured_egress() {
            return Some((address, EgressSource::Configured));
        }
        if let Some(address) = self.learned(exit) {
            return Some((address, EgressSource::Learned));
        }
        Some((exit.egress()?, EgressSource::Bound))
    }

    /// The address that a server has seen of `exit`.
    pub(crate) fn learned(&self, exit: &Exit) -> Option<IpAddr> {
        let learned = self.learned.read();
        // Who learns nothing does not pay for the key.
        if learned.is_empty() {
            return None;
        }
        Some(learned.get(&RouteKey::of(exit))?.address)
    }

    /// From now on, `exit` is known to leave by `address`, or it is not known any longer.
    pub(crate) fn set(&self, exit: &Exit, address: Option<IpAddr>) {
        let key = RouteKey::of(exit);
        let mut learned = self.learned.write();
        match address {
            Some(address) => {
                let exit = exit.clone();
                learned.insert(key, Learned { exit, address });
            }
            None => {
                learned.remove(&key);
            }
        }
    }

    /// The exits whose address was learned.
    pub(crate) fn known(&self) -> Vec<Exit> {
        let learned = self.learned.read();
        learned.values().map(|it| it.exit.clone()).collect()
    }
}

/// What `exit` is counted by as far as the configuration says it: every process that has the same configuration
/// knows it by that.
pub(crate) fn stated(exit: &Exit) -> Egress {
    exit.configured_egress()
        .map_or_else(|| own(exit), Egress::Address)
}

/// What `exit` is counted by if nobody says an address.
fn own(exit: &Exit) -> Egress {
    match (exit, exit.bind()) {
        (Exit::Proxy(proxy), _) => Egress::Proxy(endpoint(proxy.url())),
        (Exit::DirectFrom(_), Some(Bind::Address(ip))) => Egress::Address(*ip),
        (Exit::DirectFrom(_), Some(Bind::Interface(name))) => {
            Egress::Interface(name.as_str().into())
        }
        (Exit::Direct | Exit::DirectFrom(_), _) => Egress::Direct,
    }
}
