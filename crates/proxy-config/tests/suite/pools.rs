//! `pool`.

use proxy_config::{
    BreakerConfig, ConnectionProxies, HandshakeMode, HealthCheck, HealthCheckMethod, PoolConfig,
    PoolMember, PoolStrategy, ProxyConfig, ProxyRule, ProxyServer, ProxySettings, Sources,
    Transport,
};
use serde_json::json;

use crate::support::{Folder, enabled, env, id, messages, named, proxy, shown, yaml};

fn server(url: &str) -> ProxyServer {
    ProxyServer::new(url.parse().unwrap())
}

fn member(url: &str) -> PoolMember {
    PoolMember::new(server(url))
}

fn pool<const N: usize>(urls: [&str; N]) -> PoolConfig {
    PoolConfig::new(urls.map(member)).unwrap()
}

fn rule_text(fields: &str) -> String {
    format!("proxy: {{default: {{http: {{{fields}}}}}}}")
}

/// The rule for REST that has these fields.
fn rule(fields: &str) -> ProxyRule {
    let settings = yaml(&rule_text(fields)).unwrap();
    settings.default_proxies().http().unwrap().clone()
}

/// What is wrong with a rule of these fields, without where it stands.
fn problems(fields: &str) -> Vec<(String, String)> {
    let errors = yaml(&rule_text(fields)).unwrap_err();
    let problem = |error: &proxy_config::ConfigError| {
        assert!(shown(error.origin()).unwrap().starts_with("test.yaml:1:"));
        let key = error.path().strip_prefix("proxy.default.http.").unwrap();
        (key.to_owned(), error.problem().to_owned())
    };
    errors.iter().map(problem).collect()
}

#[test]
fn proxies_are_taken_in_turns_with_equal_weights_unless_told_otherwise() {
    let pool = pool(["http://a:1", "http://b:2"]);
    assert_eq!(pool.strategy(), PoolStrategy::RoundRobin);
    assert_eq!(pool.timeout_seconds(), 30);
    assert!(pool.via().is_empty());
    for member in pool.members() {
        assert_eq!((member.weight(), member.is_enabled()), (1, true));
    }
    assert_eq!(
        rule("pool: {proxies: ['http://a:1', 'http://b:2']}"),
        pool.into()
    );
}

#[test]
fn every_part_of_a_pool_can_be_configured() {
    let folder = Folder::new();
    folder.write("ca.pem", "");
    folder.write("password", "s3cret\n");
    let text = "proxy:
  default:
    websocket:
      pool:
        strategy: least_connections
        proxies:
          - {url: 'socks5h://a:1', weight: 2, enabled: true, handshake: optimistic}
          - socks5h://u:p@b:1
          - {url: 'https://c:3', username: u, password_file: password, tls: {ca_file: ca.pem}}
          - {url: 'http://d:4', weight: 100, enabled: no}
      timeout_seconds: 20
      via: [{url: 'http://gate:5', quick_ack: true}]
";
    let expected = PoolConfig::new([
        PoolMember::new(server("socks5h://a:1").with_handshake(HandshakeMode::Optimistic))
            .with_weight(2)
            .unwrap(),
        member("socks5h://u:p@b:1"),
        PoolMember::new(
            server("https://u:s3cret@c:3")
                .with_ca_file(folder.path("ca.pem"))
                .unwrap(),
        ),
        member("http://d:4")
            .with_weight(100)
            .unwrap()
            .with_enabled(false),
    ])
    .unwrap()
    .with_strategy(PoolStrategy::LeastConnections)
    .with_via([server("http://gate:5").with_quick_ack(true)])
    .unwrap()
    .with_timeout_seconds(20)
    .unwrap();
    let loaded = enabled().with_file(folder.write("a.yaml", text)).load();
    let settings = loaded.unwrap().into_settings();
    let default = settings.default_proxies();
    assert_eq!(default.websocket(), Some(&expected.clone().into()));
    assert_eq!(
        expected.to_string(),
        "least_connections of socks5h://a:1, socks5h://***@b:1, https://***@c:3, http://d:4 \
         via http://gate:5"
    );
    let exit = expected.through(&expected.members()[2]);
    let through = server("https://u:s3cret@c:3")
        .with_ca_file(folder.path("ca.pem"))
        .unwrap();
    let through = ProxyConfig::from(through)
        .with_via(expected.via().to_vec())
        .unwrap();
    let through = through.with_timeout_seconds(20).unwrap();
    assert_eq!(exit, through.into());
}

