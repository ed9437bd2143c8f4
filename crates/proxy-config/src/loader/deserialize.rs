//! `Deserialize` for the types of the settings, through the same reader as every other source.
//! Relative paths start from the working directory.
//!
//! A value that another deserializer parsed as a number or a boolean has lost its text: the
//! password `0x10` arrives as 16. Such values are kept apart from texts, and are errors where text
//! is expected.

use std::fmt;

use config::{Map, Value, ValueKind};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::connection_proxies::{ConnectionProxies, ProxyRule};
use crate::exchange_id::ExchangeId;
use crate::keys::Content;
use crate::loader::blank::refuse_blanks;
use crate::loader::fill::Reach;
use crate::loader::node::{Node, Reading};
use crate::loader::read_pool::member;
use crate::loader::read_server::server;
use crate::loader::{read, shape::shape};
use crate::pool::{PoolConfig, PoolMember};
use crate::proxy_config::ProxyConfig;
use crate::proxy_server::ProxyServer;
use crate::proxy_url::ProxyUrl;
use crate::settings::ProxySettings;

/// Deserializes a value and gives it to `read`.
fn read<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    read: impl FnOnce(&Node<'_>) -> Option<T>,
) -> Result<T, D::Error> {
    let Document(value) = Document::deserialize(deserializer)?;
    let reading = Reading::default();
    let result = read(&Node::new("", &value, &reading));
    let (problems, _) = reading.into_parts();
    let result = problems.or(result).map_err(|errors| {
        // An error of serde is a single message.
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        D::Error::custom(errors.join("; "))
    })?;
    result.ok_or_else(|| D::Error::custom("expected a value"))
}

/// Brings a value into its one shape and reads it. Settings and rules without content are
/// serialized to an empty table, so it is accepted for them.
fn read_shape<T>(
    node: &Node<'_>,
    content: &Content,
    read: impl FnOnce(&Node<'_>) -> Option<T>,
) -> Option<T> {
    let may_be_empty = matches!(content, Content::Settings | Content::ConnectionProxies);
    if may_be_empty && node.is_empty_table() {
        return read(&node.with_value(&Value::default()));
    }
    refuse_blanks(node, Some(content));
    read(&node.with_value(&shape(node, content).unwrap_or_default()))
}

impl<'de> Deserialize<'de> for ProxySettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, |node| {
            read_shape(node, &Content::Settings, |node| {
                let settings = read::settings(node, |from_env| {
                    from_env.report("only `Sources` have an environment to take proxies from");
                    None
                })?;
                read::require_rule(&settings, node);
                Some(settings)
            })
        })
    }
}

impl<'de> Deserialize<'de> for ConnectionProxies {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, |node| {
            read_shape(node, &Content::ConnectionProxies, read::connection_proxies)
        })
    }
}

impl<'de> Deserialize<'de> for ProxyRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, |node| {
            read_shape(node, &Content::ProxyRule, read::proxy_rule)
        })
    }
}

impl<'de> Deserialize<'de> for ProxyConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match ProxyRule::deserialize(deserializer)? {
            ProxyRule::Proxy(proxy) => Ok(proxy),
            ProxyRule::Direct | ProxyRule::DirectFrom(_) => {
                Err(D::Error::custom("expected a proxy, found `direct`"))
            }
            ProxyRule::Pool(_) => Err(D::Error::custom("expected one proxy, found a pool")),
        }
    }
}

impl<'de> Deserialize<'de> for PoolConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match ProxyRule::deserialize(deserializer)? {
            ProxyRule::Pool(pool) => Ok(pool),
            ProxyRule::Direct | ProxyRule::DirectFrom(_) => {
                Err(D::Error::custom("expected a pool, found `direct`"))
            }
            ProxyRule::Proxy(_) => Err(D::Error::custom("expected a pool, found one proxy")),
        }
    }
}

impl<'de> Deserialize<'de> for PoolMember {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, |node| {
            read_shape(node, &Content::Member, |node| member(node, Reach::Here))
        })
    }
}

impl<'de> Deserialize<'de> for ProxyServer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, |node| {
            read_shape(node, &Content::Server, |node| {
                server(&node.table_of(&Content::Server)?, Reach::Here)
            })
        })
    }
}

impl<'de> Deserialize<'de> for ProxyUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, |node| node.parse(Self::parse))
    }
}

impl<'de> Deserialize<'de> for ExchangeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, |node| node.parse(Self::new))
    }
}

/// Any value. Numbers and booleans are not converted to texts.
struct Document(Value);

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DocumentVisitor)
    }
}

struct DocumentVisitor;

impl DocumentVisitor {
    fn scalar<E>(kind: impl Into<ValueKind>) -> Result<Document, E> {
        Ok(Document(Value::new(None, kind)))
    }
}

impl<'de> Visitor<'de> for DocumentVisitor {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a table or a list")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Document, E> {
        Self::scalar(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Document, E> {
        Self::scalar(i128::from(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Document, E> {
        Self::scalar(i128::from(value))
    }

    fn visit_f64<E: Error>(self, _value: f64) -> Result<Document, E> {
        Err(E::custom(
            "a number with a fraction or of that size must be in quotes, or its text is lost",
        ))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Document, E> {
        Self::scalar(value)
    }

    fn visit_unit<E: Error>(self) -> Result<Document, E> {
        Ok(Document(Value::default()))
    }

    fn visit_none<E: Error>(self) -> Result<Document, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Document, D::Error> {
        Document::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Document, A::Error> {
        let mut values = Vec::new();
        while let Some(Document(value)) = seq.next_element()? {
            values.push(value);
        }
        Ok(Document(Value::new(None, ValueKind::Array(values))))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
        let mut table = Map::new();
        while let Some((key, Document(value))) = map.next_entry::<String, _>()? {
            if table.insert(key, value).is_some() {
                return Err(A::Error::custom("a key is given twice"));
            }
        }
        Ok(Document(Value::new(None, ValueKind::Table(table))))
    }
}
