use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use proxy_config::{
    ConfigErrors, ConnectionProxies, ExchangeId, Origin, ProxyConfig, ProxySettings, Sources,
    Transport,
};

pub(crate) fn id(id: &str) -> ExchangeId {
    ExchangeId::new(id).unwrap()
}

pub(crate) fn proxy(url: &str) -> ProxyConfig {
    ProxyConfig::new(url.parse().unwrap())
}

/// Sources of which the weakest says that the system is enabled, for those that are about rules.
pub(crate) fn enabled() -> Sources {
    Sources::new().with_code(ProxySettings::enabled())
}

/// The settings of one YAML file, enabled if it does not say otherwise.
pub(crate) fn yaml(text: &str) -> Result<ProxySettings, ConfigErrors> {
    let sources = enabled().with_text("test.yaml", text);
    Ok(sources.load()?.into_settings())
}

/// The settings of environment variables, named without their `CRYPTOFEED_PROXY`; enabled if they
/// do not say otherwise.
pub(crate) fn env(variables: &[(&str, &str)]) -> Result<ProxySettings, ConfigErrors> {
    let sources = enabled().with_env(named(variables));
    Ok(sources.load()?.into_settings())
}

pub(crate) fn named(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    let name = |(name, value): &(&str, &str)| (format!("CRYPTOFEED_PROXY{name}"), (*value).into());
    variables.iter().map(name).collect()
}

/// The rule of a transport, its URL without credentials; `-` if there is none.
pub(crate) fn rule(proxies: &ConnectionProxies, transport: Transport) -> String {
    proxies
        .for_transport(transport)
        .map_or("-".to_owned(), ToString::to_string)
}

/// Both rules of the default.
pub(crate) fn defaults(settings: &ProxySettings) -> [String; 2] {
    rules(settings.default_proxies())
}

/// Both rules of an exchange.
pub(crate) fn of_exchange(settings: &ProxySettings, exchange: &str) -> [String; 2] {
    rules(settings.exchange(&id(exchange)).unwrap())
}

fn rules(proxies: &ConnectionProxies) -> [String; 2] {
    Transport::ALL.map(|transport| rule(proxies, transport))
}

/// The messages of everything that is wrong.
pub(crate) fn messages<T: std::fmt::Debug>(result: Result<T, ConfigErrors>) -> Vec<String> {
    result
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// A folder for the files of one test, gone when the test is.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("proxy-config-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The path of what is called `name` in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file and returns its path.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// An origin as it is displayed.
pub(crate) fn shown(origin: Option<&Origin>) -> Option<String> {
    origin.map(ToString::to_string)
}