#[test]
fn toml_json_and_variables_say_the_same_as_yaml() {
    let expected = PoolConfig::new([
        member("socks5h://u:p@a:1").with_weight(2).unwrap(),
        member("http://b:2"),
    ])
    .unwrap()
    .with_strategy(PoolStrategy::Random);
    let expected = ProxySettings::enabled()
        .with_default(ConnectionProxies::default().with_websocket(expected));
    let json = r#"{"strategy": "random", "proxies":
        [{"url": "socks5h://a:1", "username": "u", "password": "p", "weight": 2}, "http://b:2"]}"#;
    let list = r#"["http://b:2"]"#;
    let variables = |variables: &[(&str, &str)]| enabled().with_env(named(variables));
    for (form, sources) in [
        (
            "TOML",
            enabled().with_text(
                "test.toml",
                "[proxy.default.ws.pool]\nstrategy = 'random'\n\
                 [[proxy.default.ws.pool.proxies]]\nurl = 'socks5h://u:p@a:1'\nweight = 2\n\
                 [[proxy.default.ws.pool.proxies]]\nurl = 'http://b:2'",
            ),
        ),
        (
            "JSON",
            enabled().with_text(
                "test.json",
                format!(r#"{{"proxy": {{"default": {{"ws": {{"pool": {json}}}}}}}}}"#),
            ),
        ),
        ("one variable", variables(&[("_DEFAULT__WS__POOL", json)])),
        (
            "a variable by place",
            variables(&[
                ("_DEFAULT__WEBSOCKET__POOL__STRATEGY", "random"),
                ("_DEFAULT__WS__POOL__PROXIES__0__URL", "socks5h://a:1"),
                ("_DEFAULT__WS__POOL__PROXIES__0__USERNAME", "u"),
                ("_DEFAULT__WS__POOL__PROXIES__0__PASSWORD", "p"),
                ("_DEFAULT__WS__POOL__PROXIES__0__WEIGHT", "2"),
                ("_DEFAULT__WS__POOL__PROXIES__1", "http://b:2"),
            ]),
        ),
        (
            "a list and a place",
            variables(&[
                ("_DEFAULT__WS__POOL__STRATEGY", "random"),
                (
                    "_DEFAULT__WS__POOL__PROXIES",
                    r#"["http://x:9", "http://b:2"]"#,
                ),
                (
                    "_DEFAULT__WS__POOL__PROXIES__0",
                    r#"{"url": "socks5h://u:p@a:1", "weight": 2}"#,
                ),
            ]),
        ),
        ("code", Sources::new().with_code(expected.clone())),
    ] {
        assert_eq!(sources.load().unwrap().settings(), &expected, "{form}");
    }
    let one = env(&[("_DEFAULT__WS__POOL__PROXIES", list)]).unwrap();
    let short = env(&[("_DEFAULT__WS__POOL__PROXIES", "http://b:2")]).unwrap();
    assert_eq!(one, short);
}

#[test]
fn a_pool_for_one_transport_goes_with_a_proxy_for_the_other() {
    let settings = yaml(
        "proxy: {default: {http: {pool: {proxies: ['http://a:1', 'http://b:2']}}, \
         websocket: 'socks5://c:3'}}",
    )
    .unwrap();
    let expected = ConnectionProxies::default()
        .with_http(pool(["http://a:1", "http://b:2"]))
        .with_websocket(proxy("socks5://c:3"));
    assert_eq!(settings.default_proxies(), &expected);
}

