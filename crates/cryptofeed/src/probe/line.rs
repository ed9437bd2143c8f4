//! The connections to probe.

use std::fmt;
use std::sync::Arc;

use proxy_config::{
    ConnectionProxies, ExchangeId, Exit, PoolConfig, PoolMember, ProxyConfig, ProxyRule,
    ProxySettings, Transport,
};
use proxy_injector::ProxyInjector;
use proxy_resolve::Route;

use super::question::Question;
use crate::configuration::{Address, ConfiguredFeed};
use crate::failure::Failure;

/// One connection on one of the possible ways of its route.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) exchange: ExchangeId,
    pub(super) transport: Transport,
    pub(super) address: Address,
    pub(super) question: Question,
    pub(super) candidate: Candidate,
}

/// One of the possible ways of a route.
#[derive(Debug)]
pub(super) enum Candidate {
    Only(Exit),
    Member {
        exit: Exit,
        is_enabled: bool,
    },
    /// A pool whose list has no proxy.
    Unlisted(PoolConfig),
    Refused,
}

impl Line {
    /// All ways that `injector` may select for the connections of `feed`.
    pub(super) async fn of_feed(
        feed: &ConfiguredFeed,
        injector: &Arc<ProxyInjector>,
    ) -> Result<Vec<Self>, Failure> {
        let scope = injector.exchange(feed.id.clone());
        let mut lines = Vec::new();
        for transport in Transport::ALL {
            let address = feed.exchange.address(transport);
            let question = Question::of(feed.exchange.codec(), transport);
            let Some((address, question)) = address.zip(question) else {
                let doing = format!("probe the {transport} of {}", feed.id);
                return Err(Failure::runtime(doing, "its address is not a valid URI"));
            };
            let resolution = scope.resolve_for(transport, &address.destination());
            let candidates = Candidate::all(resolution.route(), injector).await;
            let candidates = candidates.into_iter();
            lines.extend(candidates.map(|candidate| Self {
                exchange: feed.id.clone(),
                transport,
                address: address.clone(),
                question: question.clone(),
                candidate,
            }));
        }
        Ok(lines)
    }
}

impl Candidate {
    async fn all(route: &Route, injector: &ProxyInjector) -> Vec<Self> {
        match route {
            Route::Direct => vec![Self::Only(Exit::Direct)],
            Route::DirectFrom(exit) => vec![Self::Only(exit.clone().into())],
            Route::Proxy(proxy) => vec![Self::Only(proxy.clone().into())],
            // The disabled ones too: a probe is how to find out whether they can be enabled.
            Route::Pool(pool) => match injector.listed(pool).await {
                Ok(pool) => {
                    let members = pool.members().iter();
                    members.map(|member| Self::through(&pool, member)).collect()
                }
                // Its dial says why.
                Err(_) => vec![Self::Unlisted(pool.clone())],
            },
            Route::Refused => vec![Self::Refused],
        }
    }

    fn through(pool: &PoolConfig, member: &PoolMember) -> Self {
        Self::Member {
            exit: pool.through(member),
            is_enabled: member.is_enabled(),
        }
    }

    /// The proxy, with those before it.
    pub(super) fn proxy(&self) -> Option<&ProxyConfig> {
        self.exit()?.proxy()
    }

    /// The exit; none if there is none, or the connection is refused.
    pub(super) fn exit(&self) -> Option<&Exit> {
        match self {
            Self::Only(exit) | Self::Member { exit, .. } => Some(exit),
            Self::Unlisted(_) | Self::Refused => None,
        }
    }

    /// Settings with this way only.
    pub(super) fn settings(&self) -> ProxySettings {
        // Strict, so that a refused route stays refused.
        let rule = match self {
            Self::Only(exit) | Self::Member { exit, .. } => Some(match exit {
                Exit::Direct => ProxyRule::Direct,
                Exit::DirectFrom(exit) => exit.clone().into(),
                Exit::Proxy(proxy) => proxy.clone().into(),
            }),
            Self::Unlisted(pool) => Some(pool.clone().into()),
            Self::Refused => None,
        };
        let proxies = rule.map(ConnectionProxies::both).unwrap_or_default();
        ProxySettings::enabled()
            .with_strict(true)
            .with_default(proxies)
    }
}

/// Without credentials.
impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("refused"),
            Self::Only(exit) => exit.fmt(f),
            Self::Unlisted(pool) => pool.fmt(f),
            Self::Member {
                exit,
                is_enabled: true,
            } => write!(f, "{exit} (pool)"),
            Self::Member {
                exit,
                is_enabled: false,
            } => write!(f, "{exit} (pool, disabled)"),
        }
    }
}
