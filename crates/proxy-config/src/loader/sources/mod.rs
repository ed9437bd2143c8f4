//! The sources of settings, and their precedence.

mod code;
mod document;
mod env;
mod fault;
mod file;
mod json;
mod layer;
mod lines;
mod list;
mod loaded;
mod original;
mod origins;
mod prefix;
mod service;
mod toml;
mod values;
mod yaml;

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use config::Value;

use self::env::{Environment, Names};
use self::file::File;
use self::layer::{Layer, merge};
use self::prefix::Prefix;
use crate::ambient::AmbientProxies;
use crate::error::{ConfigErrors, Problems};
use crate::loader::node::{Node, Reading, child};
use crate::loader::read;
use crate::origin::Origin;
use crate::settings::ProxySettings;

pub use self::document::Document;
pub(crate) use self::list::list_entries;
pub use self::loaded::Loaded;
pub use self::origins::RuleOrigins;
pub(crate) use self::values::Budget;

/// The section of a document that holds the proxy settings.
const PROXY: &str = "proxy";

/// The sources of a configuration. From the weakest to the strongest:
///
/// 1. [code](Self::with_code);
/// 2. [files](Self::with_file) and [texts](Self::with_text), a later one before an earlier one;
/// 3. [the environment](Self::with_env).
///
/// They are merged field by field: a stronger source wins for the fields that it sets, and only for
/// these. A URL or `direct` in place of a table of fields sets all of them, and of `url` and `pool`
/// each takes the place of the other.
///
/// ```
/// use proxy_config::{ExchangeId, Sources, Transport};
///
/// let loaded = Sources::new()
///     .with_text("cryptofeed.yaml", "proxy: {enabled: true, default: 'socks5h://proxy:1080'}")
///     .with_env([("CRYPTOFEED_PROXY_DEFAULT__HTTP__URL", "http://alice:secret@other:8080")])
///     .load()?;
/// let default = loaded.settings().default_proxies();
/// assert_eq!(default.http().unwrap().to_string(), "http://***@other:8080");
/// assert_eq!(default.websocket().unwrap().to_string(), "socks5h://proxy:1080");
/// let binance = ExchangeId::new("binance").unwrap();
/// let origins = loaded.explain(&binance, Transport::Http, None).unwrap();
/// let rule = origins.rule().unwrap();
/// assert_eq!(rule.to_string(), "CRYPTOFEED_PROXY_DEFAULT__HTTP__URL");
/// # Ok::<(), proxy_config::ConfigErrors>(())
/// ```
#[derive(Clone, Default)]
pub struct Sources {
    sections: Vec<String>,
    variables: Vec<String>,
    code: Option<ProxySettings>,
    files: Vec<File>,
    prefix: Prefix,
    environment: Vec<(String, OsString)>,
}

impl Sources {
    /// No sources, from which disabled settings are loaded.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a section that the document may have in addition to `proxy`, for [`Document::read`].
    /// Any other section is an error, because it may be a misspelt one. A variable whose name begins
    /// with those of several sections belongs to the one with the longest name.
    #[must_use]
    pub fn with_section(mut self, name: impl Into<String>) -> Self {
        self.sections.push(name.into());
        self
    }

    /// Adds an environment variable that the program reads by itself, such as `CRYPTOFEED_CONFIG`.
    /// Any other variable with our prefix that names no section is an error.
    #[must_use]
    pub fn with_variable(mut self, name: impl Into<String>) -> Self {
        self.variables.push(name.into());
        self
    }

    /// Sets the settings that apply unless another source sets something else.
    #[must_use]
    pub fn with_code(mut self, settings: ProxySettings) -> Self {
        self.code = Some(settings);
        self
    }

