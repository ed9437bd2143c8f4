//! `egress_url`, the server that answers with the address of who asks.

use proxy_config::{Origin, ProxySettings, Sources};

use crate::support::messages;

const VARIABLE: &str = "CRYPTOFEED_PROXY_EGRESS_URL";

fn file(section: &str) -> Sources {
    let text = format!("proxy:\n  enabled: true\n  default: direct\n  {section}\n");
    Sources::new().with_text("test.yaml", text)
}

#[test]
fn a_variable_comes_before_a_file_and_each_is_told_as_what_set_it() {
    let loaded = file("egress_url: https://file.example/ip").load().unwrap();
    let url = loaded.settings().egress_url().unwrap();
    assert_eq!(url.reveal(), "https://file.example/ip");
    let origin = loaded.egress_url_set_by().unwrap();
    assert_eq!(origin.to_string(), "test.yaml:4:15");

    let both = file("egress_url: https://file.example/ip");
    let loaded = both.with_env([(VARIABLE, "http://variable.example/")]);
    let loaded = loaded.load().unwrap();
    let url = loaded.settings().egress_url().unwrap();
    assert_eq!(url.reveal(), "http://variable.example/");
    let variable = Origin::Variable(VARIABLE.into());
    assert_eq!(loaded.egress_url_set_by(), Some(&variable));

    let without = file("strict: true").load().unwrap();
    assert_eq!(without.settings().egress_url(), None);
    assert_eq!(without.egress_url_set_by(), None);
}

#[test]
fn what_cannot_be_asked_is_an_error_that_does_not_repeat_it() {
    for (url, problem) in [
        (
            "mirror.QZQZQZ",
            "expected a URL, such as https://server.example/path",
        ),
        (
            "ftp://QZQZQZ/",
            "the URL must begin with https:// or http://",
        ),
        (
            "https://u:QZQZQZ@h/",
            "the URL must not have a login, which would not be sent",
        ),
        (
            "https://h/#QZQZQZ",
            "the URL must not have a fragment; write # as %23",
        ),
    ] {
        let told = messages(file(&format!("egress_url: '{url}'")).load());
        let expected = format!("proxy.egress_url (from test.yaml:4:15): {problem}");
        assert_eq!(told, [expected]);
    }
}

#[test]
fn nothing_shows_the_path_of_the_url() {
    let url = "https://mirror.example:8443/QZQZQZ?key=QZQZQZ";
    let loaded = file(&format!("egress_url: '{url}'")).load().unwrap();
    let settings: &ProxySettings = loaded.settings();
    let json = serde_json::to_string(settings).unwrap();
    assert!(json.contains("https://mirror.example:8443/***"), "{json}");
    let shown = format!("{loaded:?} {loaded:#?} {settings:?} {json}");
    assert!(!shown.contains("QZQZQZ"), "{shown}");
}
