//! The one shape that every source is brought into before the sources are merged.
//!
//! Users may write a URL for a slot, for both slots of a block, or for the whole section, and
//! `rest` and `ws` for the two transports. Merging field by field needs all sources to call the
//! same field by the same name, so the shorthands are spelled out here, one source at a time:
//!
//! ```yaml
//! enabled: …
//! strict: …
//! default: {http: SLOT, websocket: SLOT}
//! exchanges: {binance: {http: SLOT, websocket: SLOT}}   # ids in lower case
//! ```
//!
//! where a slot is `direct` or a table. A URL that stands for a slot sets the table's other fields
//! to nothing, and so takes the place of all that a weaker source says about the slot. What is
//! empty is left out: it sets nothing.

use std::collections::HashSet;

use config::{Map, Value, ValueKind};

use crate::connection_proxies::DIRECT;
use crate::exchange_id::ExchangeId;
use crate::node::Node;
use crate::proxy_url::ProxyUrl;
use crate::transport::Transport;

pub(crate) const SETTINGS_KEYS: [&str; 4] = ["enabled", "strict", "default", "exchanges"];
pub(crate) const SLOT_KEYS: [&str; 2] = ["url", "timeout_seconds"];
const BLOCK_KEYS: [&str; 4] = ["http", "websocket", "rest", "ws"];

/// The shape of a whole `proxy` section.
pub(crate) fn settings(node: &Node<'_>) -> Option<Value> {
    if node.as_text().is_some() {
        return table([
            ("enabled", Some(scalar(node, "true"))),
            ("default", block(node)),
        ]);
    }
    let fields = node.table(&SETTINGS_KEYS)?;
    let field = |key, shape: fn(&Node<'_>) -> Option<Value>| {
        (key, fields.field(key).and_then(|node| shape(&node)))
    };
    table([
        field("enabled", as_is),
        field("strict", as_is),
        field("default", block),
        field("exchanges", exchanges),
    ])
}

/// The shape of the slots of one exchange, or of the default.
pub(crate) fn block(node: &Node<'_>) -> Option<Value> {
    if let Some(text) = node.as_text() {
        if !is_direct(text) {
            // Both slots would be wrong in the same way; this says it once.
            node.parse(ProxyUrl::parse)?;
        }
        let slot = slot(node)?;
        return table([
            (Transport::Http.as_str(), Some(slot.clone())),
            (Transport::WebSocket.as_str(), Some(slot)),
        ]);
    }
    let fields = node.table(&BLOCK_KEYS)?;
    let slots = [Transport::Http, Transport::WebSocket].map(|transport| {
        let field = match (
            fields.field(transport.as_str()),
            fields.field(alias(transport)),
        ) {
            (Some(field), None) | (None, Some(field)) => Some(field),
            (Some(field), Some(other)) => {
                other.report(format_args!(
                    "`{transport}` is given as well and means the same"
                ));
                Some(field)
            }
            (None, None) => None,
        };
        (transport.as_str(), field.and_then(|field| slot(&field)))
    });
    table(slots)
}

/// The shape of what applies to one transport.
pub(crate) fn slot(node: &Node<'_>) -> Option<Value> {
    let fields = match node.as_text() {
        Some(text) if is_direct(text) => return Some(scalar(node, DIRECT)),
        Some(_) => SLOT_KEYS.map(|key| match key {
            "url" => (key, as_is(node)),
            _ => (key, Some(scalar(node, ValueKind::Nil))),
        }),
        None => {
            let fields = node.table(&SLOT_KEYS)?;
            SLOT_KEYS.map(|key| (key, fields.field(key).as_ref().and_then(as_is)))
        }
    };
    table(fields)
}

/// The other name that users have for the slot of `transport`.
pub(crate) fn alias(transport: Transport) -> &'static str {
    match transport {
        Transport::Http => "rest",
        Transport::WebSocket => "ws",
    }
}

fn exchanges(node: &Node<'_>) -> Option<Value> {
    let mut seen = HashSet::new();
    let mut shape = Map::new();
    for (key, node) in node.entries()? {
        match ExchangeId::new(key) {
            Err(error) => node.report(error),
            Ok(id) if !seen.insert(id.clone()) => {
                node.report("the exchange is given twice; case makes no difference");
            }
            Ok(id) => shape.extend(block(&node).map(|block| (id.to_string(), block))),
        }
    }
    Some(Value::new(None, shape))
}

fn is_direct(text: &str) -> bool {
    text.eq_ignore_ascii_case(DIRECT)
}

fn as_is(node: &Node<'_>) -> Option<Value> {
    Some(node.value().clone())
}

fn scalar(node: &Node<'_>, kind: impl Into<ValueKind>) -> Value {
    Value::new(node.origin().map(str::to_owned).as_ref(), kind)
}

/// A table of the fields that have a value, if any has.
fn table<const N: usize>(fields: [(&str, Option<Value>); N]) -> Option<Value> {
    let fields: Map<_, _> = fields
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect();
    (!fields.is_empty()).then(|| Value::new(None, fields))
}
