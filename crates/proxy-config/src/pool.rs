//! Several proxies for the same connections.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::breaker_config::BreakerConfig;
use crate::dial_options::{DialOptions, InvalidTimeout, TooManyHops};
use crate::exit::{DirectExit, Exit};
use crate::health_check::HealthCheck;
use crate::keys::names::CHOICE;
use crate::keys::{MEMBER, POOL, Said, said};
use crate::pool_source::PoolSource;
use crate::proxy_config::ProxyConfig;
use crate::proxy_server::ProxyServer;

/// The valid weights of a pool's member.
pub(crate) const WEIGHT: RangeInclusive<u64> = 1..=100;

pub(crate) const DEFAULT_WEIGHT: u64 = 1;

/// Several proxies to choose from for each connection. Clones share their content.
///
/// ```
/// use proxy_config::{PoolConfig, PoolMember, PoolStrategy, ProxyUrl};
///
/// let [a, b] = ["socks5h://a.example:1080", "socks5h://b.example:1080"];
/// let strong = PoolMember::new(a.parse::<ProxyUrl>()?).with_weight(2)?;
/// let pool = PoolConfig::new([strong, PoolMember::new(b.parse::<ProxyUrl>()?)])?
///     .with_strategy(PoolStrategy::LeastConnections);
/// assert_eq!(pool.to_string(), "least_connections of socks5h://a.example:1080, socks5h://b.example:1080");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// Shared, because every connection gets a clone with its route.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PoolConfig(Arc<Fields>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Fields {
    strategy: PoolStrategy,
    members: Vec<PoolMember>,
    source: Option<PoolSource>,
    breaker: BreakerConfig,
    health_check: Option<HealthCheck>,
    options: DialOptions,
}

impl PoolConfig {
    /// A pool of proxies that are reached directly and selected by round robin, with the default
    /// timeout of 30 seconds.
    ///
    /// # Errors
    /// [`InvalidPool`] if no member is enabled.
    pub fn new(members: impl IntoIterator<Item = PoolMember>) -> Result<Self, InvalidPool> {
        let members: Vec<_> = members.into_iter().collect();
        if !members.iter().any(PoolMember::is_enabled) {
            return Err(InvalidPool);
        }
        Ok(Self::of(members, None))
    }

    /// A pool, as [`new`](Self::new) makes it, whose members are those that `source` lists at the time.
    /// It has none of its own.
    #[must_use]
    pub fn from_source(source: PoolSource) -> Self {
        Self::of(Vec::new(), Some(source))
    }

    fn of(members: Vec<PoolMember>, source: Option<PoolSource>) -> Self {
        Self(Arc::new(Fields {
            strategy: PoolStrategy::default(),
            members,
            source,
            breaker: BreakerConfig::default(),
            health_check: None,
            options: DialOptions::default(),
        }))
    }

    /// The same pool with the members that its source lists, without those that are direct: a list names
    /// [proxies](crate::ProxyList) only.
    #[must_use]
    pub fn with_listed(mut self, members: impl IntoIterator<Item = PoolMember>) -> Self {
        if self.source().is_some() {
            let is_proxy = |member: &PoolMember| member.server().is_some();
            self.fields().members = members.into_iter().filter(is_proxy).collect();
        }
        self
    }

    /// The same pool with another strategy.
    #[must_use]
    pub fn with_strategy(mut self, strategy: PoolStrategy) -> Self {
        self.fields().strategy = strategy;
        self
    }

    /// The same pool whose members are skipped by other rules.
    #[must_use]
    pub fn with_breaker(mut self, breaker: BreakerConfig) -> Self {
        self.fields().breaker = breaker;
        self
    }

    /// The same pool, with checks of its members.
    #[must_use]
    pub fn with_health_check(mut self, check: HealthCheck) -> Self {
        self.fields().health_check = Some(check);
        self
    }

