use std::ffi::OsString;

use proxy_config::{ProxySettings, Sources};

use crate::support::{defaults, env, messages, named, of_exchange, proxy};

#[test]
fn variables_alone_configure_everything() {
    let settings = env(&[
        ("_ENABLED", "true"),
        ("_STRICT", "on"),
        ("_DEFAULT__HTTP__URL", "socks5://proxy.example.com:1080"),
        ("_DEFAULT__HTTP__TIMEOUT_SECONDS", "15"),
        (
            "_EXCHANGES__BINANCE__WEBSOCKET__URL",
            "http://binance-proxy:8080",
        ),
        (
            "_EXCHANGES__BINANCE_FUTURES__HTTP__URL",
            "http://futures-proxy:8080",
        ),
    ])
    .unwrap();
    assert!(settings.is_enabled() && settings.is_strict());
    let http = proxy("socks5://proxy.example.com:1080")
        .with_timeout_seconds(15)
        .unwrap();
    assert_eq!(settings.default_proxies().http(), Some(&http.into()));
    assert_eq!(
        of_exchange(&settings, "binance"),
        ["-", "http://binance-proxy:8080"]
    );
    assert_eq!(
        of_exchange(&settings, "binance_futures"),
        ["http://futures-proxy:8080", "-"]
    );
}

#[test]
fn no_variables_leave_the_system_disabled() {
    let nothing = Sources::new().with_env([("PATH", "/bin")]).load().unwrap();
    assert_eq!(nothing.settings(), &ProxySettings::default());
}

#[test]
fn booleans_have_eight_spellings_in_any_case() {
    let settings = |strict| env(&[("_DEFAULT", "direct"), ("_STRICT", strict)]);
    for (spelling, expected) in [
        ("true", true),
        ("TRUE", true),
        ("1", true),
        ("yes", true),
        ("On", true),
        ("false", false),
        ("0", false),
        ("No", false),
        ("off", false),
    ] {
        assert_eq!(settings(spelling).unwrap().is_strict(), expected);
    }
    for wrong in ["", " true", "2", "enabled"] {
        assert_eq!(
            messages(settings(wrong)),
            ["proxy.strict (from CRYPTOFEED_PROXY_STRICT): \
                 expected true or false, yes or no, on or off, 1 or 0"]
        );
    }
}

#[test]
fn names_are_read_in_any_case() {
    let sources = Sources::new().with_env([
        ("cryptofeed_proxy_enabled", "true"),
        ("CryptoFeed_Proxy_Default__Http__Url", "http://h:1"),
    ]);
    let settings = sources.load().unwrap().into_settings();
    assert!(settings.is_enabled());
    assert_eq!(defaults(&settings), ["http://h:1", "-"]);
}

#[test]
fn two_variables_for_the_same_value_are_refused() {
    let twice = Sources::new().with_env([
        ("CRYPTOFEED_PROXY_ENABLED", "true"),
        ("cryptofeed_proxy_enabled", "false"),
    ]);
    assert_eq!(
        messages(twice.load()),
        ["proxy.enabled (from cryptofeed_proxy_enabled): \
             CRYPTOFEED_PROXY_ENABLED is set as well and means the same"]
    );
    let aliases = env(&[
        ("_EXCHANGES__OKX__WS__URL", "http://a:1"),
        ("_EXCHANGES__OKX__WEBSOCKET__URL", "http://b:1"),
    ]);
    assert_eq!(
        messages(aliases),
        [
            "proxy.exchanges.okx.websocket.url (from CRYPTOFEED_PROXY_EXCHANGES__OKX__WS__URL): \
             CRYPTOFEED_PROXY_EXCHANGES__OKX__WEBSOCKET__URL is set as well and means the same"
        ]
    );
}

#[test]
fn a_string_stands_for_a_slot_a_block_or_the_whole_section() {
    assert_eq!(
        defaults(&env(&[("_DEFAULT__REST", "http://h:1")]).unwrap()),
        ["http://h:1", "-"]
    );
    assert_eq!(
        defaults(&env(&[("_DEFAULT", "http://h:1")]).unwrap()),
        ["http://h:1"; 2]
    );
    let exchange = env(&[("_EXCHANGES__OKX", "direct")]).unwrap();
    assert_eq!(of_exchange(&exchange, "okx"), ["direct"; 2]);
    let whole = env(&[("", "http://h:1")]).unwrap();
    assert!(whole.is_enabled());
    assert_eq!(defaults(&whole), ["http://h:1"; 2]);
}

