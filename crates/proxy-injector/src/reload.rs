//! What new settings change, and which of them are refused.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;

use proxy_config::{ExchangeId, Host, ProxySettings, Transport};
use proxy_resolve::{Route, RouteSource};
use transport::Endpoint;

use crate::decision::Decision;
use crate::query::RouteQuery;

/// Both kinds of connection.
const TRANSPORTS: [Transport; 2] = [Transport::Http, Transport::WebSocket];

/// What stands for the exchanges that have no rules, in messages.
pub(crate) const ANY_OTHER: &str = "any other exchange";

/// A name that nobody exempts by itself, for asking what applies to destinations in general.
const NOWHERE: &str = "destination.invalid";

/// The route of one exchange and transport, before and after a reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteChange {
    exchange: Option<ExchangeId>,
    transport: Transport,
    before: Decision,
    after: Decision,
}

impl RouteChange {
    /// Whose route it is; `None` stands for every exchange that has no rules and that no
    /// [`Scope`](crate::Scope) was asked for.
    #[must_use]
    pub fn exchange(&self) -> Option<&ExchangeId> {
        self.exchange.as_ref()
    }

    /// Which of its connections take the route.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// What applied before.
    #[must_use]
    pub fn before(&self) -> &Decision {
        &self.before
    }

    /// What applies now.
    #[must_use]
    pub fn after(&self) -> &Decision {
        &self.after
    }

    /// Whether connections are direct now that passed a proxy before, or were refused.
    #[must_use]
    pub fn exposes(&self) -> bool {
        self.before.route() != Route::Direct && self.after.route() == Route::Direct
    }
}

/// New settings that cannot apply. The old ones stay.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReloadError {
    /// They have rules, but nobody said whether they are enabled.
    NotEnabled,
    /// They lack what kept these routes from being direct: there is no rule any longer, and nobody
    /// said `direct`.
    Lost(Vec<RouteChange>),
}

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Lost(routes) = self else {
            return f.write_str("apply settings that do not say whether they are enabled");
        };
        f.write_str("apply settings that make direct, without a word, what is not: ")?;
        for (index, change) in routes.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            let exchange = change
                .exchange
                .as_ref()
                .map_or(ANY_OTHER, ExchangeId::as_str);
            write!(f, "{separator}{exchange} ({})", change.transport)?;
        }
        f.write_str(
            "; write `direct` for what is to be reached directly, or `enabled: false` to use no \
             proxy at all",
        )
    }
}

impl Error for ReloadError {}

/// What changes for `exchanges`, for those that have rules, and for any other.
///
/// # Errors
/// [`ReloadError`] if a route becomes direct, or nobody knows what it becomes, by what is missing.
pub(crate) fn compare(
    before: &ProxySettings,
    after: &ProxySettings,
    exchanges: &BTreeSet<ExchangeId>,
) -> Result<Vec<RouteChange>, ReloadError> {
    if after.lacks_enabled() {
        return Err(ReloadError::NotEnabled);
    }
    let with_rules = before.exchanges().chain(after.exchanges());
    let mut named: BTreeSet<_> = with_rules.map(|(id, _)| id).collect();
    named.extend(exchanges);
    let other = any_other(&named);
    let named = named.iter().map(|id| (Some((*id).clone()), *id));
    let (mut changes, mut lost) = (Vec::new(), Vec::new());
    for (exchange, id) in named.chain(other.iter().map(|id| (None, id))) {
        for transport in TRANSPORTS {
            let change = |destination| {
                let query = RouteQuery {
                    exchange: Some(id.clone()),
                    legacy: None,
                    transport,
                    destination,
                };
                RouteChange {
                    exchange: exchange.clone(),
                    transport,
                    before: query.decide(before),
                    after: query.decide(after),
                }
            };
            let destinations = [None, Some(true), Some(false)];
            let mut all = destinations
                .map(|is_tls| change(is_tls.map(|is_tls| (nowhere(), is_tls))))
                .into_iter();
            let is_lost = |change: &RouteChange| change.exposes() && !is_said(&change.after, after);
            lost.extend(all.clone().find(is_lost));
            changes.extend(all.next().filter(|change| change.before != change.after));
        }
    }
    if lost.is_empty() {
        Ok(changes)
    } else {
        Err(ReloadError::Lost(lost))
    }
}

/// Whether somebody has said that it is to be so: by `direct`, by a variable that exempts
/// destinations, or by `enabled: false`.
fn is_said(decision: &Decision, settings: &ProxySettings) -> bool {
    match decision.source() {
        RouteSource::Exchange | RouteSource::Default => true,
        RouteSource::Disabled => settings.says_enabled(),
        RouteSource::Legacy | RouteSource::None => false,
    }
}

/// The id of an exchange that is not among those `named`.
fn any_other(named: &BTreeSet<&ExchangeId>) -> Option<ExchangeId> {
    let ids =
        (0..=named.len()).filter_map(|number| ExchangeId::new(&format!("other-{number}")).ok());
    ids.into_iter().find(|id| !named.contains(id))
}

fn nowhere() -> Endpoint {
    Endpoint::new(Host::Domain(NOWHERE.to_owned()), 443)
}
