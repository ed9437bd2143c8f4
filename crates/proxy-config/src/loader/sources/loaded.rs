//! Loaded settings.

use std::fmt;
use std::sync::Arc;

use config::Value;

use super::PROXY;
use super::origins::RuleOrigins;
use crate::destination::Destination;
use crate::exchange_id::ExchangeId;
use crate::keys::names::{DEFAULT, EGRESS_URL, EXCHANGES};
use crate::loader::node::child;
use crate::loader::references::origin_in;
use crate::origin::Origin;
use crate::settings::ProxySettings;
use crate::transport::Transport;

/// Valid proxy settings, and what set them.
// The merged document is kept for `explain`, which looks origins up in it.
#[derive(Clone)]
pub struct Loaded {
    document: Value,
    origins: Arc<[Origin]>,
    settings: ProxySettings,
}

impl Loaded {
    pub(super) fn new(document: Value, origins: Arc<[Origin]>, settings: ProxySettings) -> Self {
        Self {
            document,
            origins,
            settings,
        }
    }

    /// The proxy settings.
    #[must_use]
    pub fn settings(&self) -> &ProxySettings {
        &self.settings
    }

    /// The proxy settings alone.
    #[must_use]
    pub fn into_settings(self) -> ProxySettings {
        self.settings
    }

    /// What set the values of the rule that applies to `exchange`: its own, or else the default, or
    /// else the environment's. The environment can have different proxies for different
    /// destinations, and exempt some of them.
    ///
    /// ```
    /// use proxy_config::{ExchangeId, Origin, Sources, Transport};
    ///
    /// let loaded = Sources::new()
    ///     .with_text("cryptofeed.yaml", "proxy: 'http://alice:secret@proxy:8080'")
    ///     .with_env([("CRYPTOFEED_PROXY_DEFAULT__HTTP__TIMEOUT_SECONDS", "5")])
    ///     .load()?;
    /// let binance = ExchangeId::new("binance").unwrap();
    /// let origins = loaded.explain(&binance, Transport::Http, None).unwrap();
    /// assert_eq!(origins.rule().unwrap().to_string(), "cryptofeed.yaml:1:8");
    /// assert_eq!(origins.password(), origins.rule());
    /// let variable = "CRYPTOFEED_PROXY_DEFAULT__HTTP__TIMEOUT_SECONDS";
    /// assert_eq!(origins.timeout(), Some(&Origin::Variable(variable.into())));
    /// # Ok::<(), proxy_config::ConfigErrors>(())
    /// ```
    #[must_use]
    pub fn explain(
        &self,
        exchange: &ExchangeId,
        transport: Transport,
        destination: Option<&Destination<'_>>,
    ) -> Option<RuleOrigins> {
        self.configured(exchange, transport).or_else(|| {
            let ambient = self.settings.ambient()?;
            Some(RuleOrigins::of_variable(
                ambient.variable(destination)?,
                ambient.rule(destination)?,
            ))
        })
    }

    /// What set `egress_url`, if it is set.
    #[must_use]
    pub fn egress_url_set_by(&self) -> Option<&Origin> {
        origin_in(&self.origins, self.value(&[PROXY, EGRESS_URL])?)
    }

    /// The origins of the exchange's own rule, or else of the default.
    fn configured(&self, id: &ExchangeId, transport: Transport) -> Option<RuleOrigins> {
        let own = || {
            let rule = self.settings.exchange(id)?.for_transport(transport)?;
            let value = self.value(&[PROXY, EXCHANGES, id.as_str(), transport.as_str()])?;
            Some(RuleOrigins::of_rule(value, &self.origins, rule))
        };
        let default = || {
            let rule = self.settings.default_proxies().for_transport(transport)?;
            let value = self.value(&[PROXY, DEFAULT, transport.as_str()])?;
            Some(RuleOrigins::of_rule(value, &self.origins, rule))
        };
        own().or_else(default)
    }

    fn value(&self, keys: &[&str]) -> Option<&Value> {
        keys.iter()
            .try_fold(&self.document, |value, key| child(value, key))
    }
}

/// Shows the settings only: the document holds their secrets.
impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