#[test]
fn a_longer_name_is_more_specific_than_a_shorter_one() {
    let settings = env(&[
        ("", "http://all:1"),
        ("_ENABLED", "off"),
        ("_DEFAULT__WS__URL", "http://ws:2"),
        (
            "_EXCHANGES",
            r#"{"okx": "direct", "binance": {"http": "http://json:3"}}"#,
        ),
        ("_EXCHANGES__BINANCE__HTTP__TIMEOUT_SECONDS", "3"),
    ])
    .unwrap();
    assert!(!settings.is_enabled());
    assert_eq!(defaults(&settings), ["http://all:1", "http://ws:2"]);
    assert_eq!(of_exchange(&settings, "okx"), ["direct"; 2]);
    assert_eq!(of_exchange(&settings, "binance"), ["http://json:3", "-"]);
}

#[test]
fn a_value_may_be_json_whose_scalars_keep_their_text() {
    let settings = env(&[(
        "_DEFAULT",
        r#"{"http": {"url": "socks5://u:0123@h:1", "timeout_seconds": 45}}"#,
    )])
    .unwrap();
    let expected = proxy("socks5://u:0123@h:1")
        .with_timeout_seconds(45)
        .unwrap();
    assert_eq!(settings.default_proxies().http(), Some(&expected.into()));
}

#[test]
fn malformed_json_is_refused_without_being_shown() {
    for json in [
        r#"{"http": "http://u:s3cret@h:1""#,
        "[s3cret",
        "{s3cret}}",
        "{\"s3cret\": @x}",
    ] {
        let messages = messages(env(&[("_DEFAULT", json)]));
        assert_eq!(messages.len(), 1);
        let start = "proxy.default (from CRYPTOFEED_PROXY_DEFAULT): ";
        assert!(messages[0].starts_with(start), "{messages:?}");
        assert!(!messages[0].contains("s3cret"), "{messages:?}");
    }
}

#[test]
fn an_unknown_variable_is_refused_with_the_name_it_was_probably_meant_to_have() {
    for (wrong, meant) in [
        ("_DEFAULT_HTTP_URL", "DEFAULT__HTTP__URL"),
        (
            "_DEFAULT_WEBSOCKET_TIMEOUT_SECONDS",
            "DEFAULT__WEBSOCKET__TIMEOUT_SECONDS",
        ),
        ("_EXCHANGES_BINANCE_HTTP_URL", "EXCHANGES__<ID>__HTTP__URL"),
        ("_ENABLE", "ENABLED"),
        ("__ENABLED", "ENABLED"),
        ("_STRCIT", "STRICT"),
    ] {
        let messages = messages(env(&[(wrong, "http://u:s3cret@h:1")]));
        let end = format!("unknown variable; did you mean CRYPTOFEED_PROXY_{meant}?");
        assert!(messages[0].ends_with(&end), "{messages:?}");
        assert!(messages[0].contains(&format!("(from CRYPTOFEED_PROXY{wrong})")));
    }
    assert_eq!(
        messages(env(&[("_XQ", "1")])),
        ["proxy.xq (from CRYPTOFEED_PROXY_XQ): unknown variable; \
             what follows CRYPTOFEED_PROXY_ must begin with one of ENABLED, STRICT, DEFAULT, \
             EXCHANGES, FROM_ENV, EGRESS_URL"]
    );
}

#[test]
fn an_unknown_nested_key_is_refused() {
    assert_eq!(
        messages(env(&[("_DEFAULT__HTTP__ULR", "http://u:s3cret@h:1")])),
        [
            "proxy.default.http.? (from CRYPTOFEED_PROXY_DEFAULT__HTTP__ULR): \
             unknown key; did you mean `url`? (known keys: url, timeout_seconds, \
             username, password, password_file, headers, headers_file, tls, handshake, quick_ack, bind, egress, via, pool, direct)"
        ]
    );
}

