//! Direct connections and proxies from a local address.

use proxy_config::{
    Bind, ConnectionProxies, DirectExit, Exit, InvalidBind, InvalidVia, PoolConfig, PoolMember,
    ProxyConfig, ProxyRule, ProxyServer, ProxySettings, Sources,
};
use serde_json::json;

use crate::support::{defaults, enabled, env, messages, named, of_exchange, yaml};

fn rule(fields: &str) -> String {
    format!("proxy: {{default: {{http: {{{fields}}}}}}}")
}

fn direct_from(bind: &str) -> DirectExit {
    DirectExit::new(bind.parse().unwrap())
}

/// The places and problems of a rule.
fn problems(fields: &str) -> Vec<(String, String)> {
    let errors = yaml(&rule(fields)).unwrap_err();
    let told = |error: &proxy_config::ConfigError| {
        let path = error.path().strip_prefix("proxy.default.http");
        (path.unwrap().to_owned(), error.problem().to_owned())
    };
    errors.iter().map(told).collect()
}

#[test]
fn direct_with_an_address_is_read_wherever_direct_is() {
    let text = "proxy: {default: {http: {direct: {bind: 192.0.2.7}}, ws: direct}, \
                exchanges: {okx: {direct: {bind: '2001:db8::7'}}}}";
    let settings = yaml(text).unwrap();
    assert_eq!(defaults(&settings), ["direct from 192.0.2.7", "direct"]);
    let okx = "direct from 2001:db8::7";
    assert_eq!(of_exchange(&settings, "okx"), [okx, okx]);
    assert!(!settings.has_proxy());
    for variable in [
        ("_DEFAULT__HTTP__DIRECT__BIND", "192.0.2.7"),
        ("_DEFAULT__HTTP__DIRECT", r#"{"bind": "::ffff:192.0.2.7"}"#),
    ] {
        let http = &defaults(&env(&[variable]).unwrap())[0];
        assert_eq!(http, "direct from 192.0.2.7");
    }
}

#[test]
fn only_the_word_makes_a_rule_direct() {
    let missing = ("".to_owned(), "`url` is missing".to_owned());
    assert_eq!(problems("bind: 192.0.2.7"), [missing]);
    let empty = "the table is empty; set a key in it, or remove it";
    let blank = "the key has no value; quote it if it is text, or remove the key";
    let neither = "expected an address of this machine, or the name of a network interface";
    let any =
        "expected an address of this machine; this one stands for any, or for several machines";
    for (fields, place, problem) in [
        ("direct: {}", ".direct", empty),
        ("direct: ", ".direct", blank),
        ("direct: {bind: }", ".direct.bind", blank),
        ("direct: yes", ".direct", "expected a table, found text"),
        ("direct: direct", ".direct", "expected a table, found text"),
        ("direct: {bind: 192.0.2.300}", ".direct.bind", neither),
        ("direct: {bind: '192.0.2.7:80'}", ".direct.bind", neither),
        ("direct: {bind: an interface}", ".direct.bind", neither),
        ("direct: {bind: ''}", ".direct.bind", neither),
        ("direct: {bind: 0.0.0.0}", ".direct.bind", any),
        ("direct: {bind: '::'}", ".direct.bind", any),
        ("direct: {bind: 224.0.0.1}", ".direct.bind", any),
    ] {
        let expected = (place.to_owned(), problem.to_owned());
        let found = problems(fields);
        assert!(found.contains(&expected), "{fields}: {found:?}");
    }
}

#[test]
fn nothing_that_leads_through_a_proxy_stands_beside_direct() {
    let problem = "`direct` is given as well; a connection is direct, or passes a proxy";
    for (other, key) in [
        ("url: 'http://h:1'", "url"),
        ("via: 'http://h:1'", "via"),
        ("pool: {proxies: 'http://h:1'}", "pool"),
        ("timeout_seconds: 5", "timeout_seconds"),
        ("username: u", "username"),
        ("bind: 192.0.2.8", "bind"),
        ("headers: {x: y}", "headers"),
        ("egress: 203.0.113.5", "egress"),
    ] {
        let expected = (format!(".{key}"), problem.to_owned());
        assert_eq!(
            problems(&format!("direct: {{bind: 192.0.2.7}}, {other}")),
            [expected]
        );
        let member = format!("pool: {{proxies: [{{direct: {{bind: 192.0.2.7}}, {other}}}]}}");
        assert!(yaml(&rule(&member)).is_err(), "{other}");
    }
    let both = [
        ("_DEFAULT__HTTP__URL", "http://h:1"),
        ("_DEFAULT__HTTP__DIRECT__BIND", "192.0.2.7"),
    ];
    assert!(messages(env(&both))[0].contains("only one of them can be"));
}

#[test]
fn of_direct_and_a_proxy_the_one_of_the_strongest_source_counts() {
    let direct = "direct: {bind: 192.0.2.7}";
    let pool = "pool: {proxies: ['http://a:1']}, via: 'http://b:2', timeout_seconds: 9";
    let proxy = "url: 'http://u:p@a:1', bind: 192.0.2.8, handshake: auto, timeout_seconds: 9";
    for (weak, strong) in [
        (direct, pool),
        (direct, proxy),
        (pool, direct),
        (proxy, direct),
    ] {
        let loaded = enabled()
            .with_text("weak.yaml", rule(weak))
            .with_text("strong.yaml", rule(strong));
        let loaded = loaded.load().unwrap().into_settings();
        let alone = yaml(&rule(strong)).unwrap();
        assert_eq!(
            loaded.default_proxies(),
            alone.default_proxies(),
            "{strong} over {weak}"
        );
    }
    let by_variable = enabled()
        .with_text("weak.yaml", rule(direct))
        .with_env(named(&[("_DEFAULT__HTTP", "http://a:1")]));
    assert_eq!(
        defaults(by_variable.load().unwrap().settings())[0],
        "http://a:1"
    );
}

#[test]
fn a_pool_may_have_direct_members_unless_proxies_come_before_it() {
    let members =
        "[{direct: {bind: 192.0.2.7}, weight: 2}, {direct: {bind: 192.0.2.8}}, 'http://a:1']";
    let settings = yaml(&rule(&format!("pool: {{proxies: {members}}}"))).unwrap();
    assert_eq!(
        defaults(&settings)[0],
        "round_robin of direct from 192.0.2.7, direct from 192.0.2.8, http://a:1"
    );
    let Some(ProxyRule::Pool(pool)) = settings.default_proxies().http() else {
        panic!("a pool was set");
    };
    let exits: Vec<_> = pool
        .members()
        .iter()
        .map(|member| pool.through(member))
        .collect();
    assert_eq!(exits[0], Exit::DirectFrom(direct_from("192.0.2.7")));
    assert_eq!(pool.members()[0].weight(), 2);
    assert!(settings.has_proxy());

    let found = problems(&format!("pool: {{proxies: {members}}}, via: 'http://b:2'"));
    let problem = "`via` applies to all members of the pool, and this one is direct";
    let place = |n: usize| (format!(".pool.proxies[{n}].direct"), problem.to_owned());
    assert_eq!(found, [place(0), place(1)]);
    let hop = ProxyServer::new("http://b:2".parse().unwrap());
    assert_eq!(pool.clone().with_via([hop]), Err(InvalidVia::DirectMember));
    assert!(pool.clone().with_via([]).is_ok());

    let twice = "pool: {proxies: [{direct: {bind: 192.0.2.7}}, {direct: {bind: 192.0.2.7}}]}";
    assert!(problems(twice)[0].1.contains("listed twice"));
    // Neither the bare word nor nothing is a member.
    assert!(yaml(&rule("pool: {proxies: [direct]}")).is_err());
    assert!(yaml(&rule("pool: {proxies: [{weight: 2}]}")).is_err());
}

#[test]
fn bind_is_for_the_proxy_that_this_machine_connects_to() {
    let first = "url: 'http://exit:9', via: [{url: 'http://a:1', bind: 192.0.2.7}, 'http://b:2']";
    assert!(yaml(&rule(first)).is_ok());
    let problem =
        "applies to the first proxy of the route only; set it for the first proxy of `via`";
    let other = "url: 'http://exit:9', bind: 192.0.2.7, \
                 via: ['http://a:1', {url: 'http://b:2', bind: 192.0.2.7}]";
    let place = |path: &str| (path.to_owned(), problem.to_owned());
    assert_eq!(problems(other), [place(".bind"), place(".via[1].bind")]);
    let alone = [
        ("_DEFAULT__HTTP__URL", "http://h:1"),
        ("_DEFAULT__HTTP__BIND", "192.0.2.7"),
    ];
    let settings = env(&alone).unwrap();
    let Some(ProxyRule::Proxy(proxy)) = settings.default_proxies().http() else {
        panic!("a proxy was set");
    };
    assert_eq!(
        proxy.server().bind(),
        Some(&Bind::Address([192, 0, 2, 7].into()))
    );
}

#[test]
fn an_interface_is_a_name_that_linux_takes() {
    let named = "eth0.100".parse::<Bind>();
    match cfg!(target_os = "linux") {
        true => assert_eq!(named.unwrap().to_string(), "eth0.100"),
        false => assert_eq!(named, Err(InvalidBind::NoInterfaces)),
    }
    for name in [
        "",
        "1.2",
        "10.0.0",
        "a/b",
        "a:b",
        "a b",
        "sixteen-byte-nam",
        "ü",
    ] {
        assert_eq!(name.parse::<Bind>(), Err(InvalidBind::Neither), "{name}");
    }
}

#[test]
fn those_made_in_code_survive_being_merged_and_serialized() {
    let server = ProxyServer::new("http://a:1".parse().unwrap());
    let server = server.with_bind("192.0.2.8".parse().unwrap());
    let member = PoolMember::direct_from(direct_from("192.0.2.7"));
    let pool = PoolConfig::new([member, PoolMember::new(server.clone())]).unwrap();
    let proxies = ConnectionProxies::both(ProxyConfig::from(server)).with_websocket(pool);
    let own = ConnectionProxies::both(direct_from("2001:db8::7"));
    let okx = crate::support::id("okx");
    let code = ProxySettings::enabled()
        .with_default(proxies)
        .with_exchange(okx, own);
    let loaded = Sources::new().with_code(code.clone()).load().unwrap();
    assert_eq!(loaded.settings(), &code);
    let value = serde_json::to_value(&code).unwrap();
    assert_eq!(
        value["exchanges"]["okx"]["http"],
        json!({"direct": {"bind": "2001:db8::7"}})
    );
    assert_eq!(value["default"]["http"]["bind"], "192.0.2.8");
    assert_eq!(
        serde_json::from_value::<ProxySettings>(value).unwrap(),
        code
    );
}

#[test]
fn an_exit_may_tell_which_address_exchanges_see() {
    let text = "pool: {proxies: [{url: 'http://a:1', egress: 203.0.113.5}, 'http://b:1', \
                {direct: {bind: 10.0.0.7, egress: '2001:db8::5'}}, {direct: {bind: 192.0.2.7}}]}";
    let settings = yaml(&rule(text)).unwrap();
    let Some(ProxyRule::Pool(pool)) = settings.default_proxies().http() else {
        panic!("a pool was set");
    };
    let members = pool.members().iter();
    let seen: Vec<_> = members
        .map(|member| pool.through(member).egress())
        .collect();
    let address = |text: &str| Some(text.parse().unwrap());
    let expected = [
        address("203.0.113.5"),
        None,
        address("2001:db8::5"),
        address("192.0.2.7"),
    ];
    assert_eq!(seen, expected);
    let value = serde_json::to_value(&settings).unwrap();
    assert_eq!(
        serde_json::from_value::<ProxySettings>(value).unwrap(),
        settings
    );

    for wrong in ["h.example", "203.0.113.5:80", "0.0.0.0", "''"] {
        let found = problems(&format!("url: 'http://h:1', egress: {wrong}"));
        assert_eq!(
            found,
            [(".egress".to_owned(), "expected an IP address".to_owned())]
        );
    }
    // A proxy before another one has none.
    let hop = problems("url: 'http://h:1', via: [{url: 'http://a:1', egress: 203.0.113.5}]");
    assert!(hop[0].1.starts_with("unknown key"), "{hop:?}");
}
