//! Files that do not answer.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use proxy_config::{ProxyRule, ProxyServer, Sources};

use crate::support::{Folder, enabled, messages};

/// A pipe in the file system: whoever opens it waits for somebody at its other end.
fn pipe(folder: &Folder, name: &str) -> PathBuf {
    let path = folder.path(name);
    let made = Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    path
}

/// A file whose proxy has one password file for both transports, and one for each.
fn passwords(folder: &Folder, password: &Path) -> PathBuf {
    let rule = format!("{{url: 'http://h:1', username: u, password_file: {password:?}}}");
    let text = format!(
        "proxy:
           enabled: true
           default: {{http: &proxy {rule}, websocket: *proxy}}
           exchanges: {{okx: {{http: {rule}}}}}"
    );
    folder.write("cryptofeed.yaml", text)
}

#[test]
fn a_file_that_does_not_answer_is_an_error_of_the_place_that_names_it() {
    let folder = Folder::new();
    let (password, authorities) = (pipe(&folder, "password"), pipe(&folder, "ca.pem"));
    let configuration = pipe(&folder, "other.yaml");
    let elapsed = |path: &Path| format!("{path:?} could not be read: it does not answer (10 s)");
    let code = {
        let authorities = authorities.clone();
        thread::spawn(move || {
            let server = ProxyServer::new("https://h:1".parse().unwrap());
            server.with_ca_file(authorities).unwrap_err().to_string()
        })
    };
    let variables = [
        ("CRYPTOFEED_PROXY_DEFAULT__WS__URL", "https://h:1"),
        ("CRYPTOFEED_PROXY_DEFAULT__WS__USERNAME", "u"),
        (
            "CRYPTOFEED_PROXY_DEFAULT__WS__PASSWORD_FILE",
            password.to_str().unwrap(),
        ),
        (
            "CRYPTOFEED_PROXY_DEFAULT__WS__TLS__CA_FILE",
            authorities.to_str().unwrap(),
        ),
    ];
    let sources = enabled().with_file(&configuration).with_env(variables);
    assert_eq!(
        messages(sources.load()),
        [
            format!(
                "{}: could not be read: it does not answer (10 s)",
                configuration.display()
            ),
            format!(
                "proxy.default.websocket.password_file \
                 (from CRYPTOFEED_PROXY_DEFAULT__WS__PASSWORD_FILE): {}",
                elapsed(&password)
            ),
            format!(
                "proxy.default.websocket.tls.ca_file \
                 (from CRYPTOFEED_PROXY_DEFAULT__WS__TLS__CA_FILE): {}",
                elapsed(&authorities)
            ),
        ]
    );
    assert_eq!(code.join().unwrap(), elapsed(&authorities));
}

#[test]
fn a_file_that_is_named_several_times_is_read_once() {
    let folder = Folder::new();
    let password = pipe(&folder, "password");
    let file = passwords(&folder, &password);
    let writer = thread::spawn(move || fs::write(password, "s3cret\n"));
    let loaded = Sources::new().with_file(file).load().unwrap();
    writer.join().unwrap().unwrap();
    let settings = loaded.settings();
    let okx = settings.exchange(&crate::support::id("okx")).unwrap();
    let default = settings.default_proxies();
    for rule in [default.http(), default.websocket(), okx.http()] {
        let Some(ProxyRule::Proxy(proxy)) = rule else {
            panic!("{rule:?}");
        };
        let credentials = proxy.url().credentials().unwrap();
        assert_eq!(credentials.password(), Some(&b"s3cret"[..]));
    }
}

#[test]
fn a_password_file_is_read_again_by_the_next_load() {
    let folder = Folder::new();
    let password = folder.write("password", "first");
    let sources = Sources::new().with_file(passwords(&folder, &password));
    let first = sources.clone().load().unwrap().into_settings();
    folder.write("password", "second");
    assert_ne!(sources.load().unwrap().into_settings(), first);
}
