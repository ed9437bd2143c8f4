//! The routes that new settings change, and the settings that are refused.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;

use proxy_config::{ExchangeId, Host, ProxySettings, Transport};
use proxy_resolve::{Resolution, Route, RouteSource};
use transport::Endpoint;

use crate::query::RouteQuery;

/// A name that stands for any destination.
// No exemption names it by itself: `.invalid` is reserved (RFC 6761). `NO_PROXY=*` does apply to
// it.
const NOWHERE: &str = "destination.invalid";

/// The owner of the connections on a route.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RouteOwner {
    /// This exchange.
    Exchange(ExchangeId),
    /// Every exchange without rules and without a [`Scope`](crate::Scope).
    OtherExchanges,
    /// No exchange: [anonymous](crate::ProxyInjector::anonymous) connections.
    NoExchange,
}

impl fmt::Display for RouteOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exchange(exchange) => exchange.fmt(f),
            Self::OtherExchanges => f.write_str("any other exchange"),
            Self::NoExchange => f.write_str("no exchange"),
        }
    }
}

/// The route of one owner and transport, before and after a reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteChange {
    owner: RouteOwner,
    transport: Transport,
    before: Resolution,
    after: Resolution,
}

impl RouteChange {
    /// The owner of the route.
    #[must_use]
    pub fn owner(&self) -> &RouteOwner {
        &self.owner
    }

    /// The transport of its connections.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// What applied before.
    #[must_use]
    pub fn before(&self) -> &Resolution {
        &self.before
    }

    /// What applies now.
    #[must_use]
    pub fn after(&self) -> &Resolution {
        &self.after
    }

    /// Whether connections are direct now that used a proxy before, or were refused; or begin anywhere
    /// now, and began at a local address before.
    #[must_use]
    pub fn exposes(&self) -> bool {
        match (self.before.route(), self.after.route()) {
            (Route::Direct, _) => false,
            // Also from a local address that was chosen: this may be another one.
            (_, Route::Direct) => true,
            (before, after) => after.may_be_direct() && !before.may_be_direct(),
        }
    }
}

/// New settings that cannot apply. The old ones stay.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReloadError {
    /// They have rules, but do not state whether they are enabled.
    NotEnabled,
    /// They have no rule any longer for these routes, and no `direct` instead.
    Lost(Vec<RouteChange>),
}

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Lost(routes) = self else {
            return f.write_str("apply settings that do not say whether they are enabled");
        };
        f.write_str("apply settings that have lost the rules of routes in use: ")?;
        for (index, change) in routes.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{} ({})", change.owner, change.transport)?;
        }
        f.write_str(
            "; write `direct` for what is to be reached directly, or `enabled: false` to use no \
             proxy at all",
        )
    }
}

impl Error for ReloadError {}

/// The routes that change: of the exchanges `in_use`, of those that have rules, of any other
/// exchange, and of connections without an exchange.
///
/// # Errors
/// [`ReloadError`] if a route of possible connections changes because something is missing in the new
/// settings, or if these do not state whether they are enabled.
pub(crate) fn compare(
    before: &ProxySettings,
    after: &ProxySettings,
    in_use: &BTreeSet<ExchangeId>,
) -> Result<Vec<RouteChange>, ReloadError> {
    if after.lacks_enabled() {
        return Err(ReloadError::NotEnabled);
    }
    let with_rules = before.exchanges().chain(after.exchanges());
    let mut named: BTreeSet<_> = with_rules.map(|(id, _)| id).collect();
    named.extend(in_use);
    let named: Vec<_> = named.into_iter().cloned().collect();
    let other = any_other(&named);
    let owners = named.into_iter().map(RouteOwner::Exchange);
    let owners = owners.chain([RouteOwner::OtherExchanges, RouteOwner::NoExchange]);
    let (mut changes, mut lost) = (Vec::new(), Vec::new());
    for owner in owners {
        let (exchange, concern) = match &owner {
            RouteOwner::Exchange(id) if in_use.contains(id) => (Some(id.clone()), Concern::Any),
            // No scope, so no connections. If one is asked for later, it starts with the new
            // settings.
            RouteOwner::Exchange(id) => (Some(id.clone()), Concern::Nothing),
            RouteOwner::OtherExchanges => (other.clone(), Concern::Exposure),
            RouteOwner::NoExchange => (None, Concern::Any),
        };
        for transport in Transport::ALL {
            let change = |is_tls: Option<bool>| {
                let query = RouteQuery {
                    exchange: exchange.clone(),
                    legacy: None,
                    transport,
                    destination: is_tls.map(|is_tls| (nowhere(), is_tls)),
                };
                RouteChange {
                    owner: owner.clone(),
                    transport,
                    before: query.resolve(before),
                    after: query.resolve(after),
                }
            };
            let general = change(None);
            // The environment may have a proxy for TLS only, or for plain connections only. The
            // general route need not show its loss.
            let by_destination = [change(Some(true)), change(Some(false))];
            let is_lost = |change: &&RouteChange| change.is_lost(after, concern);
            let first_lost = [&general].into_iter().chain(&by_destination).find(is_lost);
            lost.extend(first_lost.cloned());
            changes.extend(Some(general).filter(|it| it.before != it.after));
        }
    }
    if lost.is_empty() {
        Ok(changes)
    } else {
        Err(ReloadError::Lost(lost))
    }
}

/// Which losses of a route are errors.
#[derive(Clone, Copy)]
enum Concern {
    /// All: there may be connections.
    Any,
    /// Those that make it direct.
    Exposure,
    /// None: there are no connections.
    Nothing,
}

impl RouteChange {
    /// Whether the old route is gone, and the new settings do not state a new one.
    //
    //     before   after, without a rule   lost
    //     proxy    refused                 `Concern::Any`
    //     proxy    direct                  `Concern::Any`, `Concern::Exposure`
    //     refused  direct                  always, unless `strict: false` is set
    //     direct   anything                never: nothing is exposed that was not before
    //
    // Direct connections from a local address count as a proxy here: from elsewhere, they show another
    // address of this machine.
    fn is_lost(&self, settings: &ProxySettings, concern: Concern) -> bool {
        let is_unstated = match self.after.source() {
            RouteSource::None => true,
            RouteSource::Disabled => !settings.says_enabled(),
            RouteSource::Exchange | RouteSource::Default | RouteSource::Legacy => false,
        };
        is_unstated
            && match self.before.route() {
                Route::DirectFrom(_) | Route::Proxy(_) | Route::Pool(_) => match concern {
                    Concern::Any => true,
                    Concern::Exposure => self.exposes(),
                    Concern::Nothing => false,
                },
                // `strict` is missing. That is a loss, unless it was set to false.
                Route::Refused => self.exposes() && !settings.says_strict(),
                Route::Direct => false,
            }
    }
}

/// The id of an exchange that is not among those `named`.
pub(crate) fn any_other(named: &[ExchangeId]) -> Option<ExchangeId> {
    let ids = (0..=named.len()).map(|number| ExchangeId::new(&format!("other-{number}")));
    ids.flatten().find(|id| !named.contains(id))
}

fn nowhere() -> Endpoint {
    Endpoint::new(Host::Domain(NOWHERE.to_owned()), 443)
}
