//! How it is decided.

use proxy_config::{Destination, ExchangeId, ProxyConfig, ProxySettings, Transport};

use crate::resolution::{Resolution, Route, RouteSource};

/// Decides which route a connection takes.
///
/// `exchange` is the exchange that the connection belongs to, and `legacy` the proxy that the
/// caller would use if there were no settings. The [crate documentation](crate) has the order in
/// which they are considered.
///
/// The route is the same for all destinations, unless it is one of the environment's proxies: these
/// may differ by `destination`, and some destinations may be exempt from them. Where it is not
/// known, nothing is exempt, as [`AmbientProxies::rule`](proxy_config::AmbientProxies::rule) says.
#[must_use]
pub fn resolve(
    settings: &ProxySettings,
    exchange: Option<&ExchangeId>,
    transport: Transport,
    legacy: Option<&ProxyConfig>,
    destination: Option<&Destination<'_>>,
) -> Resolution {
    if settings.lacks_enabled() {
        return Resolution::new(Route::Refused, RouteSource::None);
    }
    let configured = exchange
        .filter(|_| settings.is_enabled())
        .and_then(|exchange| configured(settings, exchange, transport, destination));
    if let Some(resolution) = configured {
        return resolution;
    }
    let (route, source) = match legacy {
        Some(proxy) => (Route::Proxy(proxy.clone()), RouteSource::Legacy),
        None if !settings.is_enabled() => (Route::Direct, RouteSource::Disabled),
        None if settings.is_strict() => (Route::Refused, RouteSource::None),
        None => (Route::Direct, RouteSource::None),
    };
    Resolution::new(route, source)
}

/// The rule for an exchange: its own, the default, or what the environment has in its place.
fn configured(
    settings: &ProxySettings,
    exchange: &ExchangeId,
    transport: Transport,
    destination: Option<&Destination<'_>>,
) -> Option<Resolution> {
    let own = settings
        .exchange(exchange)
        .and_then(|proxies| proxies.for_transport(transport))
        .map(|rule| (rule, RouteSource::Exchange));
    let default = || {
        let rule = settings.default_proxies().for_transport(transport);
        let rule = rule.or_else(|| settings.ambient()?.rule(destination))?;
        Some((rule, RouteSource::Default))
    };
    let (rule, source) = own.or_else(default)?;
    Some(Resolution::new(rule.into(), source))
}
