//! The one shape that every source is brought into before the sources are merged.
//!
//! Users may write a URL for a rule, for the rules of both transports, or for the whole section,
//! and `rest` and `ws` for the two transports. Merging by field requires the same names in all
//! sources, so the short forms are expanded here, one source at a time:
//!
//! ```yaml
//! enabled: …
//! strict: …
//! default: {http: RULE, websocket: RULE}
//! exchanges: {binance: {http: RULE, websocket: RULE}}   # ids in lower case
//! ```
//!
//! where a rule is `direct` or a table. A rule instead of `{http: RULE, websocket: RULE}` applies
//! to both. A URL as a rule unsets the other fields of the table, and so replaces the whole rule of
//! a weaker source. [Exclusive](Content::replaced_by) fields replace each other in the same way.
//! Invalid values are left out.

use std::collections::HashSet;

use config::{Map, Value, ValueKind};

use crate::connection_proxies::DIRECT;
use crate::exchange_id::ExchangeId;
use crate::headers::InvalidHeader;
use crate::keys::names::{DEFAULT, ENABLED};
use crate::keys::{Content, Key};
use crate::loader::node::{EMPTY, Node, Table};
use crate::loader::references::mark_of;
use crate::pool::InvalidPool;
use crate::proxy_url::ProxyUrl;

/// The shape of a value where `content` is expected.
pub(crate) fn shape(node: &Node<'_>, content: &Content) -> Option<Value> {
    match content {
        Content::Settings => settings(node),
        Content::Exchanges => exchanges(node),
        Content::Headers => headers(node),
        Content::ConnectionProxies => connection_proxies(node),
        Content::ProxyRule => proxy_rule(node, content),
        Content::List(item) => list(node, item),
        Content::Server | Content::Member => server(node, content),
        Content::Pool => pool(node),
        Content::Source => alternatives(node, content),
        Content::ListRoute => proxy_rule(node, content),
        Content::Breaker | Content::HealthCheck | Content::Direct | Content::Tls => {
            into_value(table(node, content)?)
        }
        Content::Boolean { .. }
        | Content::Integer { .. }
        | Content::Text
        | Content::File
        | Content::Bind
        | Content::Address
        | Content::Url
        | Content::HttpUrl
        | Content::Name
        | Content::Word(_) => Some(node.value().clone()),
    }
}

fn settings(node: &Node<'_>) -> Option<Value> {
    if node.as_text().is_none() {
        return into_value(table(node, &Content::Settings)?);
    }
    let mut fields = Map::from([(ENABLED.to_owned(), scalar(node, "true"))]);
    fields.extend(connection_proxies(node).map(|proxies| (DEFAULT.to_owned(), proxies)));
    into_value(fields)
}

fn exchanges(node: &Node<'_>) -> Option<Value> {
    let mut seen = HashSet::new();
    let mut shape = Map::new();
    for (key, entry) in node.entries()? {
        match ExchangeId::new(key) {
            Err(_) if ExchangeId::new(key.trim()).is_ok() => {
                let entry = node.child(key.trim(), entry.value());
                entry.report("the name has white space around it; remove it");
            }
            Err(error) => entry.report(error),
            Ok(id) if !seen.insert(id.clone()) => {
                entry.report("the exchange is given twice; names are case-insensitive");
            }
            Ok(id) => {
                shape.extend(connection_proxies(&entry).map(|proxies| (id.to_string(), proxies)));
            }
        }
    }
    Some(Value::new(None, shape))
}

/// The shape of headers, whose names are case-insensitive. An empty table is an error and is not
/// ignored: without its headers, a proxy may take another exit.
fn headers(node: &Node<'_>) -> Option<Value> {
    if node.is_empty_table() {
        node.report(EMPTY);
        return None;
    }
    let mut shape = Map::new();
    for (name, value) in node.entries()? {
        let name = name.to_ascii_lowercase();
        if shape.contains_key(&name) {
            node.child(&name, value.value())
                .report(InvalidHeader::Twice);
        }
        shape.insert(name, value.value().clone());
    }
    into_value(shape)
}

fn connection_proxies(node: &Node<'_>) -> Option<Value> {
    if let Some(text) = node.as_text() {
        if !is_direct(text) {
            // Reported once. Both rules would have the same error.
            node.parse(ProxyUrl::parse)?;
        }
        return for_both(node, &proxy_rule(node, &Content::ProxyRule)?);
    }
    let fields = node.table_of(&Content::ConnectionProxies)?;
    let for_one = given(&fields, &Content::ConnectionProxies);
    let of_rule = given(&fields, &Content::ProxyRule);
    let Some((key, _)) = for_one.first() else {
        return for_both(node, &rule(node, &Content::ProxyRule, of_rule)?);
    };
    for (_, field) in of_rule {
        let name = key.name;
        field.report(format_args!("`{name}` is given as well; {ONE_OR_BOTH}"));
    }
    into_value(shapes(for_one))
}

