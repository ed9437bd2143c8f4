//! The sources, merged.

use std::fmt;

use config::Value;

use super::loaded::Loaded;
use crate::error::ConfigErrors;
use crate::loader::node::{Node, Reading, child};
use crate::settings::ProxySettings;

/// The sources, merged into one document with a section for the proxies and sections of others.
///
/// There may be something wrong with it. Whoever has sections in it reads them first, and learns
/// from [`into_loaded`](Self::into_loaded) what is wrong with all of them:
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

    /// The names of variables with our prefix that were passed over, sorted: those that Kubernetes
    /// writes for a Service whose name begins like ours, and those of the Python cryptofeed that say
    /// nothing about proxies.
    #[must_use]
    pub fn ignored_variables(&self) -> &[String] {
        &self.ignored
    }

    /// Reads a section, `None` if it is not set.
    ///
    /// `read` gets the section as a [`Node`] and reports what is wrong with it there. What it
    /// returns counts only if [`into_loaded`](Self::into_loaded) succeeds.
    pub fn read<T>(&self, section: &str, read: impl FnOnce(&Node<'_>) -> T) -> Option<T> {
        let value = child(&self.value, section)?;
        Some(read(&Node::new(section, value, &self.reading)))
    }

    /// The proxy settings, if nothing at all is wrong.
    ///
    /// # Errors
    /// [`ConfigErrors`] has everything that is wrong: unreadable files, unknown keys and variables,
    /// values of the proxy settings that are not what they should be, and what the readers of other
    /// sections reported.
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
