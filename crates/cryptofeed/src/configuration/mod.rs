//! The configuration: proxies, feeds, sinks, the fleet, limits of answers and of memory, certificate authorities, and the
//! status.

mod address;
mod complete;
mod feeds;
mod fleet;
mod keys;
mod memory;
mod rest;
mod server;
mod sinks;
mod status;
mod tls;

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ::feeds::QueueLimits;
use ::fleet::Sharing;
use clap::Args;
use proxy_config::{ConfigErrors, Document, ExchangeId, Loaded, ProxySettings, Sources};
use proxy_injector::ProxyInjector;
use serde_json::Value;
use tokio::time::timeout;
use transport_tls::TlsTrust;

use self::complete::is_complete;
use self::tls::Authorities;

pub(crate) use self::address::Address;
#[cfg(feature = "demo")]
pub(crate) use self::feeds::ConfiguredExchange;
pub(crate) use self::feeds::ConfiguredFeed;
pub(crate) use self::fleet::{FleetSetting, FleetSettings};
pub(crate) use self::rest::{RestLimit, RestLimits};
pub(crate) use self::sinks::{ConfiguredSinks, GivenSink, ShownSinks};
pub(crate) use self::status::{StatusSettings, UNPROTECTED};
use crate::failure::Failure;
use crate::logging;
use crate::usage::may_hold_login;

/// The file that is read if none is named.
const DEFAULT_FILE: &str = "cryptofeed.yaml";

/// The variable that names the file.
pub(crate) const FILE_VARIABLE: &str = "CRYPTOFEED_CONFIG";

/// The error for a missing file whose name may be a URL in the wrong place.
const NO_FILE: &str = "\
--config or CRYPTOFEED_CONFIG: there is no such file; its name is not shown, since it may be a login; \
set proxies in the file, or with CRYPTOFEED_PROXY";

/// Names that users may expect to be read as well.
const SIMILAR_FILES: [&str; 3] = ["cryptofeed.yml", "cryptofeed.toml", "cryptofeed.json"];

const TRUNCATED: &str = "the last line has no newline, so the file may be truncated; if it is \
                         complete, end it with a newline";

const NO_ANSWER: &str = "a file does not answer; it may be one of the platform's certificate \
                       authorities, which SSL_CERT_FILE and SSL_CERT_DIR name";

/// How long the reading of the whole configuration may take.
// Longer than the 10 seconds for the files in it, so that their own error comes first. The rest is
// for the platform's authorities, which have no limit of their own.
const READING: Duration = Duration::from_secs(20);

/// The error if no feed is configured.
const MINIMAL: &str = "\
no feed is configured; a minimal cryptofeed.yaml is
  feeds:
    binance: {symbols: [BTC-USDT]}
  proxy: socks5h://user:password@proxy.example:1080
and the same in the environment
  CRYPTOFEED_FEEDS_BINANCE__SYMBOLS=BTC-USDT
  CRYPTOFEED_PROXY=socks5h://user:password@proxy.example:1080";

/// Which file to read.
#[derive(Debug, Clone, Args)]
pub(crate) struct ConfigurationArgs {
    /// Configuration file: YAML, TOML or JSON [default: ./cryptofeed.yaml, if it exists]
    ///
    /// Environment variables such as CRYPTOFEED_PROXY_DEFAULT__HTTP__URL and
    /// CRYPTOFEED_FEEDS_BINANCE__SYMBOLS take precedence over the file, field by field. They also
    /// work without a file.
    #[arg(
        long,
        value_name = "PATH",
        env = FILE_VARIABLE,
        hide_env_values = true,
        verbatim_doc_comment
    )]
    config: Option<PathBuf>,
}

impl ConfigurationArgs {
    /// Reads the file and the environment in the background, for a program that may read them
    /// again.
    pub(crate) async fn load_first(&self) -> Result<Start, Failure> {
        let this = self.clone();
        in_background(move || {
            // A default file that exists now is required from now on. If it is missing at a reload,
            // that is an error, and not a configuration without proxies.
            let again = Self {
                config: this.file()?,
            };
            let configuration = again.load()?;
            configuration.require_feed()?;
            let trust = configuration.trust();
            Ok(Start {
                injector: configuration.injector(trust.clone()).into(),
                configuration,
                trust,
                again,
            })
        })
        .await
    }

    /// As [`load`](Self::load), in the background. Waits while the file is being written, and
    /// refuses it if it seems to be truncated.
    pub(crate) async fn load_again(&self) -> Result<Configuration, Failure> {
        let this = self.clone();
        in_background(move || match &this.config {
            Some(file) if !is_complete(file) => {
                let problem = format!("{}: {TRUNCATED}", file.display());
                Err(Failure::Configuration(vec![problem]))
            }
            _ => this.load(),
        })
        .await
    }

