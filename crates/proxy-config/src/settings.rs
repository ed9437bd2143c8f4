//! The settings of the whole proxy system.

use std::collections::HashMap;

use serde::{Serialize, Serializer};

use crate::ambient::AmbientProxies;
use crate::connection_proxies::{ConnectionProxies, ProxyRule};
use crate::exchange_id::ExchangeId;
use crate::http_url::HttpUrl;
use crate::keys::{SETTINGS, Said, said};

/// The settings of the whole proxy system.
///
/// Settings state whether the system is enabled: they are made with [`enabled`] or [`disabled`].
/// The default states neither, and uses no proxy. If it gets rules, it is refused wherever it is
/// used, so that a forgotten `enabled` never makes connections direct. Settings are built by value
/// or loaded with [`Sources`](crate::Sources), and do not change afterwards.
///
/// [`enabled`]: Self::enabled
/// [`disabled`]: Self::disabled
///
/// ```
/// use proxy_config::{ConnectionProxies, ExchangeId, ProxyConfig, ProxyRule, ProxySettings};
///
/// let proxy = ProxyConfig::new("socks5h://proxy.example:1080".parse()?);
/// let settings = ProxySettings::enabled()
///     .with_default(ConnectionProxies::both(proxy))
///     .with_exchange(
///         ExchangeId::new("backpack")?,
///         ConnectionProxies::both(ProxyRule::Direct),
///     );
/// assert!(settings.exchange(&ExchangeId::new("BACKPACK")?).is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxySettings {
    enabled: Option<bool>,
    strict: Option<bool>,
    default: ConnectionProxies,
    exchanges: HashMap<ExchangeId, ConnectionProxies>,
    ambient: Option<AmbientProxies>,
    egress_url: Option<HttpUrl>,
}

impl ProxySettings {
    /// An enabled system without rules.
    #[must_use]
    pub fn enabled() -> Self {
        Self {
            enabled: Some(true),
            ..Self::default()
        }
    }

    /// A disabled system: rules may be added, but none applies.
    #[must_use]
    pub fn disabled() -> Self {
        Self {
            enabled: Some(false),
            ..Self::default()
        }
    }

    pub(crate) fn with_enabled(mut self, is_enabled: bool) -> Self {
        self.enabled = Some(is_enabled);
        self
    }

    /// The same settings, strict or not.
    #[must_use]
    pub fn with_strict(mut self, strict: bool) -> Self {
        self.strict = Some(strict);
        self
    }

    /// The same settings with other defaults.
    #[must_use]
    pub fn with_default(mut self, proxies: ConnectionProxies) -> Self {
        self.default = proxies;
        self
    }

    /// The same settings with `proxies` for `exchange`, instead of any that it had. If `proxies` is
    /// empty, the exchange has no rules of its own.
    #[must_use]
    pub fn with_exchange(mut self, exchange: ExchangeId, proxies: ConnectionProxies) -> Self {
        if proxies.is_empty() {
            // An empty entry would make the exchange one with rules, in `check` and in comparisons.
            self.exchanges.remove(&exchange);
        } else {
            self.exchanges.insert(exchange, proxies);
        }
        self
    }

    /// The same settings with the environment's proxies after the default.
    #[must_use]
    pub fn with_ambient(mut self, ambient: AmbientProxies) -> Self {
        self.ambient = Some(ambient);
        self
    }

    /// The same settings with a server that answers with the address of who asks, as plain text, for whoever
    /// learns by which address each exit leaves.
    #[must_use]
    pub fn with_egress_url(mut self, url: HttpUrl) -> Self {
        self.egress_url = Some(url);
        self
    }

    /// Whether proxies are used. They are not if the settings do not state it.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.enabled == Some(true)
    }

    /// Whether the settings state that the system is enabled, or that it is disabled.
    #[must_use]
    pub fn says_enabled(&self) -> bool {
        self.enabled.is_some()
    }

    /// Whether `enabled` is missing: the settings are strict, have rules, use the environment's
    /// proxies or name a server for egresses, but do not state whether the system is enabled.
    #[must_use]
    pub fn lacks_enabled(&self) -> bool {
        let has_more = self.ambient.is_some() || self.egress_url.is_some();
        !self.says_enabled() && (self.is_strict() || has_more || self.has_rules())
    }

    /// Whether there is any rule: a default, one of an exchange, or one of the environment.
    #[must_use]
    pub fn has_rules(&self) -> bool {
        let ambient = self.ambient.as_ref();
        self.connection_proxies().any(|proxies| !proxies.is_empty())
            || ambient.is_some_and(|ambient| !ambient.is_empty())
    }

    /// Whether any rule leads through a proxy or a pool.
    #[must_use]
    pub fn has_proxy(&self) -> bool {
        let rules = self
            .connection_proxies()
            .flat_map(|proxies| [proxies.http(), proxies.websocket()]);
        let ambient = self.ambient.as_ref();
        rules.flatten().any(leads_through_a_proxy)
            || ambient.is_some_and(|ambient| !ambient.is_empty())
    }

    fn connection_proxies(&self) -> impl Iterator<Item = &ConnectionProxies> {
        [&self.default].into_iter().chain(self.exchanges.values())
    }

    /// Whether a connection that no rule applies to is refused instead of made directly.
    #[must_use]
    pub fn is_strict(&self) -> bool {
        self.strict == Some(true)
    }

    /// Whether the settings state that they are strict, or that they are not.
    #[must_use]
    pub fn says_strict(&self) -> bool {
        self.strict.is_some()
    }

    /// What applies where an exchange has no rule of its own.
    #[must_use]
    pub fn default_proxies(&self) -> &ConnectionProxies {
        &self.default
    }

    /// The environment's proxies, if these settings use them. They apply if neither the exchange
    /// nor the default has a rule.
    #[must_use]
    pub fn ambient(&self) -> Option<&AmbientProxies> {
        self.ambient.as_ref()
    }

    /// The server that is asked by which address each exit leaves, if there is one.
    #[must_use]
    pub fn egress_url(&self) -> Option<&HttpUrl> {
        self.egress_url.as_ref()
    }

    /// The rules of one exchange.
    #[must_use]
    pub fn exchange(&self, exchange: &ExchangeId) -> Option<&ConnectionProxies> {
        self.exchanges.get(exchange)
    }

    /// The exchanges that have rules of their own, sorted by name.
    pub fn exchanges(&self) -> impl Iterator<Item = (&ExchangeId, &ConnectionProxies)> {
        let mut exchanges: Vec<_> = self.exchanges.iter().collect();
        exchanges.sort_unstable_by_key(|(exchange, _)| *exchange);
        exchanges.into_iter()
    }
}

fn leads_through_a_proxy(rule: &ProxyRule) -> bool {
    match rule {
        ProxyRule::Direct | ProxyRule::DirectFrom(_) => false,
        ProxyRule::Proxy(_) => true,
        ProxyRule::Pool(pool) => pool
            .members()
            .iter()
            .any(|member| member.server().is_some()),
    }
}

/// Keys that are not set are left out.
impl Serialize for ProxySettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Said::Table(said(&SETTINGS, self).collect()).serialize(serializer)
    }
}
