use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use proptest::prelude::*;
use proxy_config::{Credentials, ProxySettings, ProxyUrl, Sources};
use serde_json::{Value, json};

use crate::support::yaml;

fn scheme() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "http", "https", "socks4", "socks4a", "socks5", "socks5h",
    ])
}

/// Text that is recognised wherever it turns up, and does not turn up by itself.
fn secret() -> impl Strategy<Value = String> {
    "[QZ]{6}[!-~]{0,12}"
}

fn encode(bytes: &[u8]) -> String {
    percent_encode(bytes, NON_ALPHANUMERIC).to_string()
}

/// Whether any six characters of the secret's recognisable start are in the text.
fn shows(text: &str, secret: &str) -> bool {
    text.to_uppercase().contains(&secret[..6])
}

proptest! {
    #[test]
    fn parsing_never_panics(input in any::<String>()) {
        let _ = ProxyUrl::parse(&input);
        let _ = ProxyUrl::parse(&format!("http://{input}"));
        let _ = ProxyUrl::parse(&format!("http://{input}@h:1"));
        let _ = ProxyUrl::parse(&format!("http://u:{input}@[{input}]:{input}/{input}"));
    }

    #[test]
    fn reading_a_file_never_panics(input in any::<String>()) {
        let _ = yaml(&input);
        let _ = yaml(&format!("proxy: {input}"));
        let _ = yaml(&format!("proxy: {{exchanges: {{{input}}}}}"));
        for name in ["test.json", "test.toml"] {
            let _ = Sources::new().with_text(name, input.clone()).load();
        }
    }

    #[test]
    fn reading_almost_json_and_almost_toml_never_panics(
        json in "([{}\\[\\],:\"\\\\ 0-9a-zé☂\n]|null|true|\"proxy\":|\\\\u[0-9a-f]{4}){0,40}",
        toml in "([{}\\[\\],.='\"\\\\ 0-9a-zé☂\n]|proxy|default|http|true|2024-01-){0,40}",
    ) {
        let _ = Sources::new().with_text("test.json", json.clone()).load();
        let _ = Sources::new().with_text("test.toml", toml).load();
        let _ = Sources::new().with_env([("CRYPTOFEED_PROXY_DEFAULT", json)]).load();
    }

    #[test]
    fn whatever_is_wrong_with_a_url_no_message_shows_its_secrets(
        before in "(http://|socks4://|ftp://|http:/|)",
        user in secret(),
        password in secret(),
        after in "(@h:1|@h|@:1|@h:0|@h:1/x|@h:1#|@\\[::1|@a b:1|:h:1|)",
    ) {
        let url = format!("{before}{user}:{password}{after}");
        let shown = match ProxyUrl::parse(&url) {
            Ok(url) => format!("{url} {url:?} {}", serde_json::to_string(&url).unwrap()),
            Err(error) => format!("{error} {error:?}"),
        };
        prop_assert!(!shows(&shown, &user) && !shows(&shown, &password), "{shown}");
    }

    #[test]
    fn whatever_is_wrong_with_a_source_no_message_shows_its_secrets(
        secret in secret(),
        before in "[a-z:{}\\[\\]\"'|>@`*&!%# \n-]{0,12}",
        variable in prop::sample::select(vec!["", "_DEFAULT", "_ENABLED", "_DEFAULT__HTTP__URL"]),
    ) {
        let value = format!("{before}http://u:{secret}@h");
        let sources = [
            Sources::new().with_text("test.yaml", format!("proxy: {value}")),
            Sources::new().with_text("test.yaml", value.clone()),
            Sources::new().with_env([(format!("CRYPTOFEED_PROXY{variable}"), value)]),
        ];
        for source in sources {
            let shown = match source.load() {
                Ok(loaded) => format!("{loaded:?}"),
                Err(errors) => format!("{errors} {errors:?}"),
            };
            prop_assert!(!shows(&shown, &secret), "{shown}");
        }
    }

    #[test]
    fn encoded_credentials_are_parsed_to_the_same_bytes_or_refused_for_their_scheme(
        scheme in scheme(),
        username in prop::collection::vec(any::<u8>(), 1..300),
        password in prop::option::of(prop::collection::vec(any::<u8>(), 0..300)),
    ) {
        let password_part = password.as_ref().map(|password| format!(":{}", encode(password)));
        let url = format!(
            "{scheme}://{}{}@h:1",
            encode(&username),
            password_part.unwrap_or_default(),
        );
        let given = Credentials::new(username, password);
        let bare: ProxyUrl = format!("{scheme}://h:1").parse().unwrap();
        prop_assert_eq!(ProxyUrl::parse(&url), bare.with_credentials(given));
    }

    #[test]
    fn credentials_from_code_survive_being_merged(
        username in prop::collection::vec(any::<u8>(), 1..=255),
        password in prop::option::of(prop::collection::vec(any::<u8>(), 0..=255)),
    ) {
        let url: ProxyUrl = "socks5://[::1]:1".parse().unwrap();
        let url = url.with_credentials(Credentials::new(username, password)).unwrap();
        let proxies = proxy_config::ConnectionProxies::both(proxy_config::ProxyConfig::new(url));
        let settings = ProxySettings::enabled().with_default(proxies);
        let loaded = Sources::new().with_code(settings.clone()).load().unwrap();
        prop_assert_eq!(loaded.into_settings(), settings);
    }
}