#[test]
fn a_pool_with_nobody_in_it_is_refused_however_it_is_said() {
    let nobody = "a pool needs at least one proxy that is enabled";
    let missing = "`proxies` is missing";
    let blank = "the key has no value; quote it if it is text, or remove the key";
    for (pool, key, problem) in [
        ("{proxies: []}", "pool.proxies", nobody),
        (
            "{proxies: [{url: 'http://a:1', enabled: false}, {url: 'http://b:2', enabled: off}]}",
            "pool.proxies",
            nobody,
        ),
        ("{}", "pool", nobody),
        ("{proxies: ~}", "pool.proxies", blank),
        ("{strategy: random}", "pool", missing),
        ("{strategy: random, proxies: ~}", "pool.proxies", blank),
        ("{strategy: random, proxies: [~]}", "pool.proxies[0]", blank),
        ("[]", "pool", "expected a table, found a list"),
        ("http://a:1", "pool", "expected a table, found text"),
        (
            "{proxies: {}}",
            "pool.proxies",
            "expected a list, found a table",
        ),
    ] {
        let expected = [(key.to_owned(), problem.to_owned())];
        assert_eq!(problems(&format!("pool: {pool}")), expected, "{pool}");
    }
    assert_eq!(
        messages(env(&[("_DEFAULT__HTTP__POOL__PROXIES", "[]")])),
        [format!(
            "proxy.default.http.pool.proxies \
             (from CRYPTOFEED_PROXY_DEFAULT__HTTP__POOL__PROXIES): {nobody}"
        )]
    );
    let error = PoolConfig::new([member("http://a:1").with_enabled(false)]).unwrap_err();
    assert_eq!(error.to_string(), nobody);
}

#[test]
fn everything_that_is_wrong_with_a_pool_is_told_at_once() {
    let found = problems(
        "timeout_seconds: 0, url: 'http://u:s3cret@h:1', quick_ack: on, \
         pool: {stratgy: random, strategy: round-robin, proxies: [ftp://u:s3cret@a:1, \
         {url: 'http://b:2', weight: 0, enabled: maybe}, {url: 'http://c:3', weight: 1.5}, \
         {wieght: 2}, [], {url: 'http://d:4', handshake: auot, via: 'http://x:1'}]}",
    );
    let weight = "expected a whole number from 1 to 100";
    let belongs = "`pool` is given as well; move the keys of a proxy into `pool.proxies`";
    let expected = [
        ("timeout_seconds", "expected a whole number from 1 to 300"),
        ("url", belongs),
        ("quick_ack", belongs),
        ("pool.?", "unknown key; did you mean `strategy`?"),
        (
            "pool.strategy",
            "expected round_robin, random, least_connections or sticky; did you mean `round_robin`?",
        ),
        ("pool.proxies[0].url", "Unsupported proxy scheme: ftp"),
        ("pool.proxies[1].weight", weight),
        ("pool.proxies[1].enabled", "expected true or false"),
        ("pool.proxies[2].weight", weight),
        ("pool.proxies[3].?", "unknown key; did you mean `weight`?"),
        ("pool.proxies[3]", "`url` is missing"),
        ("pool.proxies[4]", "expected a table, found a list"),
        (
            "pool.proxies[5].handshake",
            "expected standard, optimistic or auto; did you mean `auto`?",
        ),
        ("pool.proxies[5].via", "unknown key"),
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (key, problem) in expected {
        let is_it = |(path, told): &(String, String)| path == key && told.starts_with(problem);
        assert!(found.iter().any(is_it), "{key}: {found:#?}");
    }
    assert!(!format!("{found:?}").contains("s3cret"), "{found:?}");
}

#[test]
fn the_breaker_and_the_checks_of_a_pool_have_defaults_and_ranges() {
    let read = |keys: &str| {
        let rule = rule(&format!("pool: {{{keys}, proxies: ['http://a:1']}}"));
        let ProxyRule::Pool(pool) = rule else {
            panic!("{rule:?}");
        };
        pool
    };
    let pool = read("strategy: sticky");
    assert_eq!(*pool.breaker(), BreakerConfig::default());
    assert_eq!(pool.health_check(), None);
    let pool =
        read("breaker: {failures: 3, max_cooldown_seconds: 90}, health_check: {method: http}");
    let breaker = BreakerConfig::default().with_failures(3).unwrap();
    let breaker = breaker.with_max_cooldown_seconds(90).unwrap();
    assert_eq!(*pool.breaker(), breaker);
    let check = HealthCheck::new(HealthCheckMethod::Http);
    assert_eq!(pool.health_check(), Some(&check));
    assert_eq!((check.interval().as_secs(), check.retries()), (30, 2));

    for (keys, path) in [
        ("breaker: {failures: 0}", "pool.breaker.failures"),
        (
            "breaker: {cooldown_seconds: 3601}",
            "pool.breaker.cooldown_seconds",
        ),
        (
            "breaker: {max_cooldown_seconds: 0}",
            "pool.breaker.max_cooldown_seconds",
        ),
        (
            "health_check: {interval_seconds: 4}",
            "pool.health_check.interval_seconds",
        ),
        (
            "health_check: {timeout_seconds: 31}",
            "pool.health_check.timeout_seconds",
        ),
        ("health_check: {retries: 11}", "pool.health_check.retries"),
        ("health_check: {method: ping}", "pool.health_check.method"),
    ] {
        let found = problems(&format!("pool: {{{keys}, proxies: ['http://a:1']}}"));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, path);
    }
}

