//! One rule for both transports, as a table.

use proptest::prelude::*;
use proxy_config::{
    ConnectionProxies, PoolConfig, PoolMember, PoolStrategy, ProxySettings, Sources, Transport,
};
use serde_json::json;

use crate::support::{
    defaults, enabled, env, id, messages, named, of_exchange, proxy, shown, yaml,
};

fn pool() -> ConnectionProxies {
    let member = |url: &str| PoolMember::new(url.parse::<proxy_config::ProxyUrl>().unwrap());
    let members = [
        member("socks5h://u:p@a:1").with_weight(2).unwrap(),
        member("http://b:2"),
    ];
    let pool = PoolConfig::new(members).unwrap();
    let pool = pool.with_strategy(PoolStrategy::Random);
    ConnectionProxies::both(pool.with_timeout_seconds(20).unwrap())
}

const POOL: &str = r#"{"pool": {"strategy": "random", "proxies":
    [{"url": "socks5h://a:1", "username": "u", "password": "p", "weight": 2}, "http://b:2"]},
    "timeout_seconds": 20}"#;

#[test]
fn every_source_can_have_a_table_for_both_transports() {
    let expected = ProxySettings::enabled()
        .with_default(pool())
        .with_exchange(id("okx"), pool());
    let section = format!(r#"{{"default": {POOL}, "exchanges": {{"OKX": {POOL}}}}}"#);
    let document = format!(r#"{{"proxy": {section}}}"#);
    let toml = |table: &str| {
        format!(
            "[proxy.{table}]\ntimeout_seconds = 20\npool.strategy = 'random'\n\
             [[proxy.{table}.pool.proxies]]\nurl = 'socks5h://u:p@a:1'\nweight = 2\n\
             [[proxy.{table}.pool.proxies]]\nurl = 'http://b:2'\n"
        )
    };
    let by_place = |rules: &str| {
        [
            ("POOL__STRATEGY", "random"),
            ("POOL__PROXIES__0__URL", "socks5h://a:1"),
            ("POOL__PROXIES__0__USERNAME", "u"),
            ("POOL__PROXIES__0__PASSWORD", "p"),
            ("POOL__PROXIES__0__WEIGHT", "2"),
            ("POOL__PROXIES__1", "http://b:2"),
            ("TIMEOUT_SECONDS", "20"),
        ]
        .map(|(key, value)| (format!("CRYPTOFEED_PROXY_{rules}__{key}"), value))
    };
    let sources = [
        enabled().with_text("test.yaml", &document),
        enabled().with_text("test.json", &document),
        enabled().with_text("test.toml", toml("default") + &toml("exchanges.okx")),
        enabled().with_env(named(&[("_DEFAULT", POOL), ("_EXCHANGES__OKX", POOL)])),
        enabled()
            .with_env(by_place("DEFAULT"))
            .with_env(by_place("EXCHANGES__OKX")),
        Sources::new().with_code(expected.clone()),
    ];
    for sources in sources {
        assert_eq!(
            sources.clone().load().unwrap().settings(),
            &expected,
            "{sources:?}"
        );
    }
    let rules: ConnectionProxies = serde_json::from_str(POOL).unwrap();
    assert_eq!(rules, pool());
    let mut settings: serde_json::Value = serde_json::from_str(&section).unwrap();
    settings["enabled"] = true.into();
    let settings: ProxySettings = serde_json::from_value(settings).unwrap();
    assert_eq!(settings, expected);
}

#[test]
fn a_single_proxy_may_have_all_its_keys_for_both_transports() {
    let settings = yaml(
        "proxy: {default: {url: 'socks5h://h:1', username: u, password: 007, timeout_seconds: 5, \
         via: 'http://v:2'}}",
    )
    .unwrap();
    let expected = yaml(
        "proxy: {default: {http: &a {url: 'socks5h://u:007@h:1', timeout_seconds: 5, \
         via: 'http://v:2'}, ws: *a}}",
    )
    .unwrap();
    assert_eq!(settings, expected);
    let settings = env(&[
        ("_DEFAULT__URL", "http://h:1"),
        ("_DEFAULT__PASSWORD", "{"),
        ("_DEFAULT__USERNAME", "u"),
    ]);
    let expected = ConnectionProxies::both(proxy("http://u:%7B@h:1"));
    assert_eq!(settings.unwrap().default_proxies(), &expected);
}

/// What both transports have after a stronger source was laid over a weaker one.
fn merged(weaker: &str, stronger: &str) -> [String; 2] {
    let sources = enabled()
        .with_text("weaker.yaml", format!("proxy: {{default: {weaker}}}"))
        .with_text("stronger.yaml", format!("proxy: {{default: {stronger}}}"));
    let settings = sources.load().unwrap().into_settings();
    let rules = settings.default_proxies();
    Transport::ALL.map(|transport| {
        let rule = rules.for_transport(transport).unwrap();
        serde_json::to_value(rule)
            .unwrap()
            .to_string()
            .replace('"', "")
    })
}

#[test]
fn a_stronger_rule_for_both_wins_over_weaker_rules_by_transport_in_the_fields_that_it_sets() {
    assert_eq!(
        merged(
            "{http: {url: 'http://a:1', timeout_seconds: 7}, ws: 'http://b:2'}",
            "{url: 'http://c:3'}"
        ),
        [
            "{timeout_seconds:7,url:http://c:3}",
            "{timeout_seconds:30,url:http://c:3}"
        ]
    );
    assert_eq!(
        merged(
            "{http: 'http://u:p@a:1', ws: {url: 'http://b:2', username: u, password: p}}",
            "{pool: {proxies: ['http://c:3']}, timeout_seconds: 7}"
        ),
        ["{pool:{proxies:[{enabled:true,url:http://c:3,weight:1}],strategy:round_robin},timeout_seconds:7}";
            2]
    );
    assert_eq!(
        merged(
            "{http: 'http://a:1', ws: 'http://b:2'}",
            "{timeout_seconds: 7}"
        ),
        [
            "{timeout_seconds:7,url:http://a:1}",
            "{timeout_seconds:7,url:http://b:2}"
        ]
    );
    // As a text it sets all fields.
    assert_eq!(
        merged(
            "{pool: {proxies: ['http://a:1']}, timeout_seconds: 7}",
            "'http://c:3'"
        ),
        ["{timeout_seconds:30,url:http://c:3}"; 2]
    );
    assert_eq!(
        merged("direct", "{url: 'http://c:3'}"),
        ["{timeout_seconds:30,url:http://c:3}"; 2]
    );
}

#[test]
fn a_stronger_rule_for_one_transport_leaves_the_other_as_the_rule_for_both_has_it() {
    assert_eq!(
        merged(
            "{url: 'http://a:1', timeout_seconds: 7}",
            "{ws: {url: 'http://b:2'}}"
        ),
        [
            "{timeout_seconds:7,url:http://a:1}",
            "{timeout_seconds:7,url:http://b:2}"
        ]
    );
    assert_eq!(
        merged(
            "{pool: {proxies: ['http://a:1']}}",
            "{http: direct, ws: 'http://b:2'}"
        ),
        ["direct", "{timeout_seconds:30,url:http://b:2}"]
    );
}

#[test]
fn variables_change_single_items_of_a_pool_for_both() {
    let file = "proxy: {exchanges: {okx: {pool: {proxies: ['http://a:1', 'http://b:2']}}}}";
    let sources = enabled().with_text("test.yaml", file).with_env(named(&[
        ("_EXCHANGES__OKX__POOL__PROXIES__1__URL", "http://c:3"),
        ("_EXCHANGES__OKX__POOL__STRATEGY", "random"),
    ]));
    let loaded = sources.load().unwrap();
    assert_eq!(
        of_exchange(loaded.settings(), "okx"),
        ["random of http://a:1, http://c:3"; 2]
    );
    for transport in Transport::ALL {
        let origins = loaded.explain(&id("okx"), transport, None).unwrap();
        assert_eq!(shown(origins.rule()).as_deref(), Some("test.yaml:1:44"));
        assert_eq!(
            shown(origins.of("pool.proxies[1].url")).as_deref(),
            Some("CRYPTOFEED_PROXY_EXCHANGES__OKX__POOL__PROXIES__1__URL")
        );
        assert_eq!(
            shown(origins.of("pool.strategy")).as_deref(),
            Some("CRYPTOFEED_PROXY_EXCHANGES__OKX__POOL__STRATEGY")
        );
    }
}

#[test]
fn a_variable_for_everything_below_is_weaker_than_one_for_a_transport() {
    let settings = env(&[
        (
            "_DEFAULT",
            r#"{"pool": {"proxies": "http://a:1"}, "timeout_seconds": 7}"#,
        ),
        ("_DEFAULT__HTTP__URL", "http://b:2"),
    ]);
    assert_eq!(
        defaults(&settings.unwrap()),
        ["http://b:2", "round_robin of http://a:1"]
    );
}

const BOTH: &str =
    "write one rule for both transports, or a rule in `http` and a rule in `websocket`";

#[test]
fn one_source_has_a_rule_for_both_or_rules_by_transport() {
    let mixed = "{pool: {proxies: 'http://a:1'}, timeout_seconds: 5, ws: 'ftp://u:s3cret@b:2'}";
    assert_eq!(
        messages(yaml(&format!("proxy: {{default: {mixed}}}"))),
        [
            format!(
                "proxy.default.timeout_seconds (from test.yaml:1:67): `websocket` is given as well; {BOTH}"
            ),
            format!(
                "proxy.default.pool (from test.yaml:1:25): `websocket` is given as well; {BOTH}"
            ),
            "proxy.default.websocket.url (from test.yaml:1:74): Unsupported proxy scheme: ftp; \
             expected http, https, socks4, socks4a, socks5 or socks5h"
                .to_owned(),
        ]
    );
    let json = json!({"pool": {"proxies": "http://a:1"}, "http": "direct"});
    let variable = env(&[("_EXCHANGES__OKX", &json.to_string())]);
    assert_eq!(
        messages(variable),
        [format!(
            "proxy.exchanges.okx.pool (from CRYPTOFEED_PROXY_EXCHANGES__OKX): \
             `http` is given as well; {BOTH}"
        )]
    );
    let error = serde_json::from_value::<ConnectionProxies>(json).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("pool: `http` is given as well; {BOTH}")
    );
}

#[test]
fn variables_have_a_rule_for_both_or_rules_by_transport() {
    let both = ("_DEFAULT__POOL__PROXIES__0__URL", "http://a:1");
    for name in ["_DEFAULT__HTTP__URL", "_DEFAULT__WS"] {
        let messages = messages(env(&[both, (name, "http://b:2")]));
        let [message] = &messages[..] else {
            panic!("{messages:?}");
        };
        assert_eq!(
            message,
            &format!(
                "proxy.default.pool.proxies.0.url (from CRYPTOFEED_PROXY{}): \
                 CRYPTOFEED_PROXY{name} is set as well; {BOTH}",
                both.0
            )
        );
    }
    let exclusive = env(&[both, ("_DEFAULT__URL", "http://b:2")]);
    assert!(messages(exclusive)[0].ends_with("only one of them can be"));
    // Of different rules, and in different sources, they go together.
    let okx = ("_EXCHANGES__OKX__HTTP", "http://b:2");
    assert!(env(&[both, okx]).is_ok());
}

#[test]
fn what_is_wrong_with_a_rule_for_both_is_told_once_where_it_stands() {
    let text = "proxy:
  default:
    pool: {proxies: ['ftp://u:s3cret@a:1', {url: 'http://b:2', weight: 0}]}
    timeout_seconds: 301
  exchanges:
    OKX: {timeout_seconds: 5}
    binance: {url: 'http://c:3', password: s3cret}
    kraken: {http: &a {timeout_seconds: 5}, ws: *a}
    bybit: {url: 'http://d:4', handshake: quick}
";
    assert_eq!(
        messages(yaml(text)),
        [
            "proxy.default.timeout_seconds (from test.yaml:4:22): \
             expected a whole number from 1 to 300",
            "proxy.default.pool.proxies[0].url (from test.yaml:3:22): \
             Unsupported proxy scheme: ftp; \
             expected http, https, socks4, socks4a, socks5 or socks5h",
            "proxy.default.pool.proxies[1].weight (from test.yaml:3:72): \
             expected a whole number from 1 to 100",
            "proxy.exchanges.binance.password (from test.yaml:7:44): \
             `password` requires `username`",
            "proxy.exchanges.bybit.handshake (from test.yaml:9:43): \
             expected standard, optimistic or auto",
            "proxy.exchanges.kraken.http (from test.yaml:8:41): `url` is missing",
            "proxy.exchanges.kraken.websocket (from test.yaml:8:41): `url` is missing",
            "proxy.exchanges.okx (from test.yaml:6:28): `url` is missing",
        ]
    );
    let wrong = json!({"url": "http://h:1", "via": ["ftp://h:1"]});
    let error = serde_json::from_value::<ConnectionProxies>(wrong).unwrap_err();
    let error = error.to_string();
    assert!(error.starts_with("via[0].url: Unsupported"), "{error}");
    assert!(!error.contains("websocket"), "{error}");
}

#[test]
fn what_a_stronger_source_leaves_of_a_rule_for_both_is_wrong_for_one_transport() {
    let sources = enabled()
        .with_text("test.yaml", "proxy: {default: {timeout_seconds: 5}}")
        .with_env(named(&[("_DEFAULT__HTTP__URL", "http://h:1")]));
    assert_eq!(
        messages(sources.load()),
        ["proxy.default.websocket (from test.yaml:1:36): `url` is missing"]
    );
}

#[test]
fn keys_that_are_not_known_or_have_nothing_after_them_are_told() {
    for (rules, key, problem) in [
        (
            "{polo: {}}",
            "?",
            "unknown key; did you mean `pool`? (known keys: http, rest, websocket, ws, url, ",
        ),
        (
            "{htpp: direct}",
            "?",
            "unknown key; did you mean `http`? (known keys: http, ",
        ),
        (
            "{url: 'http://h:1', timeout: 5}",
            "?",
            "unknown key; did you mean `timeout_seconds`?",
        ),
        ("{pool: }", "pool", "the key has no value"),
        (
            "{pool: {}}",
            "pool",
            "a pool needs at least one proxy that is enabled",
        ),
        (
            "{url: 'http://h:1', password: ~}",
            "password",
            "the key has no value",
        ),
    ] {
        let errors = yaml(&format!("proxy: {{default: {rules}}}")).unwrap_err();
        let errors: Vec<_> = errors.iter().collect();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert_eq!(errors[0].path(), format!("proxy.default.{key}"));
        assert!(errors[0].problem().starts_with(problem), "{errors:?}");
    }
}

/// A rule's table with some fields: timeout, and a URL or a pool.
fn table() -> impl Strategy<Value = Option<String>> {
    let way = prop::option::of(prop::sample::select(vec![
        r#""url": "http://u:p@h:1""#,
        r#""url": "http://h:2", "username": "v""#,
        r#""pool": {"proxies": ["http://h:3", "http://h:4"]}"#,
        r#""pool": {"strategy": "random"}"#,
        r#""via": ["http://h:5"]"#,
    ]));
    let timeout = prop::option::of(prop::sample::select(vec![
        r#""timeout_seconds": 6"#,
        r#""timeout_seconds": 7"#,
    ]));
    (way, timeout).prop_map(|(way, timeout)| {
        let fields: Vec<_> = way.into_iter().chain(timeout).collect();
        (!fields.is_empty()).then(|| format!("{{{}}}", fields.join(", ")))
    })
}

/// The rules of one source: one for both transports, or one for each that has any.
#[derive(Debug, Clone)]
enum Rules {
    Both(String),
    Each(Option<String>, Option<String>),
}

impl Rules {
    /// The rules, those for both as two if `are_spelled_out`.
    fn document(&self, are_spelled_out: bool) -> String {
        let default = match self {
            Self::Both(rule) if are_spelled_out => {
                format!(r#"{{"http": {rule}, "websocket": {rule}}}"#)
            }
            Self::Both(rule) => rule.clone(),
            Self::Each(http, websocket) => {
                let rules = [("http", http), ("websocket", websocket)].into_iter();
                let rules =
                    rules.filter_map(|(key, rule)| Some(format!(r#""{key}": {}"#, rule.as_ref()?)));
                format!("{{{}}}", rules.collect::<Vec<_>>().join(", "))
            }
        };
        match &*default {
            "{}" => r#"{"proxy": {"strict": false}}"#.to_owned(),
            _ => format!(r#"{{"proxy": {{"default": {default}}}}}"#),
        }
    }
}

fn rules() -> impl Strategy<Value = Rules> {
    let both = table().prop_map(|rule| rule.map_or(Rules::Each(None, None), Rules::Both));
    prop_oneof![
        both,
        (table(), table()).prop_map(|(a, b)| Rules::Each(a, b))
    ]
}

proptest! {
    #[test]
    fn a_rule_for_both_is_that_rule_for_each_whatever_is_above_and_below(
        sources in prop::array::uniform3(rules()),
    ) {
        let load = |are_spelled_out| {
            let [code, file, variable] = sources.each_ref().map(|rules| rules.document(are_spelled_out));
            let section: serde_json::Value = serde_json::from_str(&variable).unwrap();
            enabled()
                .with_text("a.yaml", code)
                .with_text("b.json", file)
                .with_env([("CRYPTOFEED_PROXY", section["proxy"].to_string())])
                .load()
        };
        let [short, long] = [false, true].map(load);
        prop_assert_eq!(short.is_ok(), long.is_ok());
        if let (Ok(short), Ok(long)) = (short, long) {
            prop_assert_eq!(short.settings(), long.settings());
        }
    }
}
