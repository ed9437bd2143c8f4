//! Secrets never show, whatever is wrong and wherever they stand.

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use proptest::prelude::*;
use proxy_config::{ProxyServer, Sources};
use testkit::Canary;

use crate::support::{Folder, enabled, named};

/// A secret that is recognised wherever it turns up, and does not turn up by itself.
fn secret() -> impl Strategy<Value = String> {
    "[QZ]{7}[ -~äß☂]{0,12}"
}

/// Whether any form of a secret, or its beginning, is in a text.
fn shows(text: &str, secret: &str) -> bool {
    Canary::new(secret).form_in(text).is_some()
}

/// All that can be printed of what sources are loaded to.
fn shown(sources: Sources) -> String {
    let debug = format!("{sources:?}");
    let loaded = match sources.load() {
        Err(errors) => format!("{errors} {errors:?} {errors:#?}"),
        Ok(loaded) => {
            let settings = loaded.settings();
            let http = settings.default_proxies().http();
            let http = http.map(|rule| format!("{rule} {rule:?}"));
            let json = serde_json::to_string(settings).unwrap();
            format!("{loaded:?} {loaded:#?} {http:?} {json}")
        }
    };
    debug + &loaded
}

/// What may be right or wrong about a proxy, with and without its secrets.
fn url() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "http://h:1",
        "https://h:1",
        "socks4://h:1",
        "socks5h://h:1",
        "ftp://h:1",
        "http://h",
        "http://someone@h:1",
        "",
    ])
}

fn keys() -> impl Strategy<Value = [&'static str; 3]> {
    let key = || {
        prop::sample::select(vec![
            "username",
            "password",
            "password_file",
            "pasword",
            "via",
            "tls",
            "timeout_seconds",
            "url",
            "pool",
            "strategy",
            "weight",
            "handshake",
            "quick_ack",
            "source",
            "file",
            "program",
            "headers",
            "headers_file",
        ])
    };
    [key(), key(), key()]
}

