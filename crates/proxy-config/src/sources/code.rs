//! Settings made in code as a source.

use config::{Map, Value};

use super::PROXY;
use crate::connection_proxies::{ConnectionProxies, DIRECT, ProxyRule};
use crate::settings::ProxySettings;
use crate::transport::Transport;

/// The document that the settings would be read from. It holds the credentials.
pub(super) fn document(settings: &ProxySettings) -> Value {
    let exchanges: Map<_, _> = settings
        .exchanges()
        .map(|(id, proxies)| (id.to_string(), block(proxies)))
        .collect();
    let section = Map::from([
        (
            "enabled".to_owned(),
            value(settings.is_enabled().to_string()),
        ),
        ("strict".to_owned(), value(settings.is_strict().to_string())),
        ("default".to_owned(), block(settings.default_proxies())),
        ("exchanges".to_owned(), value(exchanges)),
    ]);
    value(Map::from([(PROXY.to_owned(), value(section))]))
}

fn block(proxies: &ConnectionProxies) -> Value {
    let slots: Map<_, _> = [Transport::Http, Transport::WebSocket]
        .into_iter()
        .filter_map(|transport| {
            let rule = proxies.for_transport(transport)?;
            Some((transport.to_string(), slot(rule)))
        })
        .collect();
    value(slots)
}

fn slot(rule: &ProxyRule) -> Value {
    match rule {
        ProxyRule::Direct => value(DIRECT),
        ProxyRule::Proxy(proxy) => value(Map::from([
            ("url".to_owned(), value(proxy.url().reveal())),
            (
                "timeout_seconds".to_owned(),
                value(proxy.timeout_seconds().to_string()),
            ),
        ])),
    }
}

fn value(kind: impl Into<config::ValueKind>) -> Value {
    Value::new(Some(&"code".to_owned()), kind)
}
