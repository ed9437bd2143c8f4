//! `pool.source`.

use proxy_config::{
    ConfigError, ListRoute, PoolConfig, PoolMember, PoolSource, ProxyRule, ProxyServer, Sources,
    Transport,
};
use serde_json::json;
use testkit::Canary;

use crate::support::{Folder, enabled, env, id, named, yaml};

fn server(url: &str) -> ProxyServer {
    ProxyServer::new(url.parse().unwrap())
}

fn at_url(url: &str, route: ListRoute) -> PoolSource {
    PoolSource::url(url.parse().unwrap(), route)
}

fn rule(source: PoolSource) -> ProxyRule {
    PoolConfig::from_source(source).into()
}

fn text(pool: &str) -> String {
    format!("proxy: {{default: {{http: {{pool: {pool}}}}}}}")
}

fn http(sources: Sources) -> ProxyRule {
    let settings = sources.load().unwrap().into_settings();
    settings.default_proxies().http().unwrap().clone()
}

fn problems(pool: &str) -> Vec<(String, String)> {
    let errors = yaml(&text(pool)).unwrap_err();
    let problem = |error: &ConfigError| {
        let key = error.path().strip_prefix("proxy.default.http.").unwrap();
        (key.to_owned(), error.problem().to_owned())
    };
    errors.iter().map(problem).collect()
}

#[test]
fn a_file_a_url_and_the_program_can_be_the_source() {
    let every = PoolSource::file("proxies.txt")
        .with_interval_seconds(5)
        .unwrap();
    for (written, expected) in [
        ("{file: proxies.txt, interval_seconds: 5}", every),
        (
            "{url: 'https://lists.example/t0ken', proxy: direct}",
            at_url("https://lists.example/t0ken", ListRoute::Direct),
        ),
        (
            "{url: 'http://lists.example/', proxy: 'socks5h://u:p@h:1'}",
            at_url(
                "http://lists.example/",
                ListRoute::Proxy(server("socks5h://u:p@h:1")),
            ),
        ),
        (
            "{url: 'http://lists.example/', proxy: {url: 'http://h:1', username: u, password: p}}",
            at_url(
                "http://lists.example/",
                ListRoute::Proxy(server("http://u:p@h:1")),
            ),
        ),
        ("{program: consul}", PoolSource::program("consul")),
    ] {
        let written = format!("{{source: {written}}}");
        let loaded = http(enabled().with_text("test.yaml", text(&written)));
        assert_eq!(loaded, rule(expected.clone()));
        // Settings in code are a source as well.
        let settings = yaml(&text(&written)).unwrap();
        assert_eq!(http(Sources::new().with_code(settings)), rule(expected));
    }
}

#[test]
fn the_file_of_a_list_starts_from_the_folder_of_the_configuration_and_may_be_missing() {
    let folder = Folder::new();
    let path = folder.write("a.yaml", text("{source: {file: proxies.txt}}"));
    let loaded = http(enabled().with_file(path));
    assert_eq!(loaded, rule(PoolSource::file(folder.path("proxies.txt"))));
}

#[test]
fn variables_set_every_key_of_a_source_and_are_named_as_its_origin() {
    let variables = [
        (
            "_DEFAULT__HTTP__POOL__SOURCE__URL",
            "https://lists.example/x",
        ),
        ("_DEFAULT__HTTP__POOL__SOURCE__PROXY__URL", "http://h:1"),
        ("_DEFAULT__HTTP__POOL__SOURCE__INTERVAL_SECONDS", "60"),
    ];
    let expected = at_url(
        "https://lists.example/x",
        ListRoute::Proxy(server("http://h:1")),
    );
    let expected = expected.with_interval_seconds(60).unwrap();
    let settings = env(&variables).unwrap();
    assert_eq!(
        settings.default_proxies().http(),
        Some(&rule(expected.clone()))
    );
    let loaded = enabled().with_env(named(&variables)).load().unwrap();
    let origins = loaded.explain(&id("binance"), Transport::Http, None);
    let origin = origins.unwrap().of("pool.source.url").unwrap().to_string();
    assert_eq!(origin, "CRYPTOFEED_PROXY_DEFAULT__HTTP__POOL__SOURCE__URL");
}

