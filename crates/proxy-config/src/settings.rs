//! The settings of the whole proxy system.

use std::collections::{BTreeMap, HashMap};

use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::ambient::AmbientProxies;
use crate::connection_proxies::ConnectionProxies;
use crate::exchange_id::ExchangeId;

/// The settings of the whole proxy system.
///
/// The default is a disabled system without proxies. Settings are built by value or loaded with
/// [`Sources`](crate::Sources), and do not change afterwards.
///
/// ```
/// use proxy_config::{ConnectionProxies, ExchangeId, ProxyConfig, ProxyRule, ProxySettings};
///
/// let proxy = ProxyConfig::new("socks5h://proxy.example:1080".parse()?);
/// let settings = ProxySettings::new()
///     .with_enabled(true)
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
    enabled: bool,
    strict: bool,
    default: ConnectionProxies,
    exchanges: HashMap<ExchangeId, ConnectionProxies>,
    ambient: Option<AmbientProxies>,
}

impl ProxySettings {
    /// A disabled system without proxies.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same settings, enabled or disabled.
    #[must_use]
    pub fn with_enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// The same settings, strict or not.
    #[must_use]
    pub fn with_strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// The same settings with other defaults.
    #[must_use]
    pub fn with_default(mut self, proxies: ConnectionProxies) -> Self {
        self.default = proxies;
        self
    }

    /// The same settings with `proxies` for `exchange`, in place of those it may have had.
    #[must_use]
    pub fn with_exchange(mut self, exchange: ExchangeId, proxies: ConnectionProxies) -> Self {
        self.exchanges.insert(exchange, proxies);
        self
    }

    /// The same settings with the environment's proxies after the default.
    #[must_use]
    pub fn with_ambient(mut self, ambient: AmbientProxies) -> Self {
        self.ambient = Some(ambient);
        self
    }

    /// Whether the system has a say at all.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Whether a connection that no rule applies to is refused instead of made directly.
    #[must_use]
    pub fn is_strict(&self) -> bool {
        self.strict
    }

    /// What applies where an exchange has no rule of its own.
    #[must_use]
    pub fn default_proxies(&self) -> &ConnectionProxies {
        &self.default
    }

    /// The environment's proxies, if these settings are to use them: what applies where neither an
    /// exchange nor the default has a rule.
    #[must_use]
    pub fn ambient(&self) -> Option<&AmbientProxies> {
        self.ambient.as_ref()
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

impl Serialize for ProxySettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("ProxySettings", 5)?;
        fields.serialize_field("enabled", &self.enabled)?;
        fields.serialize_field("strict", &self.strict)?;
        fields.serialize_field("default", &self.default)?;
        let exchanges: BTreeMap<_, _> = self.exchanges.iter().collect();
        fields.serialize_field("exchanges", &exchanges)?;
        fields.serialize_field("from_env", &self.ambient.is_some())?;
        fields.end()
    }
}
