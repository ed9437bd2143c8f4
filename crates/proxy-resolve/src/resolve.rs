//! How it is decided.

use proxy_config::{ExchangeId, ProxyConfig, ProxySettings, Transport};

use crate::resolution::{Resolution, Route, RouteSource};

/// Decides which route a connection takes.
///
/// `exchange` is the exchange that the connection belongs to, and `legacy` the proxy that the
/// caller would use if there were no settings. The [crate documentation](crate) has the order in
/// which they are considered.
#[must_use]
pub fn resolve<'a>(
    settings: &'a ProxySettings,
    exchange: Option<&ExchangeId>,
    transport: Transport,
    legacy: Option<&'a ProxyConfig>,
) -> Resolution<'a> {
    let configured = exchange
        .filter(|_| settings.is_enabled())
        .and_then(|exchange| configured(settings, exchange, transport));
    if let Some(resolution) = configured {
        return resolution;
    }
    let (route, source) = match legacy {
        Some(proxy) => (Route::Proxy(proxy), RouteSource::Legacy),
        None if !settings.is_enabled() => (Route::Direct, RouteSource::Disabled),
        None if settings.is_strict() => (Route::Refused, RouteSource::None),
        None => (Route::Direct, RouteSource::None),
    };
    Resolution::new(route, source)
}

/// The rule for an exchange, its own or the default.
fn configured<'a>(
    settings: &'a ProxySettings,
    exchange: &ExchangeId,
    transport: Transport,
) -> Option<Resolution<'a>> {
    let own = settings
        .exchange(exchange)
        .and_then(|proxies| proxies.for_transport(transport))
        .map(|rule| (rule, RouteSource::Exchange));
    let default = || {
        let rule = settings.default_proxies().for_transport(transport)?;
        Some((rule, RouteSource::Default))
    };
    let (rule, source) = own.or_else(default)?;
    Some(Resolution::new(rule.into(), source))
}