/// Where a proxy may stand in a rule: what is before and after it in JSON, and in a variable.
fn place() -> impl Strategy<Value = (&'static str, &'static str, &'static str)> {
    prop::sample::select(vec![
        ("", "", ""),
        (r#"{"url": "http://exit:9", "via": ["#, "]}", "VIA__0__"),
        (r#"{"pool": {"proxies": ["#, "]}}", "POOL__PROXIES__0__"),
    ])
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

proptest! {
    #[test]
    fn keys_of_a_proxy_never_show_their_values(
        secret in secret(),
        url in url(),
        keys in keys(),
        (before, after, place) in place(),
    ) {
        let fields = keys.map(|key| format!("{}: {}", quoted(key), quoted(&secret))).join(", ");
        let rule = format!("{{\"url\": {}, {fields}}}", quoted(url));
        let rule = format!("{before}{rule}{after}");
        let document = format!("{{\"proxy\": {{\"default\": {{\"http\": {rule}}}}}}}");
        for name in ["test.json", "test.yaml"] {
            let shown = shown(Sources::new().with_text(name, document.clone()));
            prop_assert!(!shows(&shown, &secret), "{shown}");
        }
        let variables = keys.map(|key| {
            let name = key.to_ascii_uppercase();
            (format!("CRYPTOFEED_PROXY_DEFAULT__HTTP__{place}{name}"), secret.clone())
        });
        let url = (format!("CRYPTOFEED_PROXY_DEFAULT__HTTP__{place}URL"), url.to_owned());
        let shown = shown(Sources::new().with_env([url]).with_env(variables));
        prop_assert!(!shows(&shown, &secret), "{shown}");
    }

    #[test]
    fn a_login_that_is_right_never_shows(user in secret(), password in secret()) {
        let user = user.replace(':', "_");
        let folder = Folder::new();
        let path = folder.write("password", &password).display().to_string();
        for (key, value) in [("PASSWORD", &password), ("PASSWORD_FILE", &path)] {
            let sources = enabled().with_env(named(&[
                ("_DEFAULT__HTTP__URL", "http://h:1"),
                ("_DEFAULT__HTTP__USERNAME", &user),
                (&format!("_DEFAULT__HTTP__{key}"), value),
                ("_DEFAULT__HTTP__VIA__0__URL", "socks5h://h:1"),
                ("_DEFAULT__HTTP__VIA__0__USERNAME", &user),
                (&format!("_DEFAULT__HTTP__VIA__0__{key}"), value),
            ]));
            let loaded = sources.clone().load().unwrap();
            let Some(proxy_config::ProxyRule::Proxy(proxy)) =
                loaded.settings().default_proxies().http()
            else {
                panic!("a proxy was set");
            };
            for url in [proxy.url(), proxy.via()[0].url()] {
                let credentials = url.credentials().unwrap();
                prop_assert_eq!(credentials.username(), user.as_bytes());
                prop_assert_eq!(credentials.password(), Some(password.as_bytes()));
            }
            let shown = shown(sources) + &format!("{proxy} {proxy:?}");
            prop_assert!(!shows(&shown, &user) && !shows(&shown, &password), "{shown}");
        }
    }

    #[test]
    fn logins_of_a_pool_never_show(user in secret(), password in secret()) {
        let user = user.replace(':', "_");
        let encoded = |text: &str| percent_encode(text.as_bytes(), NON_ALPHANUMERIC).to_string();
        let in_url = format!("socks5h://{}:{}@h:1", encoded(&user), encoded(&password));
        let sources = enabled().with_env(named(&[
            ("_DEFAULT__HTTP__POOL__PROXIES__0", &in_url),
            ("_DEFAULT__HTTP__POOL__PROXIES__1__URL", "http://h:2"),
            ("_DEFAULT__HTTP__POOL__PROXIES__1__USERNAME", &user),
            ("_DEFAULT__HTTP__POOL__PROXIES__1__PASSWORD", &password),
        ]));
        let loaded = sources.clone().load().unwrap();
        let Some(proxy_config::ProxyRule::Pool(pool)) = loaded.settings().default_proxies().http()
        else {
            panic!("a pool was set");
        };
        for member in pool.members() {
            let credentials = member.server().unwrap().url().credentials().unwrap();
            prop_assert_eq!(credentials.username(), user.as_bytes());
            prop_assert_eq!(credentials.password(), Some(password.as_bytes()));
        }
        let twice = sources.clone().with_env(named(&[("_DEFAULT__HTTP__POOL__PROXIES__2", &in_url)]));
        let shown = shown(sources) + &shown(twice);
        prop_assert!(!shows(&shown, &user) && !shows(&shown, &password), "{shown}");
    }

    #[test]
    fn a_password_file_never_shows_its_content(
        content in secret(),
        after in prop::sample::select(vec!["", "\n", "\nmore", "\0"]),
        url in url(),
    ) {
        let folder = Folder::new();
        let path = folder.write("password", format!("{content}{after}"));
        let sources = enabled().with_env(named(&[
            ("_DEFAULT__HTTP__URL", url),
            ("_DEFAULT__HTTP__USERNAME", "u"),
            ("_DEFAULT__HTTP__PASSWORD_FILE", &path.display().to_string()),
        ]));
        let shown = shown(sources);
        prop_assert!(!shows(&shown, &content), "{shown}");
    }

    #[test]
    fn headers_never_show_their_values(
        value in secret(),
        in_file in secret(),
        scheme in prop::sample::select(vec!["http", "https", "socks5h"]),
        name in prop::sample::select(vec!["x-session", "proxy-authorization", "host", "x y", "X-Session"]),
        before in prop::sample::select(vec!["", "Bearer ", "Basic ", "\u{1}"]),
        line in prop::sample::select(vec!["x-file: ", "x-session: ", "no header", " : ", "x: \u{2}"]),
    ) {
        let folder = Folder::new();
        let path = folder.write("headers.txt", format!("# why\n{line}{in_file}\n")).display().to_string();
        let rule = serde_json::json!({
            "url": format!("{scheme}://h:1"),
            "headers": {name: format!("{before}{value}")},
            "headers_file": path,
        });
        let document = format!("{{\"proxy\": {{\"default\": {{\"http\": {rule}}}}}}}");
        for file in ["test.json", "test.yaml"] {
            let shown = shown(enabled().with_text(file, document.clone()));
            prop_assert!(!shows(&shown, &value) && !shows(&shown, &in_file), "{shown}");
        }
        let shown = match serde_json::from_value::<ProxyServer>(rule) {
            Ok(server) => format!("{server} {server:?} {}", serde_json::to_string(&server).unwrap()),
            Err(error) => format!("{error} {error:?}"),
        };
        prop_assert!(!shows(&shown, &value) && !shows(&shown, &in_file), "{shown}");
    }

    #[test]
    fn a_variable_for_all_programs_never_shows_its_value(
        secret in secret(),
        before in prop::sample::select(vec!["", "http://", "http://u:", "ftp://", "x y://"]),
        after in prop::sample::select(vec!["", "@h:1", "@h", ":p@h:1", "@h:0"]),
        name in prop::sample::select(vec!["HTTPS_PROXY", "http_proxy", "ALL_PROXY"]),
    ) {
        let secret = secret.replace([':', '@'], "_");
        let shown = shown(
            enabled()
                .with_env([(name, format!("{before}{secret}{after}"))])
                .with_env(named(&[("_ENABLED", "true"), ("_FROM_ENV", "true")])),
        );
        prop_assert!(!shows(&shown, &secret), "{shown}");
    }

    #[test]
    fn toml_never_shows_what_is_wrong_with_it(
        secret in secret(),
        before in "[a-z=\\[\\]{}\"'. \n-]{0,12}",
    ) {
        let text = format!("[proxy.default.http]\npassword = {before}{secret}");
        let shown = shown(enabled().with_text("test.toml", text));
        prop_assert!(!shows(&shown, &secret), "{shown}");
    }

    #[test]
    fn what_is_deserialized_never_shows(secret in secret(), keys in keys(), url in url()) {
        let mut value = serde_json::json!({"url": url});
        for key in keys {
            value[key] = secret.clone().into();
        }
        let shown = match serde_json::from_value::<ProxyServer>(value) {
            Ok(server) => format!("{server} {server:?} {}", serde_json::to_string(&server).unwrap()),
            Err(error) => format!("{error} {error:?}"),
        };
        prop_assert!(!shows(&shown, &secret), "{shown}");
    }
}