/// Every place in a document of JSON, as the keys and places that lead to it.
fn places(value: &Value, here: &[String], into: &mut Vec<Vec<String>>) {
    let mut add = |key: String, child: &Value| {
        let place = [here, &[key]].concat();
        places(child, &place, into);
        into.push(place);
    };
    match value {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(key, child)| add(key.clone(), child)),
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(place, child)| add(place.to_string(), child));
        }
        _ => {}
    }
}

#[test]
fn whatever_is_taken_away_is_missed() {
    let document = json!({
        "proxy": {
            "enabled": false,
            "strict": true,
            "from_env": false,
            "egress_url": "https://mirror.example/ip",
            "default": {"http": {
                "url": "https://h:1", "timeout_seconds": 5, "username": "u", "password": "p",
                "tls": {"ca_file": "Cargo.toml"}, "handshake": "auto", "quick_ack": true,
                "headers": {"x-country": "de"},
            }},
            "exchanges": {"okx": {"websocket": {
                "pool": {
                    "strategy": "random",
                    "proxies": [{"url": "http://a:1", "weight": 2, "enabled": true}, "http://b:2"],
                },
                "via": ["http://v:1", {"url": "http://w:2"}],
            }}},
        },
        "feeds": {"okx": {"symbols": ["A-B"]}},
    });
    let load = |document: &Value| {
        let sources = Sources::new().with_section("feeds");
        sources.with_text("test.json", document.to_string()).load()
    };
    assert!(load(&document).is_ok());
    let mut all = Vec::new();
    places(&document, &[], &mut all);
    assert!(all.len() > 30);
    for place in all {
        let pointer = format!("/{}", place.join("/"));
        let mut blank = document.clone();
        *blank.pointer_mut(&pointer).unwrap() = Value::Null;
        assert!(load(&blank).is_err(), "{pointer}");
        let is_ours = place[0] == "proxy" && place.last().unwrap() != "exchanges";
        if is_ours && document.pointer(&pointer).unwrap().is_object() {
            let mut empty = document.clone();
            *empty.pointer_mut(&pointer).unwrap() = json!({});
            assert!(load(&empty).is_err(), "{pointer}");
        }
    }
}

/// What one source says about a rule: nothing, one proxy, or a pool.
fn way() -> impl Strategy<Value = Option<(bool, u8)>> {
    prop::option::of((any::<bool>(), 1..=9_u8))
}

