//! What a configuration may cost. Without its limits, each of these fills the memory, exhausts the
//! stack, or takes minutes.

use std::fmt::Write as _;

use proxy_config::{
    ConfigErrors, PoolConfig, PoolMember, ProxyServer, ProxySettings, ProxyUrl, Sources,
    TooManyHops,
};

use crate::support::{env, messages, proxy, yaml};

const TOO_LARGE: &str = "the configuration is too large: its values would take more than 32 MiB";

/// Levels of aliases, each of ten of the one before; `first` is the beginning.
fn bomb(first: &str, levels: usize) -> String {
    let mut bomb = format!("a0: &a0 {first}\n");
    for n in 1..levels {
        let aliases = vec![format!("*a{}", n - 1); 10].join(",");
        writeln!(bomb, "a{n}: &a{n} [{aliases}]").unwrap();
    }
    bomb
}

#[track_caller]
fn assert_too_large(outcome: Result<ProxySettings, ConfigErrors>) {
    let messages = messages(outcome);
    assert!(messages[0].contains(TOO_LARGE), "{messages:?}");
}

fn file(name: &str, text: &str) -> Result<ProxySettings, ConfigErrors> {
    let sources = Sources::new().with_section("feeds").with_text(name, text);
    Ok(sources.load()?.into_settings())
}

#[test]
fn aliases_are_limited_by_what_they_expand_to() {
    // By the number of values, and by their size.
    assert_too_large(yaml(&bomb("[x,x,x,x,x,x,x,x,x,x]", 9)));
    assert_too_large(yaml(&bomb(&"x".repeat(97 * 1024), 4)));
    // An anchor in an anchor is kept twice.
    let nested = "&a [".repeat(30) + &"x".repeat(2 * 1024 * 1024) + &"]".repeat(30);
    assert_too_large(yaml(&nested));
    assert!(yaml("{proxy: {default: {http: &a 'http://h:1', websocket: *a}}}").is_ok());
}

#[test]
fn all_loaders_and_all_sources_have_one_budget() {
    let items = vec!["a"; 400_000].join(",");
    assert_too_large(file("test.yaml", &format!("feeds: [{items}]")));
    let items = vec!["'a'"; 400_000].join(",");
    assert_too_large(file("test.toml", &format!("feeds.a = [{items}]")));
    let items = vec!["1"; 400_000].join(",");
    assert_too_large(file("test.json", &format!("{{\"feeds\": [{items}]}}")));
    assert_too_large(env(&[("_DEFAULT", &format!("[{items}]"))]));
    let large = "x".repeat(20 * 1024 * 1024);
    assert_too_large(env(&[
        ("_DEFAULT__HTTP", &large),
        ("_DEFAULT__WEBSOCKET", &large),
    ]));
}

#[test]
fn a_long_line_takes_no_longer_than_many_lines() {
    const COUNT: usize = 100_000;
    let items = vec!["'äöü'"; COUNT].join(",");
    let section = |name: &str, text: &str| {
        let sources = Sources::new().with_section("feeds").with_text(name, text);
        sources
            .merge()
            .section::<Vec<String>>("feeds")
            .unwrap()
            .len()
    };
    assert_eq!(section("a.yaml", &format!("feeds: [{items}]")), COUNT);
    assert_eq!(section("a.toml", &format!("feeds = [{items}]")), COUNT);
    let items = items.replace('\'', "\"");
    assert_eq!(
        section("a.json", &format!("{{\"feeds\": [{items}]}}")),
        COUNT
    );

    let logins = (0..20_000).map(|n| format!("{{url: 'http://h{n}:1', username: u, password: p}}"));
    let logins = logins.collect::<Vec<_>>().join(", ");
    let pool = yaml(&format!(
        "proxy: {{default: {{pool: {{proxies: [{logins}]}}}}}}"
    ));
    assert!(pool.is_ok());
}

#[test]
fn many_errors_are_cut_short() {
    let keys = (0..5_000).map(|n| format!("key{n}: 1, blank{n}: , "));
    let keys: String = keys.collect();
    let proxies = (0..5_000).map(|n| format!("'ftp://h{n}:1'"));
    let proxies = proxies.collect::<Vec<_>>().join(", ");
    let exchanges = (0..3_000).map(|n| format!("e{n}: {{url: 'ftp://h:1', a: }}"));
    let exchanges = exchanges.collect::<Vec<_>>().join(", ");
    for text in [
        format!("proxy: {{{keys}}}"),
        format!("proxy: {{default: {{pool: {{proxies: [{proxies}]}}}}}}"),
        format!("proxy: {{exchanges: {{{exchanges}}}}}"),
    ] {
        let messages = messages(yaml(&text));
        assert_eq!(messages.len(), 1001);
        assert_eq!(messages[1000], "there are more errors, which are not shown");
    }
}

#[test]
fn many_variables_are_compared_in_no_time() {
    let proxies = "_DEFAULT__HTTP__POOL__PROXIES";
    let names: Vec<_> = (0..3_000)
        .map(|n| (format!("{proxies}__{n}__URL"), format!("http://h{n}:1")))
        .collect();
    let variables = names
        .iter()
        .map(|(name, url)| (name.as_str(), url.as_str()));
    assert!(env(&variables.collect::<Vec<_>>()).is_ok());
    let unknown: Vec<_> = (0..3_000).map(|n| format!("_UNKNOWN{n}")).collect();
    let variables = unknown.iter().map(|name| (name.as_str(), "1"));
    assert_eq!(messages(env(&variables.collect::<Vec<_>>())).len(), 1001);
}

#[test]
fn the_name_of_a_variable_does_not_nest_without_end() {
    let name = "_DEFAULT".to_owned() + &"__A".repeat(40_000);
    let messages = messages(env(&[(&name, "x")]));
    assert!(messages[0].ends_with(": nested too deeply"));
}

#[test]
fn a_route_has_a_limited_number_of_proxies() {
    let via = |count| vec!["'http://h:1'"; count].join(", ");
    for rule in ["url: 'http://exit:9'", "pool: {proxies: ['http://exit:9']}"] {
        let text = |count| format!("proxy: {{default: {{{rule}, via: [{}]}}}}", via(count));
        assert!(yaml(&text(16)).is_ok());
        let message = &messages(yaml(&text(17)))[0];
        assert!(message.starts_with("proxy.default.via (from test.yaml:1:"));
        assert!(message.ends_with("): `via` has more than 16 proxies"));
    }
    let hops = || vec![ProxyServer::new("http://h:1".parse().unwrap()); 17];
    let error: TooManyHops = proxy("http://exit:9").with_via(hops()).unwrap_err();
    assert_eq!(error.to_string(), "`via` has more than 16 proxies");
    let pool = PoolConfig::new([PoolMember::new(
        "http://exit:9".parse::<ProxyUrl>().unwrap(),
    )])
    .unwrap();
    assert_eq!(
        pool.with_via(hops()).unwrap_err().to_string(),
        error.to_string()
    );
}
