//! The JSON Schema of a configuration.

use serde_json::{Map, Value, json};

use crate::connection_proxies::DIRECT;
use crate::keys::{Content, Key, Words};
use crate::scheme::Scheme;

/// The JSON Schema, draft 2020-12, of a whole configuration file: the section `proxy`, and the
/// schemas of the other `sections` by their names.
///
/// Editors use it to complete and check files. It accepts every file that is valid by itself or
/// together with environment variables, and so also files that are incomplete.
///
/// ```
/// use proxy_config::json_schema;
/// use serde_json::json;
///
/// let schema = json_schema([("feeds", json!({"type": "object"}))]);
/// let timeout = &schema["$defs"]["proxy_rule"]["anyOf"][2]["properties"]["timeout_seconds"];
/// assert_eq!(timeout["maximum"], 300);
/// assert_eq!(timeout["default"], 30);
/// ```
#[must_use]
pub fn json_schema<'a>(sections: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let mut properties = Map::from_iter([("proxy".to_owned(), of(&Content::Settings))]);
    let sections = sections.into_iter();
    properties.extend(sections.map(|(name, schema)| (name.to_owned(), schema)));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "cryptofeed configuration",
        "type": "object",
        "minProperties": 1,
        "properties": properties,
        "additionalProperties": false,
        "$defs": {
            "url": url(),
            "connection_proxies": any_of([of(&Content::ProxyRule), table(&Content::ConnectionProxies)]),
            "proxy_rule": any_of([direct(), url_ref(), table(&Content::ProxyRule)]),
            "server": any_of([url_ref(), table(&Content::Server)]),
            "member": any_of([url_ref(), table(&Content::Member)]),
        },
    })
}

/// The schema of a value where `content` is expected.
fn of(content: &Content) -> Value {
    match content {
        Content::Settings => any_of([direct(), url_ref(), table(content)]),
        // All spellings that the reader accepts. It sees the text of a scalar, whatever its type.
        Content::Boolean { default } => json!({
            "enum": [true, false, "true", "false", "yes", "no", "on", "off", "1", "0", 1, 0],
            "default": default,
        }),
        // A number in quotes is valid as well. `pattern` applies to strings, the limits to numbers.
        Content::Integer { range, default } => json!({
            "type": ["integer", "string"],
            "pattern": "^[0-9]+$",
            "minimum": range.start(),
            "maximum": range.end(),
            "default": default,
        }),
        // A password may look like a number; its text is what counts.
        Content::Text => json!({"type": ["string", "number", "boolean"]}),
        Content::Headers => json!({
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"},
            "additionalProperties": of(&Content::Text),
        }),
        Content::File => json!({
            "type": ["string", "number", "boolean"],
            "minLength": 1,
        }),
        Content::Bind | Content::Address => json!({"type": "string", "minLength": 1}),
        Content::Url => url_ref(),
        Content::Exchanges => json!({
            "type": "object",
            "propertyNames": {"pattern": "^[A-Za-z0-9_.-]{1,64}$"},
            "additionalProperties": {"$ref": "#/$defs/connection_proxies"},
        }),
        Content::ConnectionProxies => json!({"$ref": "#/$defs/connection_proxies"}),
        Content::ProxyRule => json!({"$ref": "#/$defs/proxy_rule"}),
        Content::List(item) => any_of([url_ref(), json!({"type": "array", "items": of(item)})]),
        Content::Server => json!({"$ref": "#/$defs/server"}),
        Content::Member => json!({"$ref": "#/$defs/member"}),
        Content::HttpUrl => json!({"type": "string", "pattern": "^https?://\\S+$"}),
        Content::ListRoute => any_of([direct(), url_ref(), table(content)]),
        Content::Name => json!({"type": "string", "minLength": 1}),
        Content::Pool
        | Content::Source
        | Content::Breaker
        | Content::HealthCheck
        | Content::Direct
        | Content::Tls => table(content),
        Content::Word(words) => {
            let Words { all, default } = words();
            json!({"enum": all, "default": default})
        }
    }
}

fn table(content: &Content) -> Value {
    let mut properties = Map::new();
    for key in content.keys() {
        let schema = described(key, key.about.to_owned());
        properties.insert(key.name.to_owned(), schema);
        if let Some(alias) = key.alias {
            let schema = described(key, format!("Another name for `{}`.", key.name));
            properties.insert(alias.to_owned(), schema);
        }
    }
    json!({
        "type": "object",
        "minProperties": 1,
        "properties": properties,
        "additionalProperties": false,
    })
}

fn described(key: &Key, about: String) -> Value {
    let mut schema = of(&key.content);
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("description".to_owned(), about.into());
    }
    schema
}

fn url() -> Value {
    let schemes = Scheme::ALL.map(Scheme::as_str);
    // As strict as the parser about what editors can check: a port, and nothing after it.
    json!({
        "type": "string",
        "pattern": format!("^({})://\\S+:[0-9]+/?$", schemes.join("|")),
        "examples": schemes.map(|scheme| format!("{scheme}://proxy.example:1080")),
    })
}

fn url_ref() -> Value {
    json!({"$ref": "#/$defs/url"})
}

fn direct() -> Value {
    json!({"const": DIRECT, "description": "Without a proxy, whatever the default is."})
}

fn any_of<const N: usize>(schemas: [Value; N]) -> Value {
    json!({"anyOf": Value::Array(schemas.into())})
}
