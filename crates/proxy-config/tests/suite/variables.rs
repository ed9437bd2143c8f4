//! Variables with our prefix that set nothing here.

use proxy_config::{Document, ProxySettings, Sources};

use crate::support::messages;

/// What a program has that reads the section `feeds` and two variables of its own.
fn merge(variables: &[(&str, &str)]) -> Document {
    let sources = Sources::new()
        .with_section("feeds")
        .with_variable("CRYPTOFEED_CONFIG")
        .with_variable("CRYPTOFEED_LOG");
    sources.with_env(variables.iter().copied()).merge()
}

/// The variables of a Service, by what its name is in variables.
fn service(name: &str) -> Vec<(String, String)> {
    [
        ("_SERVICE_HOST", "10.96.12.7"),
        ("_SERVICE_PORT", "1080"),
        ("_SERVICE_PORT_SOCKS_TLS", "1080"),
        ("_PORT", "tcp://10.96.12.7:1080"),
        ("_PORT_1080_TCP", "tcp://10.96.12.7:1080"),
        ("_PORT_1080_TCP_PROTO", "tcp"),
        ("_PORT_1080_TCP_PORT", "1080"),
        ("_PORT_1080_TCP_ADDR", "10.96.12.7"),
        ("_PORT_53_UDP", "udp://[fd00::7]:53"),
        ("_PORT_53_UDP_PROTO", "udp"),
        ("_PORT_9_SCTP_ADDR", "fd00::7"),
    ]
    .map(|(rest, value)| (format!("{name}{rest}"), value.to_owned()))
    .into()
}