#[test]
fn a_weight_is_a_whole_number_from_1_to_100() {
    for weight in [1, 100] {
        assert_eq!(
            member("http://a:1").with_weight(weight).unwrap().weight(),
            weight
        );
    }
    for weight in [0, 101, u64::MAX] {
        let error = member("http://a:1").with_weight(weight).unwrap_err();
        assert_eq!(error.to_string(), "the weight must be from 1 to 100");
    }
}

#[test]
fn a_timeout_is_from_1_to_300_seconds() {
    for seconds in [1, 300] {
        assert!(pool(["http://a:1"]).with_timeout_seconds(seconds).is_ok());
    }
    for seconds in [0, 301] {
        assert!(pool(["http://a:1"]).with_timeout_seconds(seconds).is_err());
    }
}

#[test]
fn a_proxy_that_is_listed_twice_is_refused_where_it_stands_again() {
    let twice = "the proxy is listed twice; use `weight` instead";
    assert_eq!(
        problems(
            "pool: {proxies: ['http://u:p@a:1', 'http://b:2', \
                  {url: 'http://a:1', username: u, password: p, weight: 7}]}"
        ),
        [("pool.proxies[2]".to_owned(), twice.to_owned())]
    );
    let sessions = "pool: {proxies: ['http://u-1:p@a:1', 'http://u-2:p@a:1', 'http://a:1']}";
    assert!(yaml(&rule_text(sessions)).is_ok());
}

#[test]
fn what_leads_to_a_pool_must_reach_all_of_it() {
    let ipv6 = "a socks4 proxy cannot reach the next one, whose address is IPv6";
    let pool = "pool: {proxies: ['http://a:1', 'http://[::1]:2']}";
    assert_eq!(
        problems(&format!("{pool}, via: ['http://c:3', 'socks4://d:4']")),
        [("via[1]".to_owned(), ipv6.to_owned())]
    );
    assert!(
        yaml(&rule_text(&format!(
            "{pool}, via: ['socks4://d:4', 'http://c:3']"
        )))
        .is_ok()
    );
    let quick_ack = "pool: {proxies: [{url: 'http://a:1', quick_ack: on}]}";
    let [(key, problem)] = &problems(&format!("{quick_ack}, via: 'http://c:3'"))[..] else {
        panic!("one thing is wrong");
    };
    assert_eq!(key, "pool.proxies[0].quick_ack");
    assert!(problem.contains("the first proxy of the route only"));
    assert!(yaml(&rule_text(quick_ack)).is_ok());
}

