//! `via`.

use proxy_config::{ConnectionProxies, ProxyConfig, ProxyServer, ProxySettings, Sources};

use crate::support::{enabled, env, messages, named, proxy, yaml};

fn server(url: &str) -> ProxyServer {
    ProxyServer::new(url.parse().unwrap())
}

fn http(settings: &ProxySettings) -> String {
    settings.default_proxies().http().unwrap().to_string()
}

fn rule(via: &str) -> String {
    format!("proxy: {{default: {{http: {{url: 'socks5h://exit:9', via: {via}}}}}}}")
}

#[test]
fn proxies_on_the_way_are_a_url_or_a_list_of_urls_and_tables() {
    let exit = proxy("socks5h://exit:9");
    for (via, expected) in [
        (
            "'http://a:1'",
            exit.clone().with_via([server("http://a:1")]).unwrap(),
        ),
        (
            "['https://u:p@a:1', {url: 'socks4://b:2', username: u}]",
            exit.clone()
                .with_via([server("https://u:p@a:1"), server("socks4://u@b:2")])
                .unwrap(),
        ),
        ("[]", exit),
    ] {
        let settings = yaml(&rule(via)).unwrap();
        let http = settings.default_proxies().http().cloned();
        assert_eq!(http, Some(expected.into()), "{via}");
    }
}

#[test]
fn variables_have_them_as_a_url_as_json_or_by_place() {
    let exit = ("_DEFAULT__HTTP__URL", "socks5h://exit:9");
    for variables in [
        &[
            exit,
            (
                "_DEFAULT__HTTP__VIA",
                r#"["http://u:p@a:1", {"url": "http://b:2"}]"#,
            ),
        ][..],
        &[
            exit,
            ("_DEFAULT__REST__VIA__0", "http://u:p@a:1"),
            ("_DEFAULT__REST__VIA__1__URL", "http://b:2"),
        ],
        &[
            exit,
            ("_DEFAULT__HTTP__VIA__0__URL", "http://a:1"),
            ("_DEFAULT__HTTP__VIA__0__USERNAME", "u"),
            ("_DEFAULT__HTTP__VIA__0__PASSWORD", "p"),
            ("_DEFAULT__HTTP__VIA__1", "http://b:2"),
        ],
    ] {
        let settings = env(variables).unwrap();
        let expected = proxy(exit.1)
            .with_via([server("http://u:p@a:1"), server("http://b:2")])
            .unwrap();
        assert_eq!(settings.default_proxies().http(), Some(&expected.into()));
    }
    let single = env(&[exit, ("_DEFAULT__HTTP__VIA", "http://a:1")]).unwrap();
    assert_eq!(http(&single), "socks5h://exit:9 via http://a:1");
}