fn borrowed(variables: &[(String, String)]) -> Vec<(&str, &str)> {
    let variables = variables.iter();
    variables
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

#[test]
fn a_misspelt_variable_is_an_error_with_the_nearest_name() {
    for (name, nearest) in [
        ("CRYPTOFEED_PORXY", "CRYPTOFEED_PROXY"),
        ("CRYPTOFEED_PROXIES", "CRYPTOFEED_PROXY"),
        ("CRYPTOFEED_PROXYDEFAULT", "CRYPTOFEED_PROXY_DEFAULT"),
        ("CRYPTOFEED_CONFG", "CRYPTOFEED_CONFIG"),
        ("cryptofeed_config", "CRYPTOFEED_CONFIG"),
        ("CRYPTOFEED_LOGS", "CRYPTOFEED_LOG"),
        (
            "CRYPTOFEED_FEED_BINANCE__SYMBOLS",
            "CRYPTOFEED_FEEDS_BINANCE__SYMBOLS",
        ),
        (
            "CRYPTOFEED_PROXIES_EXCHANGES__OKX__HTTP__URL",
            "CRYPTOFEED_PROXY_EXCHANGES__OKX__HTTP__URL",
        ),
        (
            "CRYPTOFEED_DEFAULT__HTTP__URL",
            "CRYPTOFEED_PROXY_DEFAULT__HTTP__URL",
        ),
    ] {
        let loaded = merge(&[(name, "http://u:s3cret@h:1")]).into_loaded();
        assert_eq!(
            messages(loaded),
            [format!("{name}: unknown variable; did you mean {nearest}?")]
        );
    }
    assert_eq!(
        messages(merge(&[("CRYPTOFEED_XQ", "")]).into_loaded()),
        [
            "CRYPTOFEED_XQ: unknown variable; what follows CRYPTOFEED_ must be or begin with one of \
          PROXY, FEEDS, CONFIG, LOG"
        ]
    );
}

#[test]
fn a_variable_of_a_section_that_nobody_added_is_an_error() {
    let variable = [("CRYPTOFEED_FEEDS_BINANCE__SYMBOLS", "BTC-USDT")];
    let messages = messages(Sources::new().with_env(variable).load());
    assert!(messages[0].contains("unknown variable"), "{messages:?}");
}

#[test]
fn variables_that_a_program_reads_by_itself_are_its_own() {
    let document = merge(&[("CRYPTOFEED_CONFIG", "x"), ("CRYPTOFEED_LOG", "")]);
    assert!(document.ignored_variables().is_empty());
    assert!(document.into_loaded().is_ok());
}

#[test]
fn the_variables_of_a_kubernetes_service_are_ignored_and_named() {
    for name in [
        "CRYPTOFEED",
        "CRYPTOFEED_PROXY",
        "CRYPTOFEED_FEEDS",
        "CRYPTOFEED_PROXY_EU_1",
        "CRYPTOFEED_METRICS",
    ] {
        let variables = service(name);
        let document = merge(&borrowed(&variables));
        let mut names: Vec<_> = variables.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(document.ignored_variables(), names);
        let settings = document.into_loaded().unwrap().into_settings();
        assert_eq!(settings, ProxySettings::default(), "{name}");
    }
}

#[test]
fn the_pattern_counts_as_a_whole_only() {
    let all = service("CRYPTOFEED_PROXY");
    // Without its address or its port, or with others than Kubernetes writes, it is no Service.
    for (missing, instead) in [
        ("_SERVICE_HOST", None),
        ("_SERVICE_PORT", None),
        ("_SERVICE_HOST", Some("proxy.example")),
        ("_SERVICE_PORT", Some("many")),
    ] {
        let mut variables = all.clone();
        variables.retain(|(name, _)| *name != format!("CRYPTOFEED_PROXY{missing}"));
        let replaced =
            instead.map(|value| (format!("CRYPTOFEED_PROXY{missing}"), value.to_owned()));
        variables.extend(replaced);
        let document = merge(&borrowed(&variables));
        assert!(document.ignored_variables().is_empty());
        assert_eq!(
            messages(document.into_loaded()).len(),
            variables.len(),
            "{missing}"
        );
    }
}

#[test]
fn typos_beside_a_service_stay_errors() {
    for (name, value) in [
        ("CRYPTOFEED_PROXY_DEFALT", "http://h:1"),
        ("CRYPTOFEED_PROXY_PORT_1080", "1080"),
        (
            "CRYPTOFEED_PROXY_PORT_1080_TCP_URL",
            "tcp://10.96.12.7:1080",
        ),
        ("CRYPTOFEED_PROXY_PORT_1080_TCP_ADDR_X", "10.96.12.7"),
        ("CRYPTOFEED_PROXY_PORTS", "1080"),
        ("CRYPTOFEED_PROXY_SERVICE_PORT_2", "http://h:1"),
        ("CRYPTOFEED_PROXY_PORT_81_TCP", "http://h:1"),
        ("CRYPTOFEED_PORXY_PORT", "tcp://10.96.12.7:1080"),
        ("cryptofeed_proxy_port", "tcp://10.96.12.7:1080"),
    ] {
        let service = service("CRYPTOFEED_PROXY");
        let variables = [&borrowed(&service)[..], &[(name, value)]].concat();
        let messages = messages(merge(&variables).into_loaded());
        assert_eq!(messages.len(), 1, "{messages:?}");
        assert!(messages[0].contains(name), "{messages:?}");
        assert!(messages[0].contains("unknown variable"), "{messages:?}");
    }
}

#[test]
fn a_service_leaves_the_settings_of_its_prefix_alone() {
    let service = service("CRYPTOFEED_PROXY");
    let own = ("CRYPTOFEED_PROXY", "socks5h://cryptofeed-proxy:1080");
    let variables = [&borrowed(&service)[..], &[own]].concat();
    let loaded = merge(&variables).into_loaded().unwrap();
    let http = loaded.settings().default_proxies().http();
    assert_eq!(http.unwrap().to_string(), own.1);
}

#[test]
fn variables_of_the_original_are_ignored_if_they_name_no_proxy() {
    let names = [
        "CRYPTOFEED_HTTP_TIMEOUT",
        "CRYPTOFEED_LISTEN_KEY_TIMEOUT",
        "CRYPTOFEED_SYMBOL_FETCH_TIMEOUT",
        "CRYPTOFEED_TEST_BINANCE",
    ];
    let document = merge(&names.map(|name| (name, "30")));
    assert_eq!(document.ignored_variables(), names);
    assert!(document.into_loaded().is_ok());
}

#[test]
fn variables_of_the_original_that_name_a_proxy_are_errors_that_say_what_to_set() {
    for (name, instead) in [
        ("CRYPTOFEED_HTTP_PROXY", "CRYPTOFEED_PROXY_DEFAULT__HTTP"),
        (
            "CRYPTOFEED_CCXT_BINANCE__PROXIES__REST",
            "CRYPTOFEED_PROXY_EXCHANGES__BINANCE__HTTP",
        ),
        (
            "CRYPTOFEED_CCXT_OKX__PROXIES__WEBSOCKET",
            "CRYPTOFEED_PROXY_EXCHANGES__OKX__WEBSOCKET",
        ),
    ] {
        let loaded = merge(&[(name, "http://u:s3cret@h:1")]).into_loaded();
        let expected = format!(
            "{name}: a variable of the Python cryptofeed, without effect here; \
             set {instead} instead"
        );
        assert_eq!(messages(loaded), [expected]);
    }
    let other = merge(&[("CRYPTOFEED_CCXT_BINANCE__APIKEY", "x")]);
    assert!(messages(other.into_loaded())[0].contains("unknown variable"));
}
