//! Settings made in code as a source.

use config::{Map, Value};

use super::PROXY;
use crate::connection_proxies::{ConnectionProxies, DIRECT, ProxyRule};
use crate::handshake_mode::HandshakeMode;
use crate::pool::PoolConfig;
use crate::proxy_server::ProxyServer;
use crate::settings::ProxySettings;
use crate::transport::Transport;

/// The document that the settings would be read from, with what they say and nothing else; none if
/// they say nothing. It holds the credentials.
pub(super) fn document(settings: &ProxySettings) -> Option<Value> {
    let exchanges: Map<_, _> = settings
        .exchanges()
        .map(|(id, proxies)| (id.to_string(), connection_proxies(proxies)))
        .collect();
    let says_enabled = settings.says_enabled();
    let flag = |is_said, flag: bool| Some(value(flag.to_string())).filter(|_| is_said);
    let (strict, ambient) = (settings.is_strict(), settings.ambient().is_some());
    let default = settings.default_proxies();
    let section: Map<_, _> = [
        ("enabled", flag(says_enabled, settings.is_enabled())),
        ("strict", flag(settings.says_strict(), strict)),
        (
            "default",
            (!default.is_empty()).then(|| connection_proxies(default)),
        ),
        (
            "exchanges",
            (!exchanges.is_empty()).then(|| value(exchanges)),
        ),
        ("from_env", flag(says_enabled || ambient, ambient)),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key.to_owned(), value?)))
    .collect();
    (!section.is_empty()).then(|| value(Map::from([(PROXY.to_owned(), value(section))])))
}

fn connection_proxies(proxies: &ConnectionProxies) -> Value {
    let rules: Map<_, _> = Transport::ALL
        .into_iter()
        .filter_map(|transport| {
            let rule = proxies.for_transport(transport)?;
            Some((transport.to_string(), proxy_rule(rule)))
        })
        .collect();
    value(rules)
}

fn proxy_rule(rule: &ProxyRule) -> Value {
    let (mut fields, via, timeout) = match rule {
        ProxyRule::Direct => return value(DIRECT),
        ProxyRule::Proxy(proxy) => (server(proxy.server()), proxy.via(), proxy.timeout_seconds()),
        ProxyRule::Pool(pool) => (
            Map::from([("pool".to_owned(), choice(pool))]),
            pool.via(),
            pool.timeout_seconds(),
        ),
    };
    fields.insert("timeout_seconds".to_owned(), value(timeout.to_string()));
    let via = via.iter().map(|hop| value(server(hop)));
    fields.insert("via".to_owned(), value(via.collect::<Vec<_>>()));
    value(fields)
}

fn choice(pool: &PoolConfig) -> Value {
    let proxies = pool.members().iter().map(|member| {
        let mut fields = server(member.server());
        fields.insert("weight".to_owned(), value(member.weight().to_string()));
        fields.insert("enabled".to_owned(), value(member.is_enabled().to_string()));
        value(fields)
    });
    let strategy = value(pool.strategy().as_str());
    value(Map::from([
        ("strategy".to_owned(), strategy),
        ("proxies".to_owned(), value(proxies.collect::<Vec<_>>())),
    ]))
}

fn server(server: &ProxyServer) -> Map<String, Value> {
    let mut fields = Map::from([("url".to_owned(), value(server.url().reveal()))]);
    if let Some(path) = server.ca_file() {
        // A path that is no text becomes one that is not there, which is an error.
        let path = value(path.to_string_lossy().as_ref());
        let tls = Map::from([("ca_file".to_owned(), path)]);
        fields.insert("tls".to_owned(), value(tls));
    }
    if server.handshake() != HandshakeMode::default() {
        let mode = value(server.handshake().as_str());
        fields.insert("handshake".to_owned(), mode);
    }
    if server.quick_ack() {
        fields.insert("quick_ack".to_owned(), value("true"));
    }
    fields
}

fn value(kind: impl Into<config::ValueKind>) -> Value {
    Value::new(Some(&"code".to_owned()), kind)
}