#[test]
fn a_list_takes_the_place_of_a_list_and_a_place_that_of_an_item() {
    let load = |variables: &[(&str, &str)]| {
        let file = rule("[{url: 'http://a:1', username: u}, 'http://b:2', 'http://c:3']");
        let sources = enabled()
            .with_text("test.yaml", file)
            .with_env(named(variables));
        http(sources.load().unwrap().settings())
    };
    assert_eq!(
        load(&[("_DEFAULT__HTTP__VIA", r#"["http://x:7"]"#)]),
        "socks5h://exit:9 via http://x:7"
    );
    assert_eq!(load(&[("_DEFAULT__HTTP__VIA", "[]")]), "socks5h://exit:9");
    assert_eq!(
        load(&[
            ("_DEFAULT__HTTP__VIA__0__PASSWORD", "p"),
            ("_DEFAULT__HTTP__VIA__1__URL", "http://x:7"),
            ("_DEFAULT__HTTP__VIA__3", "http://y:8"),
        ]),
        "socks5h://exit:9 via http://y:8 via http://c:3 via http://x:7 via http://***@a:1"
    );
    assert_eq!(load(&[("_DEFAULT__HTTP", "http://x:7")]), "http://x:7");
}

#[test]
fn a_list_with_a_gap_is_refused() {
    let gap = env(&[
        ("_DEFAULT__HTTP__URL", "socks5h://exit:9"),
        ("_DEFAULT__HTTP__VIA__1", "http://b:2"),
    ]);
    assert_eq!(
        messages(gap),
        [
            "proxy.default.http.via (from CRYPTOFEED_PROXY_DEFAULT__HTTP__VIA__1): \
             list indices start at 0 and have no gaps"
        ]
    );
    for key in ["00", "+1", "x", "-1"] {
        let name = format!("_DEFAULT__HTTP__VIA__{key}");
        let messages = messages(env(&[
            ("_DEFAULT__HTTP__URL", "socks5h://exit:9"),
            (&name, "http://b:2"),
        ]));
        let problem = match key {
            // It cannot be a part of a name.
            "+1" => "have letters, digits and _ - . only",
            _ => "expected a list, found a table",
        };
        assert!(messages[0].ends_with(problem), "{messages:?}");
    }
}

#[test]
fn every_proxy_on_the_way_is_checked() {
    let via = "[ftp://u:s3cret@a:1, {username: s3cret}, {url: 'http://b:2', timeout_seconds: 3}, \
               direct, ~, [], {url: 'http://c:3', password: s3cret}]";
    let messages = messages(yaml(&rule(via)));
    let expected = [
        ("via[2].timeout_seconds", "unknown key"),
        ("via[0].url", "Unsupported proxy scheme: ftp"),
        ("via[1]", "`url` is missing"),
        ("via[3].url", "Proxy URL must include scheme"),
        ("via[4]", "the key has no value"),
        ("via[5]", "expected a table, found a list"),
        ("via[6].password", "`password` requires `username`"),
    ];
    assert!(!messages.concat().contains("s3cret"), "{messages:?}");
    assert_eq!(messages.len(), expected.len(), "{messages:#?}");
    for (key, problem) in expected {
        let start = format!("proxy.default.http.{key} (from test.yaml:1:");
        let is_it = |m: &String| m.starts_with(&start) && m.contains(problem);
        assert!(messages.iter().any(is_it), "{key}: {messages:#?}");
    }
}

#[test]
fn a_socks4_proxy_is_not_asked_for_an_ipv6_address() {
    let error = |place: u32, column: u32, scheme: &str| {
        format!(
            "proxy.default.http.via[{place}] (from test.yaml:1:{column}): \
             a {scheme} proxy cannot reach the next one, whose address is IPv6"
        )
    };
    let six = "proxy: {default: {http: {url: 'http://[::1]:9', via: 'socks4://a:1'}}}";
    assert_eq!(messages(yaml(six)), [error(0, 54, "socks4")]);
    let six = rule("[{url: 'socks4a://a:1'}, 'http://[::1]:2']");
    assert_eq!(messages(yaml(&six)), [error(0, 63, "socks4a")]);
    for fine in [
        "['socks4://a:1', 'socks5://b:2', 'http://[::1]:3', 'socks4://c:3', 'socks4://1.2.3.4:5']",
        "'socks4://[::1]:1'",
    ] {
        assert!(yaml(&rule(fine)).is_ok(), "{fine}");
    }
}

#[test]
fn a_chain_made_in_code_survives_being_merged() {
    let chain = proxy("socks5h://exit:9")
        .with_via([
            server("http://u:p@a:1"),
            server("https://b:2").with_ca_file("Cargo.toml").unwrap(),
        ])
        .unwrap()
        .with_timeout_seconds(7)
        .unwrap();
    let code = ProxySettings::enabled().with_default(ConnectionProxies::both(chain));
    let loaded = Sources::new().with_code(code.clone()).load().unwrap();
    assert_eq!(loaded.settings(), &code);
    let file = "proxy: {default: {http: {via: 'http://file:1'}, ws: {timeout_seconds: 5}}}";
    let over = Sources::new().with_code(code).with_text("test.yaml", file);
    let over = over.load().unwrap().into_settings();
    assert_eq!(http(&over), "socks5h://exit:9 via http://file:1");
    let websocket = over.default_proxies().websocket().unwrap().to_string();
    assert_eq!(
        websocket,
        "socks5h://exit:9 via https://b:2 via http://***@a:1"
    );
}

#[test]
fn a_chain_is_serialized_and_deserialized() {
    let chain: ProxyConfig = serde_json::from_value(serde_json::json!({
        "url": "socks5h://exit:9",
        "via": ["http://a:1", {"url": "https://b:2", "tls": {"ca_file": "Cargo.toml"}}],
    }))
    .unwrap();
    assert_eq!(
        chain.to_string(),
        "socks5h://exit:9 via https://b:2 via http://a:1"
    );
    let value = serde_json::to_value(&chain).unwrap();
    assert_eq!(serde_json::from_value::<ProxyConfig>(value).unwrap(), chain);
    let server = serde_json::to_value(&chain.via()[1]).unwrap();
    assert_eq!(
        serde_json::from_value::<ProxyServer>(server).unwrap(),
        chain.via()[1]
    );
}
