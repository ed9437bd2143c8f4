//! What was loaded.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use config::{Value, ValueKind};

use super::PROXY;
use super::origins::RuleOrigins;
use crate::error::ConfigErrors;
use crate::exchange_id::ExchangeId;
use crate::node::{Node, Reading};
use crate::settings::ProxySettings;
use crate::transport::Transport;

/// A configuration: the proxy settings, and the sections of others.
#[derive(Clone)]
pub struct Loaded {
    document: Value,
    /// The folders that the files are in.
    folders: BTreeMap<String, PathBuf>,
    settings: ProxySettings,
}

impl Loaded {
    pub(super) fn new(
        document: Value,
        folders: BTreeMap<String, PathBuf>,
        settings: ProxySettings,
    ) -> Self {
        Self {
            document,
            folders,
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

    /// What set the rule of a transport: that of `exchange`, or the default where there is none.
    /// `None` if there is no such rule.
    #[must_use]
    pub fn rule_origin(&self, exchange: Option<&ExchangeId>, transport: Transport) -> Option<&str> {
        let origins = match exchange {
            Some(exchange) => self.origins_of(exchange, transport),
            None => self.default_origins(transport),
        };
        origins?.rule()
    }

    /// What set the values of the rule that applies to `exchange`: its own, or else the default, or
    /// else the environment's.
    ///
    /// ```
    /// use proxy_config::{ExchangeId, Sources, Transport};
    ///
    /// let loaded = Sources::new()
    ///     .with_text("cryptofeed.yaml", "proxy: {default: 'http://alice:secret@proxy:8080'}")
    ///     .with_env([("CRYPTOFEED_PROXY_DEFAULT__HTTP__TIMEOUT_SECONDS", "5")])
    ///     .load()?;
    /// let binance = ExchangeId::new("binance").unwrap();
    /// let origins = loaded.explain(&binance, Transport::Http).unwrap();
    /// assert_eq!(origins.rule(), Some("cryptofeed.yaml:1:18"));
    /// assert_eq!(origins.password(), Some("cryptofeed.yaml:1:18"));
    /// assert_eq!(origins.timeout(), Some("CRYPTOFEED_PROXY_DEFAULT__HTTP__TIMEOUT_SECONDS"));
    /// # Ok::<(), proxy_config::ConfigErrors>(())
    /// ```
    #[must_use]
    pub fn explain(&self, exchange: &ExchangeId, transport: Transport) -> Option<RuleOrigins<'_>> {
        self.origins_of(exchange, transport)
            .or_else(|| self.default_origins(transport))
    }

    fn origins_of(&self, id: &ExchangeId, transport: Transport) -> Option<RuleOrigins<'_>> {
        let rule = self.settings.exchange(id)?.for_transport(transport)?;
        let slot = self.value(&[PROXY, "exchanges", id.as_str(), transport.as_str()])?;
        Some(RuleOrigins::of_slot(slot, rule))
    }

    fn default_origins(&self, transport: Transport) -> Option<RuleOrigins<'_>> {
        if let Some(rule) = self.settings.default_proxies().for_transport(transport) {
            let slot = self.value(&[PROXY, "default", transport.as_str()])?;
            return Some(RuleOrigins::of_slot(slot, rule));
        }
        let ambient = self.settings.ambient()?;
        Some(RuleOrigins::of_variable(
            ambient.variable()?,
            ambient.rule()?,
        ))
    }

    /// Reads a section, `None` if it is not set.
    ///
    /// `read` gets the section as a [`Node`] and reports what is wrong with it there; what it
    /// returns counts only if it reported nothing.
    ///
    /// ```
    /// use proxy_config::Sources;
    ///
    /// let loaded = Sources::new()
    ///     .with_section("tls")
    ///     .with_text("cryptofeed.yaml", "tls: {ca_flie: corporate-ca.pem}")
    ///     .load()?;
    /// let errors = loaded
    ///     .read("tls", |tls| tls.table(&["ca_file"])?.field("ca_file")?.text().map(str::to_owned))
    ///     .unwrap_err();
    /// assert_eq!(
    ///     errors.to_string(),
    ///     "tls.ca_flie (from cryptofeed.yaml:1:16): \
    ///      unknown key; did you mean `ca_file`? (known keys: ca_file)"
    /// );
    /// # Ok::<(), proxy_config::ConfigErrors>(())
    /// ```
    ///
    /// # Errors
    /// [`ConfigErrors`] has everything that `read` reported.
    pub fn read<T>(
        &self,
        section: &str,
        read: impl FnOnce(&Node<'_>) -> T,
    ) -> Result<Option<T>, ConfigErrors> {
        let reading = Reading {
            folders: self.folders.clone(),
            ..Reading::default()
        };
        let value = self.value(&[section]);
        let value = value.map(|value| read(&Node::new(section, value, &reading)));
        reading.problems.or(value)
    }

    fn value(&self, keys: &[&str]) -> Option<&Value> {
        keys.iter()
            .try_fold(&self.document, |value, key| child(value, key))
    }
}

fn child<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    match &value.kind {
        ValueKind::Table(table) => table.get(key),
        _ => None,
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
