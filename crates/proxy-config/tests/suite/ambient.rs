//! `from_env`, and what the environment has for all programs.

use proxy_config::{
    AmbientProxies, ConfigErrors, Destination, Host, ProxyRule, ProxySettings, Sources, Transport,
};

use crate::support::{defaults, enabled, id, messages, proxy, shown, yaml};

fn load(from_env: &str, variables: &[(&str, &str)]) -> Result<ProxySettings, ConfigErrors> {
    let file = format!("proxy: {{enabled: true, from_env: {from_env}}}");
    let sources = Sources::new()
        .with_text("test.yaml", file)
        .with_env(variables.iter().copied());
    Ok(sources.load()?.into_settings())
}

/// The rule of variables for the destination of a URL.
fn rule(variables: &[(&str, &str)], url: &str) -> String {
    let ambient = AmbientProxies::from_variables(variables.iter().copied()).unwrap();
    let (scheme, authority) = url.split_once("://").unwrap();
    let (host, port) = authority.rsplit_once(':').unwrap();
    let (host, port) = (Host::parse(host).unwrap(), port.parse().unwrap());
    let destination = match scheme {
        "https" | "wss" => Destination::tls(&host, port),
        _ => Destination::plain(&host, port),
    };
    let rule = ambient.rule(Some(&destination));
    rule.map_or("-".to_owned(), ToString::to_string)
}

#[test]
fn variables_count_only_where_they_are_asked_for() {
    let variables = [("HTTPS_PROXY", "http://h:1")];
    let ambient = load("yes", &variables).unwrap().ambient().cloned().unwrap();
    assert_eq!(ambient.rule(None), Some(&proxy("http://h:1").into()));
    assert_eq!(ambient.variable(None), Some("HTTPS_PROXY"));
    let asked_by_variable = enabled()
        .with_env([("CRYPTOFEED_PROXY_FROM_ENV", "true")])
        .with_env(variables)
        .load()
        .unwrap();
    assert_eq!(asked_by_variable.settings().ambient(), Some(&ambient));
    for not_asked in ["enabled: false, from_env: no", "enabled: false"] {
        let sources = Sources::new()
            .with_text("test.yaml", format!("proxy: {{{not_asked}}}"))
            .with_env([("HTTPS_PROXY", "nonsense:")]);
        assert_eq!(sources.load().unwrap().settings().ambient(), None);
    }
}

#[test]
fn each_scheme_has_its_variable_and_all_proxy_is_for_the_rest() {
    let all = [
        ("HTTPS_PROXY", "http://s:1"),
        ("HTTP_PROXY", "http://p:2"),
        ("ALL_PROXY", "socks5h://a:3"),
    ];
    assert_eq!(rule(&all, "https://x:443"), "http://s:1");
    assert_eq!(rule(&all, "wss://x:443"), "http://s:1");
    assert_eq!(rule(&all, "http://x:80"), "http://p:2");
    assert_eq!(rule(&all, "ws://x:80"), "http://p:2");
    assert_eq!(rule(&all[1..], "wss://x:443"), "socks5h://a:3");
    assert_eq!(rule(&all[..1], "http://x:80"), "-");
    assert_eq!(rule(&[], "https://x:443"), "-");
}

#[test]
fn a_variable_that_no_destination_takes_may_be_unusable() {
    let both = [("https_proxy", "http://s:1"), ("HTTP_PROXY", "http://p:2")];
    for unused in [
        ("ALL_PROXY", "socks://localhost:1080/"),
        ("all_proxy", "nonsense"),
        ("HTTPS_PROXY", "nonsense"),
    ] {
        let all = [both[0], both[1], unused];
        assert_eq!(rule(&all, "https://x:443"), "http://s:1");
        assert_eq!(rule(&all, "http://x:80"), "http://p:2");
    }
}

#[test]
fn lower_case_comes_first_an_empty_value_is_none_and_the_scheme_may_be_missing() {
    for variables in [
        [
            ("https_proxy", "http://h:1"),
            ("HTTPS_PROXY", "http://no:1"),
        ],
        [("https_proxy", ""), ("HTTPS_PROXY", "h:1")],
        [("HTTPS_PROXY", ""), ("all_proxy", "h:1/")],
        [("all_proxy", "http://h:1"), ("ALL_PROXY", "http://no:1")],
    ] {
        assert_eq!(
            rule(&variables, "https://x:443"),
            "http://h:1",
            "{variables:?}"
        );
    }
    assert_eq!(
        rule(&[("http_proxy", "u:p@h:1")], "ws://x:80"),
        "http://***@h:1"
    );
    assert_eq!(rule(&[("Https_Proxy", "http://h:1")], "https://x:443"), "-");
}

