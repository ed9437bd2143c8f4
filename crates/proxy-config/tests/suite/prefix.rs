//! `Sources::with_prefix`.

use std::collections::BTreeMap;

use proxy_config::{ProxySettings, Sources};

use crate::support::{defaults, messages, of_exchange};

fn mine() -> Sources {
    Sources::new()
        .with_prefix("MYAPP_")
        .with_section("feeds")
        .with_variable("MYAPP_CONFIG")
}

fn errors(variables: &[(&str, &str)]) -> Vec<String> {
    messages(mine().with_env(variables.iter().copied()).load())
}

#[test]
fn variables_with_the_prefix_are_read_and_those_of_others_are_not() {
    let variables = [
        ("MYAPP_CONFIG", "x"),
        ("MYAPP_PROXY_ENABLED", "true"),
        ("myapp_proxy_default__http__url", "http://mine:1"),
        ("MYAPP_PROXY_EXCHANGES__OKX", "direct"),
        ("CRYPTOFEED_PROXY_DEFAULT__WS", "http://theirs:2"),
        ("CRYPTOFEED_PORXY", "http://theirs:2"),
        ("PATH", "/bin"),
    ];
    let whatever_the_order = [
        mine().with_env(variables),
        Sources::new().with_env(variables).with_prefix("MYAPP_"),
    ];
    for sources in whatever_the_order {
        let loaded = sources.with_variable("MYAPP_CONFIG").load().unwrap();
        assert_eq!(defaults(loaded.settings()), ["http://mine:1", "-"]);
        assert_eq!(of_exchange(loaded.settings(), "okx"), ["direct"; 2]);
    }
    let default = Sources::new().with_prefix("CRYPTOFEED_");
    let default = default.with_env([("CRYPTOFEED_PROXY", "http://h:1")]);
    assert!(default.load().unwrap().settings().is_enabled());
}

#[test]
fn the_last_prefix_counts() {
    let sources = Sources::new().with_prefix("wrong").with_prefix("MY_2_APP_");
    let sources = sources.with_env([("MY_2_APP_PROXY", "http://h:1")]);
    assert!(sources.load().unwrap().settings().is_enabled());
}

#[test]
fn anything_that_is_no_prefix_is_an_error_even_if_there_are_no_variables() {
    for wrong in [
        "", "_", "MYAPP", "myapp_", "MyApp_", "MY-APP_", "MY APP_", "2_", "_MYAPP_", "MYÄPP_",
        " MYAPP_", "MYAPP_\n",
    ] {
        let sources = Sources::new().with_prefix(wrong);
        assert_eq!(
            messages(sources.load()),
            [
                "code: the prefix of environment variables must be upper-case letters, digits and \
                 underscores, begin with a letter and end with an underscore, such as MYAPP_"
            ],
            "{wrong:?}"
        );
    }
    let wrong = Sources::new()
        .with_prefix("myapp_")
        .with_env([("myapp_proxy", "http://u:s3cret@h:1")]);
    assert_eq!(messages(wrong.load()).len(), 1);
}

#[test]
fn the_variables_of_all_programs_are_never_those_of_one() {
    for wrong in ["HTTP_", "HTTPS_", "ALL_", "NO_"] {
        let variables = [("HTTP_PROXY", "http://h:1"), ("HTTPS_PROXY", "http://h:1")];
        let messages = messages(Sources::new().with_prefix(wrong).with_env(variables).load());
        assert_eq!(messages.len(), 1, "{messages:?}");
        assert!(
            messages[0].contains("must not make HTTPS_PROXY"),
            "{messages:?}"
        );
    }
}

