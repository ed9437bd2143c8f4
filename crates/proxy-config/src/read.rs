//! From a `proxy` section in its one [shape](crate::shape) to the validated types.

use url::Host;

use crate::ambient::AmbientProxies;
use crate::connection_proxies::{ConnectionProxies, DIRECT, ProxyRule};
use crate::exchange_id::ExchangeId;
use crate::keys::Content;
use crate::node::{Node, Table};
use crate::proxy_config::{ProxyConfig, TIMEOUT_SECONDS};
use crate::proxy_server::ProxyServer;
use crate::read_server::server;
use crate::scheme::Scheme;
use crate::settings::ProxySettings;
use crate::transport::Transport;

/// `ambient` gets the node that asks for the environment's proxies.
pub(crate) fn settings(
    node: &Node<'_>,
    ambient: impl FnOnce(&Node<'_>) -> Option<AmbientProxies>,
) -> Option<ProxySettings> {
    let fields = node.table(&Content::Settings.names())?;
    let is_set = |key| fields.field(key).and_then(|node| node.boolean());
    let mut settings = ProxySettings::new()
        .with_enabled(is_set("enabled").unwrap_or_default())
        .with_strict(is_set("strict").unwrap_or_default());
    if let Some(node) = fields.field("default") {
        settings = settings.with_default(block(&node)?);
    }
    if let Some(node) = fields.field("from_env")
        && node.boolean()?
    {
        settings = settings.with_ambient(ambient(&node)?);
    }
    let exchanges = fields.field("exchanges").and_then(|node| node.entries());
    for (id, node) in exchanges.unwrap_or_default() {
        let id = ExchangeId::new(id)
            .map_err(|error| node.report(error))
            .ok()?;
        settings = settings.with_exchange(id, block(&node)?);
    }
    Some(settings)
}

/// Notes an error if the settings are enabled and have no rule: every connection would go direct,
/// which nobody enables proxies for.
pub(crate) fn require_rule(settings: &ProxySettings, node: &Node<'_>) {
    let has_rule = !settings.default_proxies().is_empty()
        || settings.exchanges().any(|(_, proxies)| !proxies.is_empty());
    let ambient = settings.ambient();
    if !settings.is_enabled() || has_rule || ambient.is_some_and(|ambient| !ambient.is_empty()) {
        return;
    }
    node.report(match ambient {
        Some(_) => {
            "enabled, but no proxy is configured; \
             none of HTTPS_PROXY, HTTP_PROXY and ALL_PROXY is set for `from_env`"
        }
        None => "enabled, but no proxy is configured; set `default` or one of `exchanges`",
    });
}

pub(crate) fn block(node: &Node<'_>) -> Option<ConnectionProxies> {
    let fields = node.table(&Content::Block.names())?;
    let rule = |transport: Transport| {
        fields
            .field(transport.as_str())
            .and_then(|node| slot(&node))
    };
    let mut proxies = ConnectionProxies::default();
    if let Some(rule) = rule(Transport::Http) {
        proxies = proxies.with_http(rule);
    }
    if let Some(rule) = rule(Transport::WebSocket) {
        proxies = proxies.with_websocket(rule);
    }
    Some(proxies)
}

pub(crate) fn slot(node: &Node<'_>) -> Option<ProxyRule> {
    if node.as_text() == Some(DIRECT) {
        return Some(ProxyRule::Direct);
    }
    let fields = node.table(&Content::Slot.names())?;
    let timeout = fields
        .field("timeout_seconds")
        .map(|node| node.integer(TIMEOUT_SECONDS));
    let (exit, via) = chain(&fields)?;
    let proxy = ProxyConfig::from(exit).with_via(via);
    let proxy = match timeout {
        Some(seconds) => proxy.with_timeout_seconds(seconds?).ok()?,
        None => proxy,
    };
    Some(ProxyRule::Proxy(proxy))
}

/// A proxy and those on the way to it.
fn chain(fields: &Table<'_>) -> Option<(ProxyServer, Vec<ProxyServer>)> {
    let exit = server(fields);
    let nodes = match fields.field("via") {
        Some(via) => via.list()?,
        None => Vec::new(),
    };
    let read = |node: &Node<'_>| server(&node.table(&Content::Server.names())?);
    let via: Vec<_> = nodes.iter().map(read).collect();
    let (exit, via) = (exit?, via.into_iter().collect::<Option<Vec<_>>>()?);
    let after = via.iter().skip(1).chain([&exit]);
    for ((node, hop), next) in nodes.iter().zip(&via).zip(after) {
        let scheme = hop.url().scheme();
        if matches!(scheme, Scheme::Socks4 | Scheme::Socks4a)
            && matches!(next.url().host(), Host::Ipv6(_))
        {
            node.report(format_args!(
                "a {scheme} proxy cannot reach the next one, whose address is IPv6"
            ));
        }
    }
    Some((exit, via))
}
