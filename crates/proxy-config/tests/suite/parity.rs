//! What the tests of cryptofeed (Python) ask for and no other module asks in the same words.

use crate::support::{defaults, env, messages, of_exchange, yaml};

#[test]
fn proxies_on_private_and_loopback_addresses_are_legitimate() {
    for host in [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "[::1]",
        "[fe80::1]",
        "8.8.8.8",
        "[2001:4860:4860::8888]",
        "localhost",
        "LOCALHOST",
        "proxy.example.com",
    ] {
        let url = format!("http://u:p@{host}:8080");
        let expected = format!("http://***@{}:8080", host.to_lowercase());
        for settings in [
            env(&[("_DEFAULT", &url)]),
            yaml(&format!("proxy: '{url}'")),
            yaml(&format!(
                "proxy: {{default: {{http: {{url: '{url}'}}, ws: '{url}'}}}}"
            )),
        ] {
            assert_eq!(defaults(&settings.unwrap()), [&*expected; 2], "{url}");
        }
        let settings = yaml(&format!("proxy: {{exchanges: {{okx: '{url}'}}}}")).unwrap();
        assert_eq!(of_exchange(&settings, "okx"), [&*expected; 2], "{url}");
    }
}

#[test]
fn what_is_no_proxy_is_refused_wherever_it_stands() {
    for (url, expected) in [
        ("file:///etc/passwd", "Unsupported proxy scheme: file"),
        ("ftp://h:21", "Unsupported proxy scheme: ftp"),
        ("gopher://h:70", "Unsupported proxy scheme: gopher"),
        ("data:text/plain,x", "Proxy URL must include scheme"),
        ("javascript:alert(1)", "Proxy URL must include scheme"),
        ("not-a-url", "Proxy URL must include scheme"),
        ("http://", "Proxy URL must include hostname"),
        ("http://h", "Proxy URL must include port"),
        ("", "Proxy URL must include scheme"),
    ] {
        for (key, text) in [
            (
                "default.http.url",
                format!("proxy: {{default: {{http: {{url: '{url}'}}}}}}"),
            ),
            (
                "exchanges.okx.websocket.url",
                format!("proxy: {{exchanges: {{okx: {{websocket: '{url}'}}}}}}"),
            ),
        ] {
            let messages = messages(yaml(&text));
            let [message] = &messages[..] else {
                panic!("{text}: {messages:?}");
            };
            assert!(
                message.starts_with(&format!("proxy.{key} (from ")),
                "{message}"
            );
            assert!(message.contains(expected), "{message}");
        }
    }
}
