//! How it is decided.

use proxy_config::{
    AmbientProxies, Destination, ExchangeId, ProxyConfig, ProxyRule, ProxySettings, Transport,
};

use crate::resolution::{Resolution, Route, RouteSource};

/// Decides which route a connection takes.
///
/// `exchange` is the exchange that the connection belongs to, and `legacy` the proxy that the
/// caller would use if there were no settings. The [crate documentation](crate) has the order in
/// which they are considered.
///
/// The route is the same for all destinations, unless it is one of the environment's proxies: then
/// no destination is exempt from it, as [`AmbientProxies::rule`] says. Who knows the destination
/// asks [`resolve_for`] instead.
#[must_use]
pub fn resolve(
    settings: &ProxySettings,
    exchange: Option<&ExchangeId>,
    transport: Transport,
    legacy: Option<&ProxyConfig>,
) -> Resolution {
    decide(settings, exchange, transport, legacy, AmbientProxies::rule)
}

/// Decides which route a connection to `destination` takes.
///
/// The same as [`resolve`], except that the environment may have different proxies for different
/// destinations, and exempt some from them.
#[must_use]
pub fn resolve_for(
    settings: &ProxySettings,
    exchange: Option<&ExchangeId>,
    transport: Transport,
    legacy: Option<&ProxyConfig>,
    destination: &Destination<'_>,
) -> Resolution {
    decide(settings, exchange, transport, legacy, |ambient| {
        ambient.rule_for(destination)
    })
}

fn decide<'a>(
    settings: &'a ProxySettings,
    exchange: Option<&ExchangeId>,
    transport: Transport,
    legacy: Option<&ProxyConfig>,
    ambient: impl FnOnce(&'a AmbientProxies) -> Option<&'a ProxyRule>,
) -> Resolution {
    if settings.lacks_enabled() {
        return Resolution::new(Route::Refused, RouteSource::None);
    }
    let configured = exchange
        .filter(|_| settings.is_enabled())
        .and_then(|exchange| configured(settings, exchange, transport, ambient));
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
fn configured<'a>(
    settings: &'a ProxySettings,
    exchange: &ExchangeId,
    transport: Transport,
    ambient: impl FnOnce(&'a AmbientProxies) -> Option<&'a ProxyRule>,
) -> Option<Resolution> {
    let own = settings
        .exchange(exchange)
        .and_then(|proxies| proxies.for_transport(transport))
        .map(|rule| (rule, RouteSource::Exchange));
    let default = || {
        let rule = settings.default_proxies().for_transport(transport);
        let rule = rule.or_else(|| settings.ambient().and_then(ambient))?;
        Some((rule, RouteSource::Default))
    };
    let (rule, source) = own.or_else(default)?;
    Some(Resolution::new(rule.into(), source))
}