#[test]
fn a_timeout_that_is_no_whole_number_or_has_no_url_is_refused() {
    let url = ("_DEFAULT__HTTP__URL", "http://h:1");
    for wrong in ["45.5", "0", "301", "-1", "+5", "", "1e2"] {
        assert_eq!(
            messages(env(&[url, ("_DEFAULT__HTTP__TIMEOUT_SECONDS", wrong)])),
            ["proxy.default.http.timeout_seconds \
                 (from CRYPTOFEED_PROXY_DEFAULT__HTTP__TIMEOUT_SECONDS): \
                 expected a whole number from 1 to 300"]
        );
    }
    assert_eq!(
        messages(env(&[("_DEFAULT__HTTP__TIMEOUT_SECONDS", "5")])),
        [
            "proxy.default.http (from CRYPTOFEED_PROXY_DEFAULT__HTTP__TIMEOUT_SECONDS): \
             `url` is missing"
        ]
    );
}

#[test]
fn variables_without_our_prefix_are_left_alone() {
    let sources = Sources::new().with_env([
        ("HTTP_PROXY", "http://ambient:1"),
        ("ALL_PROXY", "socks5://ambient:1"),
        ("CRYPTOFEED", "nonsense"),
        ("MY_CRYPTOFEED_PROXY", "nonsense"),
        ("PATH", "/bin"),
    ]);
    let document = sources.merge();
    assert!(document.ignored_variables().is_empty());
    assert_eq!(
        document.into_loaded().unwrap().into_settings(),
        ProxySettings::default()
    );
}

#[test]
fn a_name_that_is_ours_but_for_a_sign_is_an_error_and_what_may_be_a_value_is_not_shown() {
    for (name, shown) in [
        ("CRYPTOFEEDS_PROXY", "CRYPTOFEEDS_PROXY"),
        ("CRYPTOFEED-PROXY", "CRYPTOFEED-PROXY"),
        ("CRYPTO_FEED_PROXY", "CRYPTO_FEED_PROXY"),
        ("\u{FEFF}CRYPTOFEED_PROXY", "…"),
        (" CRYPTOFEED_PROXY", "…"),
        ("CRYPTOFEED_PROXY\u{FFFD}", "CRYPTOFEED_PROXY…"),
        (
            "CRYPTOFEED_PROXY:socks5h://alice:s3cret",
            "CRYPTOFEED_PROXY…",
        ),
        (
            "CRYPTOFEED_PROXY_DEFAULT__HTTP:http://alice:s3cret",
            "CRYPTOFEED_PROXY_DEFAULT__HTTP…",
        ),
        (
            "CRYPTOFEED_TEST_PROXY:http://alice:s3cret",
            "CRYPTOFEED_TEST_PROXY…",
        ),
    ] {
        let messages = messages(Sources::new().with_env([(name, "=@h:1")]).load());
        assert_eq!(messages.len(), 1, "{messages:?}");
        let start = format!("{shown}: unknown variable; ");
        assert!(messages[0].starts_with(&start), "{messages:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_value_that_is_not_utf8_is_refused_if_it_is_ours() {
    use std::os::unix::ffi::OsStringExt;

    let garbage = || OsString::from_vec(b"s3cret\xFF".to_vec());
    let sources = Sources::new().with_env([
        (OsString::from("CRYPTOFEED_PROXY_DEFAULT"), garbage()),
        (OsString::from("OTHER"), garbage()),
        (garbage(), garbage()),
    ]);
    assert_eq!(
        messages(sources.load()),
        ["proxy.default (from CRYPTOFEED_PROXY_DEFAULT): the value is not valid UTF-8"]
    );
}

#[test]
fn the_process_environment_is_a_source() {
    // Whatever the process has set, cargo's own variables do no harm.
    assert!(Sources::new().with_process_env().load().is_ok());
}

#[test]
fn sources_print_no_values() {
    let sources = Sources::new()
        .with_text("test.yaml", "proxy: 'http://u:s3cret@h:1'")
        .with_env(named(&[("_DEFAULT", "http://u:s3cret@h:1")]));
    let debug = format!("{sources:?}");
    assert!(
        debug.contains("CRYPTOFEED_PROXY_DEFAULT") && debug.contains("test.yaml"),
        "{debug}"
    );
    let loaded = format!("{:?}", sources.load().unwrap());
    for text in [debug, loaded] {
        assert!(!text.contains("s3cret"), "{text}");
    }
}