#[test]
fn errors_name_the_prefix_in_use() {
    for (name, problem) in [
        ("MYAPP_PORXY", "did you mean MYAPP_PROXY?"),
        ("MYAPP_CONFG", "did you mean MYAPP_CONFIG?"),
        (
            "MYAPP_FEED_OKX__SYMBOLS",
            "did you mean MYAPP_FEEDS_OKX__SYMBOLS?",
        ),
        (
            "MYAPP_XQ",
            "what follows MYAPP_ must be or begin with one of PROXY, FEEDS, CONFIG",
        ),
        (
            "MY_APP-PROXY",
            "the names of ours begin with MYAPP_ and have letters, digits and _ - . only",
        ),
        ("MYAPP-PROXY", "the names of ours begin with MYAPP_"),
    ] {
        let messages = errors(&[(name, "http://u:s3cret@h:1")]);
        assert_eq!(messages.len(), 1, "{messages:?}");
        let start = format!("{name}: unknown variable; {problem}");
        assert!(messages[0].starts_with(&start), "{messages:?}");
    }
    for (name, problem) in [
        ("MYAPP_PROXY_ENABLE", "did you mean MYAPP_PROXY_ENABLED?"),
        (
            "MYAPP_PROXY_XQ",
            "what follows MYAPP_PROXY_ must begin with one of ENABLED",
        ),
    ] {
        let messages = errors(&[(name, "1")]);
        assert!(messages[0].contains(problem), "{messages:?}");
    }
    assert!(errors(&[("\u{FEFF}MYAPP_PROXY", "x")])[0].starts_with("…: unknown variable"));
}

#[test]
fn a_prefix_may_be_the_beginning_of_other_words() {
    let sources = Sources::new().with_prefix("MY_");
    let variables = [
        ("MYSQL_HOST", "x"),
        ("MYSQL_PROXY", "x"),
        ("MY", "x"),
        ("MY_", "x"),
    ];
    let loaded = sources.with_env(variables).load().unwrap();
    assert_eq!(loaded.into_settings(), ProxySettings::default());
}

#[test]
fn a_kubernetes_service_is_passed_over_with_any_prefix() {
    let service = [
        ("MYAPP_PROXY_SERVICE_HOST", "10.96.12.7"),
        ("MYAPP_PROXY_SERVICE_PORT", "1080"),
        ("MYAPP_PROXY_PORT", "tcp://10.96.12.7:1080"),
    ];
    // Those of other Services are nobody's business.
    let others = [
        ("REDIS_SERVICE_HOST", "10.96.0.1"),
        ("REDIS_SERVICE_PORT", "1"),
    ];
    let document = mine().with_env(service).with_env(others).merge();
    let mut names = service.map(|(name, _)| name);
    names.sort_unstable();
    assert_eq!(document.ignored_variables(), names);
    assert!(document.into_loaded().is_ok());
}

#[test]
fn the_original_has_its_own_prefix_and_no_other() {
    assert!(errors(&[("MYAPP_HTTP_TIMEOUT", "30")])[0].contains("unknown variable"));
    assert!(errors(&[("MYAPP_TEST_X", "30")])[0].contains("unknown variable"));
    assert_eq!(
        errors(&[("MYAPP_HTTP_PROXY", "http://u:s3cret@h:1")]),
        ["MYAPP_HTTP_PROXY: unknown variable; set MYAPP_PROXY_DEFAULT__HTTP instead"]
    );
}

#[test]
fn sources_show_no_variables_of_others() {
    let sources = mine().with_env([("MYAPP_PROXY", "x"), ("TOKEN", "x")]);
    let debug = format!("{sources:?}");
    assert!(
        debug.contains("MYAPP_PROXY") && !debug.contains("TOKEN"),
        "{debug}"
    );
}

#[test]
fn a_variable_belongs_to_the_section_with_the_longest_name_it_begins_with() {
    let file = "{store: {keep: 1}, store_archive: {keep: 1}, proxy_list: {keep: 1}}";
    for sections in [
        ["store", "store_archive", "proxy_list"],
        ["proxy_list", "store_archive", "store"],
    ] {
        let sources = sections
            .into_iter()
            .fold(Sources::new().with_prefix("MYAPP_"), Sources::with_section)
            .with_text("test.yaml", file)
            .with_env([
                ("MYAPP_STORE_KEEP", "2"),
                ("MYAPP_STORE_ARCHIVE_KEEP", "3"),
                ("MYAPP_PROXY_LIST_KEEP", "4"),
            ]);
        let document = sources.merge();
        let keep = |section| {
            document
                .section::<BTreeMap<String, u8>>(section)
                .map(|section| section["keep"])
        };
        let kept = ["store", "store_archive", "proxy_list"].map(keep);
        document.into_loaded().unwrap();
        assert_eq!(kept, [Some(2), Some(3), Some(4)]);
    }
}