#[test]
fn exempt_destinations_are_reached_directly() {
    let is_exempt = |no_proxy: &str, url: &str| {
        let variables = [("HTTPS_PROXY", "http://h:1"), ("NO_PROXY", no_proxy)];
        match rule(&variables, url).as_str() {
            "direct" => true,
            "http://h:1" => false,
            other => panic!("{other}"),
        }
    };
    for (no_proxy, url) in [
        ("*", "https://x:443"),
        ("example.com", "https://example.com:443"),
        ("example.com", "https://API.Example.Com:443"),
        ("Example.COM.", "https://example.com.:443"),
        (".example.com", "https://example.com:443"),
        (".example.com", "https://a.b.example.com:443"),
        ("*.example.com", "https://a.example.com:443"),
        ("bücher.example", "https://xn--bcher-kva.example:443"),
        ("localhost , example.com ,", "https://example.com:443"),
        ("localhost example.com", "https://example.com:443"),
        ("example.com:8443", "https://example.com:8443"),
        ("192.0.2.1", "https://192.0.2.1:443"),
        ("192.0.2.1:443", "https://192.0.2.1:443"),
        ("192.0.2.0/24", "https://192.0.2.255:443"),
        ("192.0.2.0/23", "https://192.0.3.7:443"),
        ("0.0.0.0/0", "https://203.0.113.9:443"),
        ("2001:db8::1", "https://[2001:db8::1]:443"),
        ("[2001:db8::1]", "https://[2001:db8::1]:443"),
        ("[2001:db8::1]:443", "https://[2001:db8::1]:443"),
        ("2001:db8::/32", "https://[2001:db8:ffff::]:443"),
        ("::/0", "https://[2001:db8::1]:443"),
        (
            "a b, 10.0.0.0/33, ???, example.com",
            "https://example.com:443",
        ),
    ] {
        assert!(is_exempt(no_proxy, url), "{no_proxy} {url}");
    }
    for (no_proxy, url) in [
        ("", "https://example.com:443"),
        ("example.com", "https://badexample.com:443"),
        ("example.com", "https://example.com.evil:443"),
        ("example.com", "https://com:443"),
        ("example.com:8443", "https://example.com:443"),
        ("example.com:x", "https://example.com:443"),
        ("*:8443", "https://example.com:443"),
        ("192.0.2.1", "https://192.0.2.10:443"),
        ("192.0.2.0/24", "https://192.0.3.1:443"),
        ("192.0.2.0/33", "https://192.0.2.1:443"),
        ("0.0.0.0/0", "https://example.com:443"),
        ("0.0.0.0/0", "https://[::1]:443"),
        ("::/0", "https://127.0.0.1:443"),
        ("2001:db8::/32", "https://[2001:db9::]:443"),
        ("[2001:db8::1]:80", "https://[2001:db8::1]:443"),
    ] {
        assert!(!is_exempt(no_proxy, url), "{no_proxy} {url}");
    }
    // There is nothing to be exempt from.
    assert_eq!(rule(&[("NO_PROXY", "*")], "https://x:443"), "-");
}

#[test]
fn without_a_destination_nothing_is_exempt_unless_all_is() {
    let ambient = |variables: &[(&str, &str)]| {
        AmbientProxies::from_variables(variables.iter().copied()).unwrap()
    };
    let some = ambient(&[("HTTP_PROXY", "http://h:1"), ("NO_PROXY", "example.com")]);
    assert_eq!(some.rule(None), Some(&proxy("http://h:1").into()));
    assert_eq!(some.variable(None), Some("HTTP_PROXY"));
    let all = ambient(&[("HTTP_PROXY", "http://h:1"), ("no_proxy", "x, *")]);
    assert_eq!(
        (all.rule(None), all.variable(None)),
        (Some(&ProxyRule::Direct), Some("no_proxy"))
    );
    let none = ambient(&[("NO_PROXY", "*")]);
    assert!(none.is_empty());
    assert_eq!((none.rule(None), none.variable(None)), (None, None));
}

