//! From a `proxy` section in its one [shape](crate::loader::shape) to the validated types.

use std::iter::repeat;

use url::Host;

use crate::ambient::AmbientProxies;
use crate::connection_proxies::{ConnectionProxies, DIRECT, ProxyRule};
use crate::dial_options::{DialOptions, MOST_HOPS, TooManyHops};
use crate::exchange_id::ExchangeId;
use crate::http_url::HttpUrl;
use crate::keys::names::{CHOICE, DEFAULT, EGRESS_URL, ENABLED, EXCHANGES, FROM_ENV, VIA};
use crate::keys::{Content, DIAL, SETTINGS};
use crate::loader::fill::{Reach, fill};
use crate::loader::node::{Node, Table};
use crate::loader::read_direct::direct_exit;
use crate::loader::read_pool::pool;
use crate::loader::read_server::server;
use crate::pool::{PoolConfig, PoolMember};
use crate::proxy_config::ProxyConfig;
use crate::proxy_server::ProxyServer;
use crate::scheme::Scheme;
use crate::settings::ProxySettings;
use crate::transport::Transport;

/// Reads the section. `ambient` returns the environment's proxies, and gets the node that enables
/// them.
pub(crate) fn settings(
    node: &Node<'_>,
    ambient: impl FnOnce(&Node<'_>) -> Option<AmbientProxies>,
) -> Option<ProxySettings> {
    let fields = node.table_of(&Content::Settings)?;
    require_enabled(&fields, node);
    let settings = Some(ProxySettings::default());
    let mut settings = fill(&SETTINGS, &fields, Reach::Here, settings).unwrap_or_default();
    if let Some(node) = fields.field(DEFAULT) {
        settings = settings.with_default(connection_proxies(&node)?);
    }
    if let Some(node) = fields.field(FROM_ENV)
        && node.boolean()?
    {
        settings = settings.with_ambient(ambient(&node)?);
    }
    if let Some(node) = fields.field(EGRESS_URL) {
        settings = settings.with_egress_url(node.parse(HttpUrl::parse)?);
    }
    let exchanges = fields.field(EXCHANGES).and_then(|node| node.entries());
    for (id, node) in exchanges.unwrap_or_default() {
        let id = ExchangeId::new(id)
            .map_err(|error| node.report(error))
            .ok()?;
        settings = settings.with_exchange(id, connection_proxies(&node)?);
    }
    Some(settings)
}

/// Reports an error if other keys are set, but not `enabled`: connections would be direct although
/// there are rules.
fn require_enabled(fields: &Table<'_>, node: &Node<'_>) {
    let is_set = |key: &str| fields.field(key).is_some();
    let mut others = Content::Settings.keys().into_iter().map(|key| key.name);
    if !is_set(ENABLED) && others.any(is_set) {
        node.report(
            "there are rules, but `enabled` is not set; \
             add `enabled: true` to use the proxies, or `enabled: false` to connect without them",
        );
    }
}

/// Reports an error if the settings are enabled and have no rule: every connection would be direct,
/// which cannot be the intention.
pub(crate) fn require_rule(settings: &ProxySettings, node: &Node<'_>) {
    if !settings.is_enabled() || settings.has_rules() {
        return;
    }
    node.report(match settings.ambient() {
        Some(_) => {
            "enabled, but no proxy is configured; \
             none of HTTPS_PROXY, HTTP_PROXY and ALL_PROXY is set for `from_env`"
        }
        None => "enabled, but no proxy is configured; set `default` or one of `exchanges`",
    });
}

pub(crate) fn connection_proxies(node: &Node<'_>) -> Option<ConnectionProxies> {
    let fields = node.table_of(&Content::ConnectionProxies)?;
    let rule = |transport: Transport| {
        fields
            .field(transport.as_str())
            .and_then(|node| proxy_rule(&node))
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

pub(crate) fn proxy_rule(node: &Node<'_>) -> Option<ProxyRule> {
    if node.as_text() == Some(DIRECT) {
        return Some(ProxyRule::Direct);
    }
    let fields = node.table_of(&Content::ProxyRule)?;
    if let Some(node) = fields.field(DIRECT) {
        let exit = direct_exit(&fields, &node, &Content::ProxyRule);
        return exit.map(ProxyRule::DirectFrom);
    }
    let options = fill(&DIAL, &fields, Reach::Here, Some(DialOptions::default()));
    let hops = match fields.field(VIA) {
        Some(node) => hops(&node),
        None => Some(Vec::new()),
    };
    let reach = match hops.as_deref() {
        Some([]) => Reach::Here,
        _ => Reach::ThroughAnother,
    };
    let Some(node) = fields.field(CHOICE) else {
        let exit = server(&fields, reach);
        let via = via(&hops?, exit.iter());
        let proxy = ProxyConfig::from(exit?).with_options(options?);
        return Some(proxy.with_via(via?).ok()?.into());
    };
    let replaced = Content::ProxyRule.replaced_by(CHOICE).into_iter();
    for field in replaced.filter_map(|key| fields.field(key)) {
        field.report("`pool` is given as well; move the keys of a proxy into `pool.proxies`");
    }
    let pool = pool(&node, reach);
    let members = pool.iter().flat_map(PoolConfig::members);
    let via = via(&hops?, members.filter_map(PoolMember::server));
    let pool = pool?.with_options(options?);
    Some(pool.with_via(via?).ok()?.into())
}

/// The values of `via`.
fn hops<'a>(via: &Node<'a>) -> Option<Vec<Node<'a>>> {
    let hops = via.list()?;
    if hops.len() > MOST_HOPS {
        via.report(TooManyHops);
        return None;
    }
    Some(hops)
}

/// The proxies before the last one, which is one of `exits`.
fn via<'a>(
    nodes: &[Node<'_>],
    exits: impl Iterator<Item = &'a ProxyServer>,
) -> Option<Vec<ProxyServer>> {
    // Only the first socket is opened here; each proxy opens the one to the next.
    let reaches = [Reach::Here]
        .into_iter()
        .chain(repeat(Reach::ThroughAnother));
    let read = |(node, reach): (&Node<'_>, _)| server(&node.table_of(&Content::Server)?, reach);
    // In two steps: collected as an `Option` at once, the first error would hide the others.
    let via: Vec<_> = nodes.iter().zip(reaches).map(read).collect();
    let via = via.into_iter().collect::<Option<Vec<_>>>()?;
    let exits: Vec<_> = exits.collect();
    let after = via.iter().skip(1).map(|hop| vec![hop]).chain([exits]);
    for ((node, hop), nexts) in nodes.iter().zip(&via).zip(after) {
        let scheme = hop.url().scheme();
        // A request of SOCKS 4 has four bytes for the address. 4a adds names, but not IPv6.
        if matches!(scheme, Scheme::Socks4 | Scheme::Socks4a)
            && nexts
                .iter()
                .any(|next| matches!(next.url().host(), Host::Ipv6(_)))
        {
            node.report(format_args!(
                "a {scheme} proxy cannot reach the next one, whose address is IPv6"
            ));
        }
    }
    Some(via)
}
