//! Rules that nobody said to be enabled or disabled.

use proxy_config::{
    AmbientProxies, ConnectionProxies, ProxyRule, ProxySettings, Sources, Transport,
};

use crate::support::{id, messages, named, proxy, shown};

const PROBLEM: &str = "there are rules, but `enabled` is not set; \
    add `enabled: true` to use the proxies, or `enabled: false` to connect without them";

/// Everything that can be said of connections, as a file has it.
const SAID: [&str; 10] = [
    "strict: true",
    "strict: false",
    "default: 'http://u:s3cret@h:1'",
    "default: direct",
    "default: {http: direct}",
    "exchanges: {okx: 'http://h:1'}",
    "exchanges: {}",
    "from_env: true",
    "from_env: false",
    "egress_url: 'https://mirror.example/ip'",
];

fn file(section: &str) -> Sources {
    Sources::new().with_text("test.yaml", format!("proxy: {{{section}}}"))
}

#[test]
fn rules_without_the_word_are_refused_with_both_answers() {
    for said in SAID {
        let messages = messages(file(said).load());
        let [message] = &*messages else {
            panic!("{said}: {messages:?}");
        };
        assert!(message.starts_with("proxy"), "{message}");
        assert!(message.ends_with(PROBLEM), "{said}: {message}");
    }
}

#[test]
fn the_word_may_come_from_any_source() {
    for said in SAID {
        let disabled = file(&format!("enabled: false, {said}")).load().unwrap();
        assert!(disabled.settings().says_enabled());
        let variable = [("CRYPTOFEED_PROXY_ENABLED", "no")];
        let by_variable = file(said).with_env(variable).load().unwrap();
        assert_eq!(by_variable.settings(), disabled.settings(), "{said}");
        let by_code = file(said).with_code(ProxySettings::disabled()).load();
        assert_eq!(by_code.unwrap().settings(), disabled.settings(), "{said}");
    }
}

#[test]
fn variables_without_the_word_are_refused() {
    for (name, value) in [
        ("_STRICT", "yes"),
        ("_DEFAULT", "http://h:1"),
        ("_DEFAULT__WS__URL", "http://h:1"),
        ("_EXCHANGES__OKX", "direct"),
        ("_FROM_ENV", "1"),
        ("", r#"{"default": "http://h:1"}"#),
    ] {
        let variables = named(&[(name, value)]);
        let origin = &variables[0].0;
        assert_eq!(
            messages(Sources::new().with_env(variables.clone()).load()),
            [format!("proxy (from {origin}): {PROBLEM}")]
        );
    }
}

#[test]
fn a_url_for_everything_says_it_and_so_does_direct() {
    for url in ["http://h:1", "direct"] {
        let file = Sources::new().with_text("test.yaml", format!("proxy: '{url}'"));
        let variable = Sources::new().with_env([("CRYPTOFEED_PROXY", url)]);
        for sources in [file, variable] {
            assert!(sources.load().unwrap().settings().is_enabled(), "{url}");
        }
    }
}

#[test]
fn settings_of_code_that_lack_the_word_are_refused_unless_another_source_says_it() {
    let rules = ConnectionProxies::both(proxy("http://h:1"));
    let default = ProxySettings::default();
    for code in [
        default.clone().with_strict(true),
        default.clone().with_default(rules),
        default
            .clone()
            .with_exchange(id("okx"), ConnectionProxies::both(ProxyRule::Direct)),
        default.with_ambient(AmbientProxies::default()),
    ] {
        let sources = Sources::new().with_code(code);
        assert_eq!(
            messages(sources.clone().load()),
            [format!("proxy (from code): {PROBLEM}")]
        );
        let said = sources.with_text("test.yaml", "proxy: {enabled: false}");
        assert!(said.load().is_ok());
    }
    let nothing = Sources::new().with_code(ProxySettings::default());
    assert_eq!(
        nothing.load().unwrap().settings(),
        &ProxySettings::default()
    );
}

#[test]
fn settings_that_are_deserialized_are_held_to_it_too() {
    for json in [
        r#"{"strict": true}"#,
        r#"{"default": "http://h:1"}"#,
        r#"{"exchanges": {"okx": "direct"}}"#,
        r#"{"from_env": false}"#,
    ] {
        let error = serde_json::from_str::<ProxySettings>(json).unwrap_err();
        assert!(error.to_string().contains(PROBLEM), "{json}: {error}");
    }
    let url: ProxySettings = serde_json::from_str(r#""http://h:1""#).unwrap();
    assert!(url.is_enabled());
}

#[test]
fn what_is_serialized_is_loaded_to_the_same_settings() {
    let rules = ConnectionProxies::both(proxy("http://h:1"));
    for settings in [
        ProxySettings::default(),
        ProxySettings::disabled(),
        ProxySettings::disabled().with_strict(true),
        ProxySettings::enabled().with_default(rules.clone()),
        ProxySettings::enabled().with_exchange(id("okx"), rules),
    ] {
        let json = serde_json::to_string(&settings).unwrap();
        let again: ProxySettings = serde_json::from_str(&json).unwrap();
        assert_eq!(again, settings, "{json}");
    }
}

#[test]
fn disabled_rules_are_kept_and_explained() {
    let loaded = file("enabled: false, default: 'http://h:1'")
        .load()
        .unwrap();
    assert!(!loaded.settings().is_enabled());
    let origins = loaded.explain(&id("okx"), Transport::Http, None).unwrap();
    assert_eq!(shown(origins.rule()).as_deref(), Some("test.yaml:1:34"));
}