#[test]
fn a_wrong_variable_is_an_error_once() {
    let no_port = "proxy.from_env (from HTTPS_PROXY): \
                   Proxy URL must include port; no scheme has a default";
    assert_eq!(
        messages(load("true", &[("HTTPS_PROXY", "http://u:s3cret@h")])),
        [no_port]
    );
    assert_eq!(
        messages(load("true", &[("ALL_PROXY", "ftp://u:s3cret@h:1")])).len(),
        1
    );
    let two = [("HTTPS_PROXY", "h"), ("HTTP_PROXY", "socks5://:1")];
    assert_eq!(messages(load("true", &two)).len(), 2);
    let error = AmbientProxies::from_variables([("HTTPS_PROXY", "http://u:s3cret@h")]);
    assert_eq!(
        error.unwrap_err().to_string(),
        "HTTPS_PROXY: Proxy URL must include port; no scheme has a default"
    );
}

#[cfg(unix)]
#[test]
fn a_value_that_is_not_utf8_is_an_error() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let error = AmbientProxies::from_variables([("ALL_PROXY", OsStr::from_bytes(b"s3cret\xFF"))]);
    assert_eq!(
        error.unwrap_err().to_string(),
        "ALL_PROXY: the value is not valid UTF-8"
    );
}

#[test]
fn asking_for_what_is_not_set_is_refused() {
    for variables in [&[][..], &[("NO_PROXY", "*")], &[("HTTPS_PROXY", "")]] {
        assert_eq!(
            messages(load("true", variables)),
            [
                "proxy (from test.yaml:1:18): enabled, but no proxy is configured; \
                 none of HTTPS_PROXY, HTTP_PROXY and ALL_PROXY is set for `from_env`"
            ]
        );
    }
}

#[test]
fn code_asks_too_and_is_weaker_than_the_environment() {
    let in_code = AmbientProxies::from_variables([("ALL_PROXY", "http://code:1")]).unwrap();
    let code = ProxySettings::enabled().with_ambient(in_code);
    let sources = Sources::new().with_code(code.clone());
    assert_eq!(sources.clone().load().unwrap().settings(), &code);

    let with_env = sources.clone().with_env([("ALL_PROXY", "http://env:1")]);
    let settings = with_env.load().unwrap().into_settings();
    let rule = settings
        .ambient()
        .and_then(|ambient| ambient.rule(None))
        .cloned();
    assert_eq!(rule, Some(proxy("http://env:1").into()));

    let declined = sources.with_text("test.yaml", "proxy: {from_env: no, default: direct}");
    assert_eq!(declined.load().unwrap().settings().ambient(), None);
}

#[test]
fn who_has_no_environment_cannot_ask_for_it() {
    let error = serde_json::from_str::<ProxySettings>(r#"{"enabled": true, "from_env": true}"#)
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("only `Sources` have an environment")
    );
    assert!(
        serde_json::from_str::<ProxySettings>(r#"{"enabled": false, "from_env": false}"#).is_ok()
    );
    let settings = load("true", &[("HTTPS_PROXY", "http://u:s3cret@h:1")]).unwrap();
    assert_eq!(serde_json::to_value(&settings).unwrap()["from_env"], true);
    assert!(!format!("{settings:?}").contains("s3cret"));
}

#[test]
fn rules_of_the_settings_are_kept_beside_the_environment() {
    let file = "proxy: {enabled: true, from_env: true, default: {http: 'http://file:1'}}";
    let loaded = Sources::new()
        .with_text("test.yaml", file)
        .with_env([("https_proxy", "http://env:2")])
        .load()
        .unwrap();
    assert_eq!(defaults(loaded.settings()), ["http://file:1", "-"]);
    let origin = |transport| {
        let origins = loaded.explain(&id("any"), transport, None).unwrap();
        shown(origins.rule()).unwrap()
    };
    assert_eq!(origin(Transport::Http), "test.yaml:1:56");
    assert_eq!(origin(Transport::WebSocket), "https_proxy");
    let same = yaml("proxy: {enabled: true, default: {http: 'http://file:1'}}").unwrap();
    assert_eq!(loaded.settings().default_proxies(), same.default_proxies());
    assert_ne!(loaded.settings(), &same);
}