    /// Adds a YAML, TOML or JSON file, by its extension: `.yaml`, `.yml`, `.toml` or `.json`. It is
    /// read by [`load`](Self::load). Relative paths in it start from its folder.
    #[must_use]
    pub fn with_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.files.push(File::OnDisk(path.into()));
        self
    }

    /// Adds the text of a file. Errors call it `name`, and the extension of the name determines the
    /// format; with any other extension, it is YAML. Relative paths in it start from the working
    /// directory.
    #[must_use]
    pub fn with_text(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.files.push(File::InMemory {
            name: name.into(),
            text: text.into(),
        });
        self
    }

    /// Sets the prefix of this program's environment variables, instead of `CRYPTOFEED_`. It
    /// consists of upper-case letters, digits and underscores, begins with a letter and ends with
    /// an underscore. For any other prefix, [`load`](Self::load) returns an error; also for one
    /// like `HTTP_`, which would make a [variable of all programs](AmbientProxies) one of ours.
    ///
    /// Variables with the prefix `CRYPTOFEED_` then belong to another program.
    ///
    /// ```
    /// use proxy_config::Sources;
    ///
    /// let sources = Sources::new().with_prefix("MYAPP_");
    /// let loaded = sources.clone().with_env([("MYAPP_PROXY", "socks5h://proxy:1080")]).load()?;
    /// let http = loaded.settings().default_proxies().http();
    /// assert_eq!(http.unwrap().to_string(), "socks5h://proxy:1080");
    ///
    /// let misspelt = sources.with_env([("MYAPP_PORXY", "socks5h://proxy:1080")]);
    /// assert_eq!(
    ///     misspelt.load().unwrap_err().to_string(),
    ///     "MYAPP_PORXY: unknown variable; did you mean MYAPP_PROXY?"
    /// );
    /// # Ok::<(), proxy_config::ConfigErrors>(())
    /// ```
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Prefix::new(prefix);
        self
    }

    /// Adds environment variables: names and values. Only those with the
    /// [prefix](Self::with_prefix), by default `CRYPTOFEED_`, are read, and those of
    /// [`AmbientProxies`] if `proxy.from_env` is set. Names are case-insensitive. After the prefix,
    /// a name has a section, with or without keys in it. Any other name with the prefix is an
    /// error, unless it was [added](Self::with_variable) or is one that is
    /// [ignored](Document::ignored_variables). A name is also an error if it differs from a valid
    /// one by a byte order mark, a space or another character.
    #[must_use]
    pub fn with_env<N, V>(mut self, variables: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<OsString>,
        V: Into<OsString>,
    {
        let variables = variables.into_iter().map(|(name, value)| {
            // A name that is not UTF-8 is not valid, and is reported without these bytes.
            let name = name.into().to_string_lossy().into_owned();
            (name, value.into())
        });
        self.environment.extend(variables);
        self
    }

    /// Adds the environment variables of this process.
    #[must_use]
    pub fn with_process_env(self) -> Self {
        self.with_env(std::env::vars_os())
    }

    /// Reads and merges the sources and validates the proxy settings, if there is no other section
    /// to read.
    ///
    /// # Errors
    /// [`ConfigErrors`] has all errors: unreadable files, unknown keys and variables, and invalid
    /// values.
    pub fn load(self) -> Result<Loaded, ConfigErrors> {
        self.merge().into_loaded()
    }

    /// Reads and merges the sources. [`Document::into_loaded`] returns their errors, together with
    /// those of the readers of other sections.
    #[must_use]
    pub fn merge(self) -> Document {
        let reading = Reading {
            folders: self.files.iter().filter_map(File::folder).collect(),
            ..Reading::default()
        };
        let sections: Vec<_> = [PROXY]
            .into_iter()
            .chain(self.sections.iter().map(String::as_str))
            .collect();
        let code = self.code.as_ref();
        let code = code.and_then(|settings| code::document(settings, &reading.references));
        let mut documents: Vec<_> = code.into_iter().collect();
        documents.extend(self.files.iter().filter_map(|file| file.document(&reading)));
        let environment = self.read_environment(&sections, &reading);
        documents.extend(environment.documents);

        let layers = documents.iter().filter_map(|document| {
            let node = Node::new("", document, &reading);
            Layer::new(&node, &sections)
        });
        let document = merge(layers).unwrap_or_else(|error| {
            reading.problems.report("", None, error);
            Value::default()
        });
        let settings = self.read_settings(&document, &reading);
        Document::new(document, settings, environment.ignored, reading)
    }

    /// The meaning of the variables; nothing if their prefix is invalid.
    fn read_environment(&self, sections: &[&str], reading: &Reading) -> Environment {
        if let Err(problem) = self.prefix.check() {
            reading.problems.report("", Some(Origin::Code), problem);
            return Environment::default();
        }
        let names = Names {
            prefix: &self.prefix,
            sections,
            others: &self.variables,
        };
        env::read(&self.environment, &names, reading)
    }

    fn read_settings(&self, document: &Value, reading: &Reading) -> ProxySettings {
        let settings = child(document, PROXY).and_then(|section| {
            let node = Node::new(PROXY, section, reading);
            let settings = read::settings(&node, |from_env| {
                Some(self.ambient(from_env.path(), &reading.problems))
            })?;
            // Otherwise the rules may be missing only because they could not be read.
            if reading.problems.is_empty() {
                read::require_rule(&settings, &node);
            }
            Some(settings)
        });
        settings.unwrap_or_default()
    }

    /// The environment's proxies, or those of code if the environment has none.
    fn ambient(&self, path: &str, problems: &Problems) -> AmbientProxies {
        let ambient = AmbientProxies::read(&self.environment, path, problems);
        let in_code = self.code.as_ref().and_then(ProxySettings::ambient);
        match in_code {
            Some(in_code) if ambient.is_empty() => in_code.clone(),
            _ => ambient,
        }
    }
}

/// Shows names only: values may be secrets.
impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_read =
            |name: &&String| self.prefix.is_meant_by(name) || AmbientProxies::is_variable(name);
        let variables = self.environment.iter().map(|(name, _)| name);
        let variables = variables.filter(is_read);
        f.debug_struct("Sources")
            .field("sections", &self.sections)
            .field("variables", &self.variables)
            .field("code", &self.code)
            .field("files", &self.files)
            .field("prefix", &self.prefix.as_str())
            .field("environment", &variables.collect::<Vec<_>>())
            .finish()
    }
}