/// The advice if there is a rule for both transports and one for a single transport.
pub(crate) const ONE_OR_BOTH: &str =
    "write one rule for both transports, or a rule in `http` and a rule in `websocket`";

/// The shape of rules that are `rule` for both transports.
fn for_both(node: &Node<'_>, rule: &Value) -> Option<Value> {
    node.note_rule_for_both();
    let keys = Content::ConnectionProxies.keys().into_iter();
    into_value(
        keys.map(|key| (key.name.to_owned(), rule.clone()))
            .collect(),
    )
}

fn proxy_rule(node: &Node<'_>, content: &Content) -> Option<Value> {
    match node.as_text() {
        Some(text) if is_direct(text) => Some(scalar(node, DIRECT)),
        _ => server(node, content),
    }
}

/// The shape of a proxy as a URL or a table.
fn server(node: &Node<'_>, content: &Content) -> Option<Value> {
    if node.as_text().is_some() {
        // The other keys are unset, and not left out: otherwise those of a weaker source would
        // apply to this proxy.
        let fields = content.keys().into_iter().map(|key| {
            let value = match key.content {
                Content::Url => node.value().clone(),
                _ => scalar(node, ValueKind::Nil),
            };
            (key.name.to_owned(), value)
        });
        return into_value(fields.collect());
    }
    alternatives(node, content)
}

/// The shape of a table with these `fields`.
fn rule(node: &Node<'_>, content: &Content, fields: Vec<Given<'_>>) -> Option<Value> {
    let mut fields = shapes(fields);
    let set: Vec<_> = fields.keys().cloned().collect();
    for key in set.iter().flat_map(|key| content.replaced_by(key)) {
        let unset = || scalar(node, ValueKind::Nil);
        fields.entry(key.to_owned()).or_insert_with(unset);
    }
    into_value(fields)
}

/// The shape of a pool. An empty one is an error and is not ignored, because the rule that would
/// apply instead may be a direct connection.
fn pool(node: &Node<'_>) -> Option<Value> {
    if node.is_empty_table() {
        node.report(InvalidPool);
        return None;
    }
    alternatives(node, &Content::Pool)
}

/// The shape of a table some of whose keys replace others.
fn alternatives(node: &Node<'_>, content: &Content) -> Option<Value> {
    rule(node, content, given(&node.table_of(content)?, content))
}

/// The shape of proxies as a URL, a list, or a table by index.
fn list(node: &Node<'_>, item: &Content) -> Option<Value> {
    // An entry that is not a proxy keeps its place. The reader reports it.
    let server = |node: &Node<'_>| match node.value().kind {
        ValueKind::Array(_) => node.value().clone(),
        _ => server(node, item).unwrap_or_else(|| scalar(node, ValueKind::Nil)),
    };
    if node.as_text().is_some() {
        return Some(Value::new(None, vec![server(node)]));
    }
    if node.is_indexed() {
        let entries = node.entries()?.into_iter();
        return into_value(
            entries
                .map(|(key, node)| (key.to_owned(), server(&node)))
                .collect(),
        );
    }
    let list: Vec<_> = node.list()?.iter().map(server).collect();
    Some(scalar(node, list))
}

/// The shapes of the fields of a table, by their first names.
fn table(node: &Node<'_>, content: &Content) -> Option<Map<String, Value>> {
    Some(shapes(given(&node.table_of(content)?, content)))
}

fn shapes(fields: Vec<Given<'_>>) -> Map<String, Value> {
    let shape = |(key, field): Given<'_>| {
        let shape = shape(&field, &key.content)?;
        Some((key.name.to_owned(), shape))
    };
    fields.into_iter().filter_map(shape).collect()
}

/// A key and its value in a table.
type Given<'a> = (&'static Key, Node<'a>);

/// The keys of `content` that a table has.
fn given<'a>(fields: &Table<'a>, content: &Content) -> Vec<Given<'a>> {
    let keys = content.keys().into_iter();
    let given = keys.filter_map(|key| {
        let alias = key.alias.and_then(|alias| fields.field(alias));
        let field = match (fields.field(key.name), alias) {
            (Some(field), Some(alias)) => {
                let name = key.name;
                alias.report(format_args!("`{name}` is given as well and means the same"));
                field
            }
            (field, alias) => field.or(alias)?,
        };
        Some((key, field))
    });
    given.collect()
}

fn is_direct(text: &str) -> bool {
    text.eq_ignore_ascii_case(DIRECT)
}

fn scalar(node: &Node<'_>, kind: impl Into<ValueKind>) -> Value {
    Value::new(mark_of(node.value()).map(str::to_owned).as_ref(), kind)
}

/// A table, if it has any fields.
fn into_value(fields: Map<String, Value>) -> Option<Value> {
    (!fields.is_empty()).then(|| Value::new(None, fields))
}
