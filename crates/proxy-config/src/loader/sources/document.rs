//! The sources, merged.

use std::fmt;

use config::Value;
use serde::de::DeserializeOwned;

use super::loaded::Loaded;
use crate::error::ConfigErrors;
use crate::loader::node::{Node, Reading, child};
use crate::loader::section;
use crate::settings::ProxySettings;

/// The sources, merged into one document with a section for the proxies and sections of others.
///
/// It may contain errors. Read the other sections first: [`into_loaded`](Self::into_loaded) then
/// returns the errors of all sections together:
///
/// ```
/// use proxy_config::Sources;
///
/// let document = Sources::new()
///     .with_section("tls")
///     .with_text("cryptofeed.yaml", "{proxy: 'ftp://proxy:21', tls: {ca_flie: corporate-ca.pem}}")
///     .merge();
/// let ca_file = document.read("tls", |tls| tls.table(&["ca_file"])?.field("ca_file")?.file_path());
/// assert_eq!(ca_file, Some(None));
/// assert_eq!(
///     document.into_loaded().unwrap_err().to_string(),
///     "proxy (from cryptofeed.yaml:1:9): Unsupported proxy scheme: ftp; \
///      expected http, https, socks4, socks4a, socks5 or socks5h\n\
///      tls.ca_flie (from cryptofeed.yaml:1:42): \
///      unknown key; did you mean `ca_file`? (known keys: ca_file)"
/// );
/// ```
pub struct Document {
    value: Value,
    settings: ProxySettings,
    ignored: Vec<String>,
    reading: Reading,
}

impl Document {
    pub(super) fn new(
        value: Value,
        settings: ProxySettings,
        ignored: Vec<String>,
        reading: Reading,
    ) -> Self {
        Self {
            value,
            settings,
            ignored,
            reading,
        }
    }

    /// The names of variables with our prefix that were ignored, sorted: those that Kubernetes sets
    /// for a Service whose name begins like ours, and those of the Python cryptofeed that do not
    /// concern proxies.
    #[must_use]
    pub fn ignored_variables(&self) -> &[String] {
        &self.ignored
    }

    /// Reads a section, `None` if it is not set.
    ///
    /// `read` gets the section as a [`Node`] and reports errors to it. Its result is valid only if
    /// [`into_loaded`](Self::into_loaded) succeeds.
    pub fn read<T>(&self, section: &str, read: impl FnOnce(&Node<'_>) -> T) -> Option<T> {
        let value = child(&self.value, section)?;
        Some(read(&Node::new(section, value, &self.reading)))
    }

    /// Reads a section as a type of the program; `None` if the section is not set or has an error.
    /// [`into_loaded`](Self::into_loaded) returns its errors together with all others, with the
    /// keys and the source of the value, and without the value itself.
    ///
    /// ```
    /// use proxy_config::Sources;
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize)]
    /// struct Store {
    ///     path: String,
    ///     #[serde(default)]
    ///     keep_days: Option<u16>,
    /// }
    ///
    /// let file = "{proxy: 'socks5h://proxy:1080', store: {path: /var/lib/trades, keep_days: 7}}";
    /// let document = Sources::new()
    ///     .with_prefix("MYAPP_")
    ///     .with_section("store")
    ///     .with_text("myapp.yaml", file)
    ///     .with_env([("MYAPP_STORE_KEEP_DAYS", "30")])
    ///     .merge();
    /// let store: Option<Store> = document.section("store");
    /// let loaded = document.into_loaded()?;
    /// let store = store.expect("there is a section, and nothing is wrong");
    /// assert_eq!((store.path.as_str(), store.keep_days), ("/var/lib/trades", Some(30)));
    /// # assert!(loaded.settings().is_enabled());
    ///
    /// let document = Sources::new()
    ///     .with_section("store")
    ///     .with_text("myapp.yaml", "store: {path: /var/lib/trades, keep_days: a week}")
    ///     .merge();
    /// assert!(document.section::<Store>("store").is_none());
    /// assert_eq!(
    ///     document.into_loaded().unwrap_err().to_string(),
    ///     "store.keep_days (from myapp.yaml:1:43): expected a whole number from 0 to 65535"
    /// );
    /// # Ok::<(), proxy_config::ConfigErrors>(())
    /// ```
    ///
    /// Every scalar of a document is text, which is parsed as the type requires: booleans have all
    /// their spellings, a list may be a table by index, as variables make it, and a variant of an
    /// enum is its name, or a table of its name and its content. Types that do not ask for a kind
    /// of value (`untagged`, `tag`, `flatten`) get texts, and never numbers.
    ///
    /// Unknown keys of a struct are errors, with or without `deny_unknown_fields`; only a struct
    /// with a `flatten`ed field accepts all keys. All unknown keys of a table are reported, but of
    /// other errors only the first in the section, because serde stops there. The message of a type
    /// itself is reported with `***` in place of the texts of the value that have four bytes or
    /// more. A path is not changed; [`Node::file_path`] adds the folder of its file.
    pub fn section<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        self.read(name, section::deserialize).flatten()
    }

    /// The proxy settings, if there is no error in any section.
    ///
    /// # Errors
    /// [`ConfigErrors`] has all errors: unreadable files, unknown keys and variables, invalid values of
    /// the proxy settings, and what the readers of other sections reported.
    pub fn into_loaded(self) -> Result<Loaded, ConfigErrors> {
        let (problems, origins) = self.reading.into_parts();
        problems.or(Loaded::new(self.value, origins, self.settings))
    }
}

/// Shows no values, which may be secrets.
impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document").finish_non_exhaustive()
    }
}