#[test]
fn a_stronger_source_replaces_the_proxies_or_the_list_of_a_weaker_one() {
    let listed = text("{source: {url: 'https://lists.example/', proxy: direct}}");
    let fixed = text("{strategy: random, proxies: ['http://a:1']}");
    let with = |file: &str, variable: (&str, &str)| {
        let name = format!("_DEFAULT__HTTP__POOL__{}", variable.0);
        http(
            enabled()
                .with_text("test.yaml", file)
                .with_env(named(&[(&name, variable.1)])),
        )
    };
    let pool = |rule: ProxyRule| match rule {
        ProxyRule::Pool(pool) => pool.to_string(),
        _ => panic!("a pool was set"),
    };
    assert_eq!(
        pool(with(&fixed, ("SOURCE__FILE", "p.txt"))),
        "random of the list in p.txt"
    );
    assert_eq!(
        pool(with(&listed, ("PROXIES__0", "http://b:2"))),
        "round_robin of http://b:2"
    );
    assert_eq!(
        pool(with(&listed, ("SOURCE__FILE", "p.txt"))),
        "round_robin of the list in p.txt"
    );
}

#[test]
fn what_does_not_say_one_place_and_the_way_there_is_an_error() {
    let one = |key: &str, problem: &str| vec![(key.to_owned(), problem.to_owned())];
    assert_eq!(
        problems("{source: {file: a}, proxies: ['http://a:1']}"),
        one(
            "pool.proxies",
            "`source` is given as well; only one of them can be"
        )
    );
    assert_eq!(
        problems("{source: {file: a, program: b}}"),
        one(
            "pool.source",
            "only one of `file`, `url` and `program` can be given"
        )
    );
    assert_eq!(
        problems("{source: {interval_seconds: 5}}"),
        one("pool.source", "expected one of `file`, `url` and `program`")
    );
    assert_eq!(
        problems("{source: {url: 'https://h/'}}"),
        one(
            "pool.source",
            "`url` requires `proxy`: the proxy that the list is fetched through, or `direct`"
        )
    );
    assert_eq!(
        problems("{source: {file: a, proxy: direct}}"),
        one("pool.source.proxy", "applies to a list at a `url` only")
    );
    assert_eq!(
        problems("{source: {file: a, interval_seconds: 4}}"),
        one(
            "pool.source.interval_seconds",
            "expected a whole number from 5 to 3600"
        )
    );
    let unknown = problems("{source: {file: a, intervall_seconds: 5}}");
    assert_eq!(
        unknown[0].1,
        "unknown key; did you mean `interval_seconds`? (known keys: file, url, proxy, program, \
         interval_seconds)"
    );
    for (url, problem) in [
        (
            "lists.example",
            "expected a URL, such as https://server.example/path",
        ),
        ("ftp://h/", "the URL must begin with https:// or http://"),
        (
            "https://u:p@h/",
            "the URL must not have a login, which would not be sent",
        ),
        (
            "https://h/#a",
            "the URL must not have a fragment; write # as %23",
        ),
    ] {
        assert_eq!(
            problems(&format!("{{source: {{url: '{url}', proxy: direct}}}}")),
            one("pool.source.url", problem)
        );
    }
}

#[test]
fn nothing_shows_the_token_of_a_list_or_the_login_of_its_proxy() {
    let (token, login) = ("QZQZQZQtoken", "ZQZQZQZlogin");
    let url = format!("https://lists.example:8443/v1/{token}?key={token}");
    let written = format!("{{source: {{url: '{url}', proxy: 'http://u:{login}@h:1'}}}}");
    let settings = yaml(&text(&written)).unwrap();
    let rule = settings.default_proxies().http().unwrap();
    let json = serde_json::to_value(&settings).unwrap();
    let source = json!({
        "url": "https://lists.example:8443/***", "proxy": {"url": "http://***@h:1"},
        "interval_seconds": 30,
    });
    assert_eq!(json["default"]["http"]["pool"]["source"], source);
    let ProxyRule::Pool(pool) = rule else {
        panic!("a pool was set");
    };
    let through = pool.through(&PoolMember::new(server("http://a:1")));
    let shown = format!("{rule} {rule:?} {settings:?} {through:?} {json}");
    for secret in [token, login] {
        assert_eq!(Canary::new(secret).form_in(&shown), None, "{shown}");
    }
}

#[test]
fn a_listed_pool_keeps_its_configuration_and_marks_the_ways_as_listed() {
    let source = PoolSource::file("p.txt");
    let pool = PoolConfig::from_source(source.clone());
    let member = PoolMember::new(server("http://a:1"));
    let listed = pool.clone().with_listed([member.clone()]);
    assert_eq!(listed.members(), std::slice::from_ref(&member));
    assert_eq!(
        listed.through(&member).proxy().unwrap().source(),
        Some(&source)
    );
    // Members of a configuration are not replaced by a list.
    let fixed = PoolConfig::new([member.clone()]).unwrap();
    assert_eq!(fixed.clone().with_listed([]), fixed);
    assert_eq!(fixed.through(&member).proxy().unwrap().source(), None);
}
