//! Where the members of a pool come from, if not from the settings.

use std::sync::Arc;

use async_trait::async_trait;
use proxy_config::ProxyList;
use transport::BoxError;

/// A list of proxies that changes while the program runs: a service registry, or the API of a provider.
///
/// A program gives its own to [`ProxyInjector::with_source`](crate::ProxyInjector::with_source).
/// The settings name it in [`PoolSource::program`](proxy_config::PoolSource::program).
///
/// ```
/// use async_trait::async_trait;
/// use proxy_config::{PoolMember, ProxyList, ProxyUrl};
/// use proxy_injector::ProxySource;
/// use transport::BoxError;
///
/// /// The proxies that a variable names, separated by spaces.
/// struct Variable(&'static str);
///
/// #[async_trait]
/// impl ProxySource for Variable {
///     async fn list(&self) -> Result<Option<ProxyList>, BoxError> {
///         let urls = std::env::var(self.0)?;
///         let members = urls.split(' ').map(|url| Ok(PoolMember::new(url.parse::<ProxyUrl>()?)));
///         Ok(Some(ProxyList::new(members.collect::<Result<Vec<_>, BoxError>>()?)))
///     }
/// }
/// ```
#[async_trait]
pub trait ProxySource: Send + Sync {
    /// The list as it is now, or `None` if it is the one that was returned last and had a proxy in it.
    ///
    /// It is called again when it has answered and the interval of the source is over, sooner as long as there is no
    /// list at all, and never twice at the same time. It may wait for a change, but not when it is called for the first time.
    ///
    /// # Errors
    /// Why there is no list. The last one stays in use, and the error is logged with its causes: it must
    /// not show a secret.
    async fn list(&self) -> Result<Option<ProxyList>, BoxError>;
}

#[async_trait]
impl<S: ProxySource + ?Sized> ProxySource for Arc<S> {
    async fn list(&self) -> Result<Option<ProxyList>, BoxError> {
        (**self).list().await
    }
}
