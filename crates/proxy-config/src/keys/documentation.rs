//! The table of keys in `docs/technical-specification.md`.

use testkit::documented;

use super::{Content, Key, TABLES, expected_number, expected_word};

const PAGE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../docs/technical-specification.md"
);

/// The prefix of the keys of a table. The keys of a server are documented with those of a rule.
fn prefix(table: &Content) -> Option<&'static str> {
    match table {
        Content::Settings => Some(""),
        Content::ConnectionProxies => Some("rules: "),
        Content::ProxyRule => Some("rule: "),
        Content::Pool => Some("pool: "),
        Content::Member => Some("member: "),
        Content::Breaker => Some("breaker: "),
        Content::HealthCheck => Some("health_check: "),
        Content::Source => Some("source: "),
        Content::Direct => Some("direct: "),
        Content::Tls => Some("tls: "),
        _ => None,
    }
}

fn code(names: impl IntoIterator<Item = &'static str>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// The values of a key.
fn value(content: &Content) -> String {
    match content {
        Content::Settings => "the section".to_owned(),
        Content::Boolean { .. } => "boolean".to_owned(),
        Content::Integer { range, .. } => {
            format!("whole number, {} to {}", range.start(), range.end())
        }
        Content::Text => "text, not encoded".to_owned(),
        Content::Headers => "texts by the name of a header".to_owned(),
        Content::File => "path of a file".to_owned(),
        Content::Bind => "address, or name of a network interface".to_owned(),
        Content::Address => "IP address".to_owned(),
        Content::Url => "proxy URL".to_owned(),
        Content::Word(words) => code(words().all),
        Content::Exchanges => {
            "rules by exchange id: 1 to 64 letters, digits, `_`, `-`, `.`".to_owned()
        }
        Content::ConnectionProxies => "rules".to_owned(),
        Content::ProxyRule => "rule".to_owned(),
        Content::List(item) => format!("a URL, or a list of URLs and {}", value(item)),
        Content::Server | Content::Member => format!("tables of {}", code(content.names())),
        Content::HttpUrl => "URL with `https` or `http`".to_owned(),
        Content::ListRoute => "`direct`, proxy URL, or table of the keys of a proxy".to_owned(),
        Content::Name => "name".to_owned(),
        Content::Pool
        | Content::Source
        | Content::Breaker
        | Content::HealthCheck
        | Content::Direct
        | Content::Tls => {
            format!("table of {}", code(content.names()))
        }
    }
}

/// The effect of leaving a key out.
fn absent(key: &Key) -> String {
    match &key.content {
        _ if !key.absent.is_empty() => key.absent.to_owned(),
        Content::Boolean { default } => format!("`{default}`"),
        Content::Integer { default, .. } => default.to_string(),
        Content::Word(words) => code([words().default]),
        _ => "none".to_owned(),
    }
}

/// The errors of a key.
fn wrong(key: &Key) -> String {
    let expected = match &key.content {
        Content::Integer { range, .. } => format!("*{}*", expected_number(range)),
        Content::Word(words) => format!("*{}*", expected_word(&words().all)),
        _ => return key.wrong.to_owned(),
    };
    match key.wrong {
        "" => expected,
        wrong => format!("{expected}, {wrong}"),
    }
}

fn row(prefix: &str, key: &Key) -> String {
    let Key { name, about, .. } = key;
    let name = match (prefix, key.alias) {
        ("", _) => format!("`proxy.{name}`"),
        (_, None) => format!("{prefix}`{name}`"),
        (_, Some(alias)) => format!("{prefix}`{name}` (`{alias}`)"),
    };
    let cells = [
        name,
        value(&key.content),
        absent(key),
        (*about).to_owned(),
        wrong(key),
    ];
    format!("| {} |", cells.join(" | "))
}

fn table() -> String {
    let mut rows = vec![
        "| key | value | default | meaning | errors |".to_owned(),
        "|---|---|---|---|---|".to_owned(),
    ];
    for table in TABLES {
        let Some(prefix) = prefix(&table) else {
            continue;
        };
        // The keys of one proxy are documented once.
        let is_told = |key: &&Key| match table {
            Content::Member => Content::ProxyRule.key(key.name).is_none(),
            _ => true,
        };
        let keys = table.keys().into_iter().filter(is_told);
        rows.extend(keys.map(|key| row(prefix, key)));
    }
    rows.join("\n")
}

#[test]
fn the_specification_has_every_key_as_it_is() {
    assert_eq!(documented(PAGE, "keys of proxy", &table()), Ok(()));
}