    /// The same pool behind these proxies, the nearest first; at most 16.
    ///
    /// # Errors
    /// [`InvalidVia`] if there are more, or if a member is direct: it would pass none of them.
    pub fn with_via(
        mut self,
        via: impl IntoIterator<Item = ProxyServer>,
    ) -> Result<Self, InvalidVia> {
        self.fields().options.set_via(via)?;
        let is_direct = |member: &PoolMember| member.direct().is_some();
        match !self.via().is_empty() && self.members().iter().any(is_direct) {
            true => Err(InvalidVia::DirectMember),
            false => Ok(self),
        }
    }

    /// The same pool with another timeout, in whole seconds from 1 to 300.
    ///
    /// # Errors
    /// [`InvalidTimeout`] if `seconds` is outside that range.
    pub fn with_timeout_seconds(mut self, seconds: u64) -> Result<Self, InvalidTimeout> {
        self.fields().options.set_timeout_seconds(seconds)?;
        Ok(self)
    }

    pub(crate) fn with_options(mut self, options: DialOptions) -> Self {
        self.fields().options = options;
        self
    }

    /// The pool as in a configuration.
    pub(crate) fn said(&self) -> Said<'_> {
        let pool = [(CHOICE, Said::Table(said(&POOL, self).collect()))];
        Said::Table(
            pool.into_iter()
                .chain(self.0.options.said_fields())
                .collect(),
        )
    }

    /// The fields, no longer shared with clones.
    fn fields(&mut self) -> &mut Fields {
        Arc::make_mut(&mut self.0)
    }

    /// How to choose.
    #[must_use]
    pub fn strategy(&self) -> PoolStrategy {
        self.0.strategy
    }

    /// When a member that fails is skipped.
    #[must_use]
    pub fn breaker(&self) -> &BreakerConfig {
        &self.0.breaker
    }

    /// How the members are checked, if they are.
    #[must_use]
    pub fn health_check(&self) -> Option<&HealthCheck> {
        self.0.health_check.as_ref()
    }

    /// Where the members come from, if they are not a part of the configuration.
    #[must_use]
    pub fn source(&self) -> Option<&PoolSource> {
        self.0.source.as_ref()
    }

    /// The proxies to choose from, including those that are not enabled.
    #[must_use]
    pub fn members(&self) -> &[PoolMember] {
        &self.0.members
    }

    /// The proxies that can be chosen. There is at least one, unless they come from a source.
    pub fn enabled_members(&self) -> impl Iterator<Item = &PoolMember> {
        self.members().iter().filter(|member| member.is_enabled())
    }

    /// The proxies to pass on the way to any member, the nearest first.
    #[must_use]
    pub fn via(&self) -> &[ProxyServer] {
        self.0.options.via()
    }

    /// How long a whole dial may take, however many members it tries.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.0.options.timeout()
    }

    /// [`timeout`](Self::timeout) in seconds.
    #[must_use]
    pub fn timeout_seconds(&self) -> u64 {
        self.0.options.timeout_seconds()
    }

    /// The way through one member.
    #[must_use]
    pub fn through(&self, member: &PoolMember) -> Exit {
        match &member.place {
            Place::Server(server) => ProxyConfig::from(server.clone())
                .with_options(self.0.options.clone())
                .listed_by(self.0.source.clone())
                .into(),
            Place::Direct(exit) => exit.clone().into(),
        }
    }
}

/// The strategy, the URLs without their credentials, and the proxies before the pool.
impl fmt::Display for PoolConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of ", self.0.strategy)?;
        if let Some(source) = &self.0.source {
            write!(f, "{source}")?;
            return self.0.options.fmt(f);
        }
        for (index, member) in self.0.members.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{}", member.place)?;
        }
        self.0.options.fmt(f)
    }
}

impl Serialize for PoolConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.said().serialize(serializer)
    }
}

/// One proxy of a pool, or direct connections from a local address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PoolMember {
    place: Place,
    weight: u64,
    is_enabled: bool,
}

impl PoolMember {
    /// An enabled member of weight 1.
    #[must_use]
    pub fn new(server: impl Into<ProxyServer>) -> Self {
        Self {
            place: Place::Server(server.into()),
            weight: DEFAULT_WEIGHT,
            is_enabled: true,
        }
    }