    fn file(&self) -> Result<Option<PathBuf>, Failure> {
        // In a container, an empty variable is the usual way to unset one.
        let named = self
            .config
            .clone()
            .filter(|path| !path.as_os_str().is_empty());
        let is_login = |path: &PathBuf| may_hold_login(&path.to_string_lossy()) && !path.exists();
        if named.as_ref().is_some_and(is_login) {
            return Err(Failure::Configuration(vec![NO_FILE.to_owned()]));
        }
        match named {
            None => default_file(),
            named => Ok(named),
        }
    }

    /// Reads the file and the environment.
    pub(crate) fn load(&self) -> Result<Configuration, Failure> {
        let file = self.file()?;
        let mut sources = Sources::new()
            .with_section(feeds::SECTION)
            .with_section(rest::SECTION)
            .with_section(tls::SECTION)
            .with_section(memory::SECTION)
            .with_section(sinks::SECTION)
            .with_section(status::SECTION)
            .with_section(fleet::SECTION)
            // The command line reads these. Otherwise they would be unknown.
            .with_variable(FILE_VARIABLE)
            .with_variable(logging::VARIABLE)
            .with_variable(logging::FORMAT_VARIABLE);
        if let Some(file) = file {
            tracing::info!(file = %file.display(), "configuration file");
            sources = sources.with_file(file);
        }
        let document = sources.with_process_env().merge();
        let ignored = document.ignored_variables();
        if !ignored.is_empty() {
            let variables = ignored.join(", ");
            tracing::info!(variables, "environment variables of other programs ignored");
        }
        let configuration = Configuration::of(document)?;
        for exchange in configuration.unused_rules() {
            tracing::warn!(%exchange, "its proxy rules are unused: it has no feed");
        }
        Ok(configuration)
    }
}

/// The configuration at the start of a program.
pub(crate) struct Start {
    pub(crate) configuration: Configuration,
    pub(crate) injector: Arc<ProxyInjector>,
    /// The certificate authorities for exchanges.
    pub(crate) trust: TlsTrust,
    /// Reads the same file again.
    pub(crate) again: ConfigurationArgs,
}

impl Start {
    /// The same, with what the collectors of a fleet share.
    pub(crate) fn sharing(self, sharing: &Sharing) -> Self {
        let injector = self.configuration.injector(self.trust.clone());
        let injector = injector.with_budget_shares(Arc::new(sharing.budgets.clone()));
        Self {
            injector: injector
                .with_health_advice(Arc::new(sharing.advice.clone()))
                .into(),
            ..self
        }
    }
}

/// Reads files on a thread where a slow one blocks no other task.
async fn in_background<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let outcome = timeout(READING, tokio::task::spawn_blocking(read)).await;
    match outcome {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => Err(Failure::runtime("read the configuration", error)),
        Err(_) => Err(Failure::runtime("read the configuration", NO_ANSWER)),
    }
}

/// The file to read if none is named. It may be missing, but then a file with a similar name is an
/// error.
fn default_file() -> Result<Option<PathBuf>, Failure> {
    let is_there = |name: &str| match fs::symlink_metadata(name) {
        // A file that cannot be read, such as a broken link, is reported when it is read.
        Ok(_) => true,
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    };
    if is_there(DEFAULT_FILE) {
        return Ok(Some(DEFAULT_FILE.into()));
    }
    match SIMILAR_FILES.into_iter().find(|name| is_there(name)) {
        None => Ok(None),
        Some(similar) => Err(Failure::Configuration(vec![format!(
            "{similar}: only {DEFAULT_FILE} is read by itself; name this one with --config"
        )])),
    }
}

/// The JSON Schema of a configuration file.
pub(crate) fn schema() -> Value {
    proxy_config::json_schema([
        (feeds::SECTION, feeds::schema()),
        (rest::SECTION, rest::schema()),
        (tls::SECTION, tls::schema()),
        (memory::SECTION, memory::schema()),
        (sinks::SECTION, sinks::schema()),
        (status::SECTION, status::schema()),
        (fleet::SECTION, fleet::schema()),
    ])
}

/// The id of an exchange that has no rules.
pub(crate) fn any_other(settings: &ProxySettings) -> ExchangeId {
    let ids = (0_u64..).filter_map(|number| ExchangeId::new(&format!("other-{number}")).ok());
    let mut free = ids.filter(|id| settings.exchange(id).is_none());
    let Some(id) = free.next() else {
        unreachable!("there are more numbers than exchanges");
    };
    id
}