fn way_in_json((is_pool, port): (bool, u8)) -> String {
    match is_pool {
        false => format!(r#"{{"url": "http://u:p@h:{port}"}}"#),
        true => format!(r#"{{"pool": {{"proxies": ["http://h:{port}"]}}}}"#),
    }
}

/// What one source says about one field: nothing, or one of a few values.
fn said() -> impl Strategy<Value = Option<u8>> {
    prop::option::of(1..=9_u8)
}

/// The four fields of the two default rules: URL and timeout of each.
fn fields() -> impl Strategy<Value = [Option<u8>; 4]> {
    prop::array::uniform4(said())
}

fn in_yaml(fields: &[Option<u8>; 4]) -> String {
    let field = |key: &str, before: &str, field: &Option<u8>| {
        field.map(|number| format!("{key}: '{before}{number}'"))
    };
    let [http, http_timeout, websocket, websocket_timeout] = fields;
    let rule = |key: &str, url, timeout| {
        let url = field("url", "http://h:", url);
        table(key, [url, field("timeout_seconds", "", timeout)])
    };
    let http = rule("http", http, http_timeout);
    let websocket = rule("websocket", websocket, websocket_timeout);
    let default = table("default", [http, websocket]);
    let section = table("proxy", [Some("enabled: true".to_owned()), default]);
    section.unwrap()
}

/// A table in YAML, if it has any fields.
fn table(key: &str, fields: [Option<String>; 2]) -> Option<String> {
    let fields: Vec<_> = fields.into_iter().flatten().collect();
    (!fields.is_empty()).then(|| format!("{key}: {{{}}}", fields.join(", ")))
}

fn in_environment(fields: &[Option<u8>; 4]) -> Vec<(String, String)> {
    let names = [
        "HTTP__URL",
        "HTTP__TIMEOUT_SECONDS",
        "WEBSOCKET__URL",
        "WS__TIMEOUT_SECONDS",
    ];
    let variable = |(name, field): (&str, &Option<u8>)| {
        let before = if name.ends_with("URL") {
            "http://h:"
        } else {
            ""
        };
        let value = format!("{before}{}", (*field)?);
        Some((format!("CRYPTOFEED_PROXY_DEFAULT__{name}"), value))
    };
    names.into_iter().zip(fields).filter_map(variable).collect()
}

proptest! {
    #[test]
    fn every_field_is_that_of_the_strongest_source_that_sets_it(
        first in fields(),
        second in fields(),
        environment in fields(),
    ) {
        let merged: [Option<u8>; 4] =
            std::array::from_fn(|n| environment[n].or(second[n]).or(first[n]));
        let expected = yaml(&in_yaml(&merged));
        let loaded = Sources::new()
            .with_env(in_environment(&environment))
            .with_text("first.yaml", in_yaml(&first))
            .with_text("second.yaml", in_yaml(&second))
            .load();
        match (loaded, expected) {
            (Ok(loaded), Ok(expected)) => prop_assert_eq!(loaded.settings(), &expected),
            (Err(errors), Err(expected)) => {
                let problems = |errors: &proxy_config::ConfigErrors| -> Vec<_> {
                    errors.iter().map(|e| (e.path().to_owned(), e.problem().to_owned())).collect()
                };
                prop_assert_eq!(problems(&errors), problems(&expected));
            }
            (loaded, expected) => prop_assert!(false, "{loaded:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn of_a_proxy_and_a_pool_the_one_of_the_strongest_source_counts(
        first in way(),
        second in way(),
        environment in way(),
    ) {
        let file = |way: Option<_>| {
            let http = way.map(|way| format!("http: {}", way_in_json(way)));
            let default = table("default", [http, None]);
            table("proxy", [Some("enabled: false".to_owned()), default]).unwrap()
        };
        let variable = |way| ("CRYPTOFEED_PROXY_DEFAULT__HTTP", way_in_json(way));
        let loaded = Sources::new()
            .with_text("first.yaml", file(first))
            .with_text("second.yaml", file(second))
            .with_env(environment.map(variable))
            .load();
        let expected = yaml(&file(environment.or(second).or(first)));
        prop_assert_eq!(loaded.unwrap().into_settings(), expected.unwrap());
    }
}