#[test]
fn a_stronger_pool_takes_the_place_of_a_proxy_and_a_stronger_proxy_that_of_a_pool() {
    let one = "url: 'https://file:1', username: u, password: p, tls: {ca_file: none.pem}, \
               handshake: auto, quick_ack: on, timeout_seconds: 7";
    let many = "pool: {strategy: random, proxies: ['http://a:1', 'http://b:2']}, \
                timeout_seconds: 7, via: 'http://gate:5'";
    let load = |fields: &str, variables: &[(&str, &str)]| {
        let sources = enabled()
            .with_text("test.yaml", rule_text(fields))
            .with_env(named(variables));
        let settings = sources.load().map(proxy_config::Loaded::into_settings);
        settings.map(|settings| settings.default_proxies().http().unwrap().clone())
    };
    let env_pool = ("_DEFAULT__HTTP__POOL__PROXIES__0__URL", "http://env:9");
    assert_eq!(
        load(one, &[env_pool]).unwrap(),
        pool(["http://env:9"])
            .with_timeout_seconds(7)
            .unwrap()
            .into()
    );
    let gate = [server("http://gate:5")];
    let through_gate = proxy("http://env:9").with_via(gate.clone()).unwrap();
    assert_eq!(
        load(many, &[("_DEFAULT__HTTP__URL", "http://env:9")]).unwrap(),
        through_gate.with_timeout_seconds(7).unwrap().into()
    );
    assert_eq!(
        load(many, &[("_DEFAULT__HTTP", "http://env:9")]).unwrap(),
        proxy("http://env:9").into()
    );
    // Of a pool, fields and places can be set alone.
    let changed = [
        ("_DEFAULT__HTTP__POOL__STRATEGY", "least_connections"),
        ("_DEFAULT__HTTP__POOL__PROXIES__1__WEIGHT", "3"),
        ("_DEFAULT__HTTP__POOL__PROXIES__2", "http://c:3"),
    ];
    let expected = PoolConfig::new([
        member("http://a:1"),
        member("http://b:2").with_weight(3).unwrap(),
        member("http://c:3"),
    ])
    .unwrap()
    .with_strategy(PoolStrategy::LeastConnections)
    .with_via(gate)
    .unwrap()
    .with_timeout_seconds(7)
    .unwrap();
    assert_eq!(load(many, &changed).unwrap(), expected.into());
    // What belongs to one proxy is not guessed to be for all.
    assert_eq!(
        messages(load(many, &[("_DEFAULT__HTTP__USERNAME", "u")])),
        [
            "proxy.default.http.username (from CRYPTOFEED_PROXY_DEFAULT__HTTP__USERNAME): \
          `pool` is given as well; move the keys of a proxy into `pool.proxies`"
        ]
    );
}

#[test]
fn variables_for_a_proxy_and_for_a_pool_in_the_same_place_are_refused() {
    let before = "CRYPTOFEED_PROXY_DEFAULT__HTTP__";
    assert_eq!(
        messages(env(&[
            ("_DEFAULT__HTTP__URL", "http://u:s3cret@h:1"),
            ("_DEFAULT__HTTP__POOL__PROXIES__0", "http://u:s3cret@a:1"),
        ])),
        [format!(
            "proxy.default.http.pool.proxies.0 (from {before}POOL__PROXIES__0): \
             {before}URL is set as well; only one of them can be"
        )]
    );
    // Exchanges may have any names, and a pool may be said at several lengths.
    assert!(
        env(&[
            ("_EXCHANGES__URL", "direct"),
            ("_EXCHANGES__POOL", "direct"),
            ("_EXCHANGES__OKX__HTTP", "http://a:1"),
            (
                "_EXCHANGES__OKX__HTTP__POOL",
                r#"{"proxies": ["http://a:1"]}"#
            ),
            ("_EXCHANGES__OKX__HTTP__POOL__STRATEGY", "random"),
        ])
        .is_ok()
    );
}