/// A valid configuration.
#[derive(Debug)]
pub(crate) struct Configuration {
    loaded: Loaded,
    feeds: Vec<ConfiguredFeed>,
    rest: RestLimits,
    authorities: Option<Authorities>,
    memory: QueueLimits,
    sinks: ConfiguredSinks,
    status: StatusSettings,
    fleet: Option<FleetSettings>,
}

impl Configuration {
    /// Reads all sections before any error is reported.
    fn of(document: Document) -> Result<Self, ConfigErrors> {
        let feeds = document.read(feeds::SECTION, feeds::read);
        let rest = document.read(rest::SECTION, rest::read);
        let authorities = document.read(tls::SECTION, tls::read);
        let memory = document.read(memory::SECTION, memory::read);
        let sinks = document.read(sinks::SECTION, sinks::read);
        let status = document.read(status::SECTION, status::read);
        let fleet = document.read(fleet::SECTION, fleet::read);
        let _ = document.read("proxy", feeds::check_rules);
        let _ = document.read("proxy", tls::check_proxies);
        Ok(Self {
            loaded: document.into_loaded()?,
            feeds: feeds.flatten().unwrap_or_default(),
            rest: rest.flatten().unwrap_or_default(),
            authorities: authorities.flatten(),
            memory: memory.flatten().unwrap_or_default(),
            sinks: sinks.flatten().unwrap_or_default(),
            status: status.flatten().unwrap_or_default(),
            fleet: fleet.flatten(),
        })
    }

    /// The proxies, and what set them.
    pub(crate) fn proxies(&self) -> &Loaded {
        &self.loaded
    }

    /// The feeds; there may be none.
    pub(crate) fn feeds(&self) -> &[ConfiguredFeed] {
        &self.feeds
    }

    /// How much may wait for the output.
    pub(crate) fn memory(&self) -> QueueLimits {
        self.memory
    }

    /// Where events go.
    pub(crate) fn sinks(&self) -> &ConfiguredSinks {
        &self.sinks
    }

    /// Where and to whom `run` tells what it is doing.
    pub(crate) fn status(&self) -> &StatusSettings {
        &self.status
    }

    /// The fleet that `run` is part of, if it is of one.
    pub(crate) fn fleet(&self) -> Option<&FleetSettings> {
        self.fleet.as_ref()
    }

    /// The limits of answers to REST requests.
    pub(crate) fn rest(&self) -> &RestLimits {
        &self.rest
    }

    /// The exchanges that have rules and no feed to use them, if there is any feed.
    pub(crate) fn unused_rules(&self) -> impl Iterator<Item = &ExchangeId> {
        let exchanges = self.loaded.settings().exchanges().map(|(id, _)| id);
        let has_feed = |id: &ExchangeId| self.feeds.iter().any(|feed| feed.id == *id);
        exchanges.filter(move |id| !self.feeds.is_empty() && !has_feed(id))
    }

    /// The settings of the proxies.
    pub(crate) fn settings(&self) -> &ProxySettings {
        self.loaded.settings()
    }

    /// The certificate authorities: the platform's, and those that the configuration adds.
    fn trust(&self) -> TlsTrust {
        let authorities = self.authorities.as_ref();
        authorities.map_or_else(TlsTrust::platform, Authorities::trust)
    }

    /// The sections that differ from those at the start, and that are only read then.
    pub(crate) fn changed_since_start(&self, start: &Self) -> impl Iterator<Item = &'static str> {
        [
            (rest::SECTION, self.rest != start.rest),
            (tls::SECTION, self.authorities != start.authorities),
            (memory::SECTION, self.memory != start.memory),
            (sinks::SECTION, self.sinks != start.sinks),
            (status::SECTION, self.status != start.status),
            (fleet::SECTION, self.fleet != start.fleet),
        ]
        .into_iter()
        .filter_map(|(section, is_changed)| is_changed.then_some(section))
    }

    /// # Errors
    /// [`Failure::Configuration`] if there is no feed.
    pub(crate) fn require_feed(&self) -> Result<(), Failure> {
        match self.feeds.is_empty() {
            true => Err(Failure::Configuration(vec![MINIMAL.to_owned()])),
            false => Ok(()),
        }
    }

    /// The injector that makes the connections, with the authorities of `trust`.
    fn injector(&self, trust: TlsTrust) -> ProxyInjector {
        ProxyInjector::new(self.settings().clone()).with_trust(trust)
    }
}