    /// An enabled member of weight 1 whose connections are direct, from a local address.
    #[must_use]
    pub fn direct_from(exit: DirectExit) -> Self {
        Self {
            place: Place::Direct(exit),
            weight: DEFAULT_WEIGHT,
            is_enabled: true,
        }
    }

    /// The same member with another weight, from 1 to 100. A member of weight 2 gets twice as many
    /// connections as one of weight 1.
    ///
    /// # Errors
    /// [`InvalidWeight`] if `weight` is outside that range.
    pub fn with_weight(mut self, weight: u64) -> Result<Self, InvalidWeight> {
        if !WEIGHT.contains(&weight) {
            return Err(InvalidWeight);
        }
        self.weight = weight;
        Ok(self)
    }

    /// The same member, enabled or not.
    #[must_use]
    pub fn with_enabled(mut self, is_enabled: bool) -> Self {
        self.is_enabled = is_enabled;
        self
    }

    /// The proxy; none if its connections are direct.
    #[must_use]
    pub fn server(&self) -> Option<&ProxyServer> {
        match &self.place {
            Place::Server(server) => Some(server),
            Place::Direct(_) => None,
        }
    }

    /// Where its connections begin, if they are direct.
    #[must_use]
    pub fn direct(&self) -> Option<&DirectExit> {
        match &self.place {
            Place::Server(_) => None,
            Place::Direct(exit) => Some(exit),
        }
    }

    /// Its share of the connections, relative to the other members.
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.weight
    }

    /// Whether it can be chosen at all.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.is_enabled
    }

    /// The member as in a configuration.
    pub(crate) fn said(&self) -> Said<'_> {
        let server = self.server().map(ProxyServer::said_exit_fields);
        let direct = self.direct().map(DirectExit::said_fields);
        let place = server.into_iter().flatten();
        let place = place.chain(direct.into_iter().flatten());
        Said::Table(place.chain(said(&MEMBER, self)).collect())
    }
}

/// Where the connections of a member go first.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Place {
    Server(ProxyServer),
    Direct(DirectExit),
}

/// The URL without its credentials, or `direct from` the local address.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(server) => server.fmt(f),
            Self::Direct(exit) => exit.fmt(f),
        }
    }
}

/// The URL without its credentials, or `direct from` the local address.
impl fmt::Display for PoolMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.place.fmt(f)
    }
}

impl Serialize for PoolMember {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.said().serialize(serializer)
    }
}

/// How a pool chooses among its members.
///
/// Exhaustive on purpose: every pool must implement each strategy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PoolStrategy {
    /// Round robin, in proportion to the weights.
    #[default]
    RoundRobin,
    /// At random, in proportion to the weights.
    Random,
    /// The member with the fewest connections relative to its weight.
    LeastConnections,
    /// The same member for the same exchange and key, as long as it can be used. Each member has keys in
    /// proportion to its weight, and if one is lost, only its own keys move.
    Sticky,
}

impl PoolStrategy {
    pub(crate) const ALL: [Self; 4] = [
        Self::RoundRobin,
        Self::Random,
        Self::LeastConnections,
        Self::Sticky,
    ];

    /// The strategy as written in a configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RoundRobin => "round_robin",
            Self::Random => "random",
            Self::LeastConnections => "least_connections",
            Self::Sticky => "sticky",
        }
    }
}

impl fmt::Display for PoolStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for PoolStrategy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A pool without an enabled member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a pool needs at least one proxy that is enabled")]
#[non_exhaustive]
pub struct InvalidPool;

/// Proxies that a pool cannot be behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidVia {
    /// More than a route can have.
    #[error(transparent)]
    TooMany(#[from] TooManyHops),
    /// Direct connections would pass none of them.
    #[error("`via` applies to all members of the pool, and one of them is direct")]
    DirectMember,
}

/// A weight that is out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the weight must be from 1 to 100")]
#[non_exhaustive]
pub struct InvalidWeight;
