//! `tls.ca_file`.

use std::path::Path;

use proxy_config::{
    ConnectionProxies, ProxyConfig, ProxyRule, ProxyServer, ProxySettings, Sources,
};

use crate::support::{Folder, enabled, messages, named};

fn http(settings: &ProxySettings) -> &ProxyConfig {
    match settings.default_proxies().http() {
        Some(ProxyRule::Proxy(proxy)) => proxy,
        other => panic!("{other:?} is no proxy"),
    }
}

#[test]
fn a_ca_file_is_found_from_the_folder_of_the_file_that_names_it() {
    let folder = Folder::new();
    let ca_file = folder.write("etc/tls/ca.pem", "a certificate");
    let file = folder.write(
        "etc/a.yaml",
        "proxy: {default: {http: {url: https://h:1, tls: {ca_file: tls/ca.pem}}}}",
    );
    let loaded = enabled().with_file(file).load().unwrap();
    let server = http(loaded.settings()).server().clone();
    assert_eq!(server.ca_file(), Some(&*ca_file));
    // It was read, and is not needed any longer.
    folder.write("etc/tls/ca.pem", "another one");
    assert_eq!(server.ca_pem(), Some(&b"a certificate"[..]));
    let again = ProxyServer::new(server.url().clone()).with_ca_file(ca_file);
    assert_ne!(again.unwrap(), server, "the authorities are others");
}

#[test]
fn a_ca_file_may_come_from_a_variable_or_from_code() {
    let variables = [
        ("_DEFAULT__HTTP__URL", "https://h:1"),
        ("_DEFAULT__HTTP__TLS__CA_FILE", "Cargo.toml"),
    ];
    let from_env = enabled().with_env(named(&variables)).load().unwrap();
    let server = ProxyServer::new("https://h:1".parse().unwrap())
        .with_ca_file("Cargo.toml")
        .unwrap();
    let code = ProxySettings::enabled()
        .with_default(ConnectionProxies::default().with_http(ProxyConfig::from(server)));
    let from_code = Sources::new().with_code(code.clone()).load().unwrap();
    assert_eq!(from_env.settings(), from_code.settings());
    assert_eq!(from_code.settings(), &code);
    let ca_file = http(from_code.settings()).server().ca_file();
    assert_eq!(ca_file, Some(Path::new("Cargo.toml")));
}

#[test]
fn a_ca_file_that_is_not_there_or_of_no_use_is_refused() {
    for (variables, error) in [
        (
            [
                ("_DEFAULT__HTTP__URL", "https://h:1"),
                ("_DEFAULT__HTTP__TLS__CA_FILE", "src/ca.pem"),
            ],
            "proxy.default.http.tls.ca_file (from CRYPTOFEED_PROXY_DEFAULT__HTTP__TLS__CA_FILE): \
             \"src/ca.pem\" could not be read: No such file or directory (os error 2)",
        ),
        (
            [
                ("_DEFAULT__HTTP__URL", "https://h:1"),
                ("_DEFAULT__HTTP__TLS__CA_FILE", "src"),
            ],
            "proxy.default.http.tls.ca_file (from CRYPTOFEED_PROXY_DEFAULT__HTTP__TLS__CA_FILE): \
             \"src\" could not be read: Is a directory (os error 21)",
        ),
        (
            [
                ("_DEFAULT__HTTP__URL", "socks5://h:1"),
                ("_DEFAULT__HTTP__TLS__CA_FILE", "Cargo.toml"),
            ],
            "proxy.default.http.tls (from CRYPTOFEED_PROXY_DEFAULT__HTTP__TLS__CA_FILE): \
             applies to https proxies only; the scheme of this one is socks5",
        ),
        (
            [
                ("_DEFAULT__HTTP__URL", "https://h:1"),
                ("_DEFAULT__HTTP__TLS__CA_FLIE", "Cargo.toml"),
            ],
            "proxy.default.http.tls.? (from CRYPTOFEED_PROXY_DEFAULT__HTTP__TLS__CA_FLIE): \
             unknown key; did you mean `ca_file`? (known keys: ca_file)",
        ),
    ] {
        let sources = enabled().with_env(named(&variables));
        assert_eq!(messages(sources.load()), [error]);
    }
}

#[test]
fn a_ca_file_of_code_is_read_at_once() {
    let server = ProxyServer::new("https://u:s3cret@h:1".parse().unwrap());
    let error = server.clone().with_ca_file("none.pem").unwrap_err();
    assert_eq!(error.path(), Path::new("none.pem"));
    let shown = error.to_string();
    assert!(
        shown.starts_with("\"none.pem\" could not be read: No such file"),
        "{shown}"
    );
    let server = server.with_ca_file("Cargo.toml").unwrap();
    let content = std::fs::read("Cargo.toml").unwrap();
    assert_eq!(server.ca_pem(), Some(&*content));
    let debug = format!("{server:?}");
    assert!(debug.contains("ca_file: Some(\"Cargo.toml\")"), "{debug}");
}

#[test]
fn a_url_in_place_of_a_table_takes_the_trust_with_it() {
    let file = "proxy: {default: {http: {url: https://h:1, tls: {ca_file: none.pem}}}}";
    let sources = enabled()
        .with_text("test.yaml", file)
        .with_env(named(&[("_DEFAULT__HTTP", "https://env:2")]));
    let loaded = sources.load().unwrap();
    assert_eq!(http(loaded.settings()).server().ca_file(), None);
}