#[test]
fn a_pool_made_in_code_survives_being_merged() {
    let made = PoolConfig::new([
        PoolMember::new(server("http://u:s3cret@a:1").with_quick_ack(true)),
        PoolMember::new(server("https://b:2").with_ca_file("Cargo.toml").unwrap())
            .with_enabled(false)
            .with_weight(9)
            .unwrap(),
    ])
    .unwrap()
    .with_strategy(PoolStrategy::Random)
    .with_timeout_seconds(9)
    .unwrap();
    let code = ProxySettings::enabled().with_default(ConnectionProxies::both(made));
    let loaded = Sources::new().with_code(code.clone()).load().unwrap();
    assert_eq!(loaded.settings(), &code);
    let over = Sources::new()
        .with_code(code)
        .with_text("test.yaml", rule_text("url: 'http://file:1'"));
    let over = over.load().unwrap().into_settings();
    assert_eq!(
        over.default_proxies().http(),
        Some(
            &proxy("http://file:1")
                .with_timeout_seconds(9)
                .unwrap()
                .into()
        )
    );
}

#[test]
fn a_pool_is_serialized_without_secrets_and_deserialized() {
    let value = json!({
        "pool": {
            "strategy": "least_connections",
            "proxies": [
                {"url": "socks5h://a:1", "handshake": "auto", "weight": 2, "enabled": true},
                {"url": "http://b:2", "weight": 1, "enabled": false},
            ],
        },
        "via": [{"url": "http://gate:5"}],
        "timeout_seconds": 20,
    });
    let made: PoolConfig = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(made.members()[0].weight(), 2);
    assert_eq!(serde_json::to_value(&made).unwrap(), value);
    let rule: ProxyRule = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(rule, made.into());
    let one: PoolMember =
        serde_json::from_value(json!({"url": "http://a:1", "weight": 5})).unwrap();
    assert_eq!(one, member("http://a:1").with_weight(5).unwrap());
    assert_eq!(
        serde_json::from_value::<PoolMember>(serde_json::to_value(&one).unwrap()).unwrap(),
        one
    );
    let secret = serde_json::to_string(&pool(["http://u:s3cret@a:1"])).unwrap();
    assert!(secret.contains("***@a:1") && !secret.contains("s3cret"));

    let error = serde_json::from_value::<ProxyConfig>(value).unwrap_err();
    assert_eq!(error.to_string(), "expected one proxy, found a pool");
    for (value, found) in [("http://a:1", "one proxy"), ("direct", "`direct`")] {
        let error = serde_json::from_value::<PoolConfig>(json!(value)).unwrap_err();
        assert_eq!(error.to_string(), format!("expected a pool, found {found}"));
    }
}

#[test]
fn every_value_of_a_pool_has_the_source_that_set_it() {
    let file = "proxy: {default: {http: {timeout_seconds: 9, pool: {strategy: random, \
                proxies: ['http://a:1', {url: 'http://u:s3cret@b:2', weight: 2}]}}}}";
    let loaded = enabled()
        .with_text("test.yaml", file)
        .with_env(named(&[("_DEFAULT__HTTP__POOL__PROXIES__0__WEIGHT", "3")]))
        .load()
        .unwrap();
    let origins = loaded.explain(&id("any"), Transport::Http, None).unwrap();
    assert_eq!(
        serde_json::to_value(&origins).unwrap(),
        json!({
            "timeout_seconds": "test.yaml:1:43",
            "pool.strategy": "test.yaml:1:63",
            "pool.proxies[0].url": "test.yaml:1:81",
            "pool.proxies[0].weight": "CRYPTOFEED_PROXY_DEFAULT__HTTP__POOL__PROXIES__0__WEIGHT",
            "pool.proxies[1].url": "test.yaml:1:101",
            "pool.proxies[1].weight": "test.yaml:1:132",
        })
    );
    assert_eq!(shown(origins.rule()).as_deref(), Some("test.yaml:1:81"));
    assert_eq!(shown(origins.timeout()).as_deref(), Some("test.yaml:1:43"));
    assert_eq!(shown(origins.password()).as_deref(), None);
    assert!(!format!("{origins:?}").contains("s3cret"));
}
