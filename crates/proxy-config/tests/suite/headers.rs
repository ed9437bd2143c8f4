//! Headers for proxies.

use proxy_config::{
    ConnectionProxies, InvalidHeader, PoolConfig, PoolMember, ProxyConfig, ProxyHeaders, ProxyRule,
    ProxyServer, ProxySettings, Scheme, Sources,
};
use serde_json::json;

use crate::support::{Folder, enabled, env, messages, named, yaml};

fn rule(fields: &str) -> String {
    format!("proxy: {{default: {{http: {{{fields}}}}}}}")
}

fn server(url: &str) -> ProxyServer {
    ProxyServer::new(url.parse().unwrap())
}

#[track_caller]
fn headers(settings: &ProxySettings) -> Vec<(String, String)> {
    let Some(ProxyRule::Proxy(proxy)) = settings.default_proxies().http() else {
        panic!("a proxy was set");
    };
    owned(proxy.server().headers())
}

fn owned(headers: &ProxyHeaders) -> Vec<(String, String)> {
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    headers.iter().map(owned).collect()
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs
        .map(|(name, value)| (name.into(), value.into()))
        .into()
}

#[test]
fn a_table_a_file_and_variables_set_headers_together_in_lower_case() {
    let folder = Folder::new();
    let secret = "\u{FEFF}# the login\r\nProxy-Authorization: Bearer  t0ken=\r\n\r\n  X-Plan :x";
    folder.write("etc/headers.txt", secret.replace(" :x", ": a: b "));
    let file = folder.write(
        "etc/a.yaml",
        rule("url: 'https://h:1', headers_file: headers.txt, headers: {X-Country: de, X-N: 007}"),
    );
    let variables = [
        ("_DEFAULT__HTTP__HEADERS__X-COUNTRY", "fr"),
        ("_DEFAULT__HTTP__HEADERS__X-SESSION", "42"),
    ];
    let loaded = enabled().with_file(file).with_env(named(&variables));
    assert_eq!(
        headers(loaded.load().unwrap().settings()),
        pairs([
            ("proxy-authorization", "Bearer  t0ken="),
            ("x-country", "fr"),
            ("x-n", "007"),
            ("x-plan", "a: b"),
            ("x-session", "42"),
        ])
    );
    let in_one = [
        ("_DEFAULT__HTTP__URL", "http://h:1"),
        ("_DEFAULT__HTTP__HEADERS", r#"{"X-Country": "de"}"#),
    ];
    assert_eq!(
        headers(&env(&in_one).unwrap()),
        pairs([("x-country", "de")])
    );
}

#[test]
fn another_proxy_as_a_url_does_not_get_the_headers_of_the_one_before() {
    let sources = enabled()
        .with_text(
            "test.yaml",
            rule("url: 'http://a:1', headers: {x-session: s3cret}"),
        )
        .with_env(named(&[("_DEFAULT__HTTP", "http://b:2")]));
    assert_eq!(headers(sources.load().unwrap().settings()), []);
}

#[test]
fn headers_are_for_http_and_https_proxies_only() {
    for scheme in ["socks4", "socks4a", "socks5", "socks5h"] {
        let text = rule(&format!("url: '{scheme}://h:1', headers: {{x: y}}"));
        let place = "proxy.default.http.headers (from test.yaml:1:";
        let [message] = &messages(yaml(&text))[..] else {
            panic!("{scheme}");
        };
        assert!(message.starts_with(place), "{message}");
        let problem = format!(
            "headers apply to http and https proxies only; the scheme of this one is {scheme}"
        );
        assert!(message.ends_with(&problem), "{message}");
    }
    assert_eq!(
        server("socks5h://h:1").with_header("x", "y"),
        Err(InvalidHeader::Socks(Scheme::Socks5h))
    );
}

#[test]
fn what_cannot_be_sent_or_has_a_place_of_its_own_is_refused() {
    use InvalidHeader::{Basic, Name, Redacted, Reserved, TooLong, TwoLogins, Value};

    let refused =
        |name: &str, value: &str| server("http://h:1").with_header(name, value).unwrap_err();
    for name in ["", "x y", "x:", "ü", "x\r", "(x)", "x/y"] {
        assert_eq!(refused(name, "v"), Name, "{name:?}");
    }
    for name in [
        "Host",
        "content-length",
        "Transfer-Encoding",
        "CONNECTION",
        "Proxy-Connection",
        "keep-alive",
        "TE",
        "Trailer",
        "Upgrade",
        "Expect",
    ] {
        assert_eq!(refused(name, "v"), Reserved, "{name}");
    }
    for value in [
        "",
        " v",
        "v\t",
        "a\r\nHost: evil",
        "a\nb",
        "a\0b",
        "a\u{7f}",
    ] {
        assert_eq!(refused("x", value), Value, "{value:?}");
    }
    assert_eq!(refused("x", "***"), Redacted);
    assert_eq!(refused("x", &"v".repeat(8192)), TooLong);
    assert_eq!(refused("Proxy-Authorization", "basic dTpw"), Basic);
    let with_login = server("http://u:p@h:1").with_header("proxy-authorization", "Bearer t");
    assert_eq!(with_login, Err(TwoLogins));
    for (name, value) in [
        ("!#$%&'*+-.^_`|~", "v"),
        ("x", "a\tb ü"),
        ("authorization", "Basic x"),
    ] {
        assert!(
            server("http://u:p@h:1").with_header(name, value).is_ok(),
            "{name}"
        );
    }
}

#[test]
fn each_error_has_its_place_and_no_value() {
    let folder = Folder::new();
    folder.write(
        "headers.txt",
        "x-a: 1\n\nnonsense s3cret\nX-A: s3cret\nhost: s3cret\n",
    );
    folder.write("none.txt", "# x: y\n");
    folder.write("latin.txt", b"x: \xFF");
    let file = |name: &str| {
        let fields = format!("url: 'http://h:1', headers_file: {name}");
        messages(
            enabled()
                .with_file(folder.write("a.yaml", rule(&fields)))
                .load(),
        )
    };
    let all = file("headers.txt").join("\n");
    for problem in [
        "headers.txt\" has an error in line 3: expected `name: value`",
        "headers.txt\" has an error in line 4: the header is given twice; names are case-insensitive",
        "headers.txt\" has an error in line 5: the header describes the connection itself",
    ] {
        assert!(all.contains(problem), "{all}");
    }
    assert!(!all.contains("s3cret"), "{all}");
    assert!(file("none.txt")[0].ends_with("none.txt\" has no headers"));
    assert!(file("latin.txt")[0].ends_with("latin.txt\" is not UTF-8"));
    assert!(file("missing.txt")[0].contains("could not be read"));

    let given = "the header is given twice; names are case-insensitive";
    for (fields, key, problem) in [
        ("headers: {x: y, X: z}", ".x", given),
        (
            "headers: {}",
            "",
            "the table is empty; set a key in it, or remove it",
        ),
        ("headers: s3cret", "", "expected a table, found text"),
        ("headers: [s3cret]", "", "expected a table, found a list"),
        ("headers: {x: {}}", ".x", "expected text, found a table"),
    ] {
        let errors = yaml(&rule(&format!("url: 'http://h:1', {fields}"))).unwrap_err();
        let [error] = &errors.iter().collect::<Vec<_>>()[..] else {
            panic!("{errors}");
        };
        assert_eq!(error.path(), format!("proxy.default.http.headers{key}"));
        assert_eq!(error.problem(), problem);
    }
}

#[test]
fn a_value_of_which_yaml_drops_a_part_is_refused() {
    let text = "proxy:\n  default:\n    http:\n      url: http://h:1\n      headers:\n        x-session: ab #cd\n";
    let all = messages(yaml(text));
    assert!(
        all[0].contains("test.yaml:6:20") && all[0].contains("a comment (#) follows"),
        "{all:?}"
    );
    let quoted = text.replace("ab #cd", "'ab #cd'");
    assert_eq!(
        headers(&yaml(&quoted).unwrap()),
        pairs([("x-session", "ab #cd")])
    );
}

#[test]
fn members_of_a_pool_may_differ_in_headers_alone() {
    let member =
        |session: &str| format!("{{url: 'http://h:1', headers: {{x-session: {session}}}}}");
    let pool = |one: &str, other: &str| {
        rule(&format!(
            "pool: {{proxies: [{}, {}]}}",
            member(one),
            member(other)
        ))
    };
    assert!(yaml(&pool("a", "b")).is_ok());
    assert!(messages(yaml(&pool("a", "a")))[0].contains("the proxy is listed twice"));
}

#[test]
fn those_made_in_code_survive_being_merged_and_are_serialized_without_values() {
    let server = server("https://h:1")
        .with_header("X-Country", "de")
        .unwrap()
        .with_header("Proxy-Authorization", "Bearer s3cret")
        .unwrap();
    let pool = PoolConfig::new([PoolMember::new(server.clone())]).unwrap();
    let proxies = ConnectionProxies::both(ProxyConfig::from(server.clone())).with_websocket(pool);
    let code = ProxySettings::enabled().with_default(proxies);
    let loaded = Sources::new().with_code(code.clone()).load().unwrap();
    assert_eq!(loaded.settings(), &code);

    let value = serde_json::to_value(&server).unwrap();
    let hidden = json!({"proxy-authorization": "***", "x-country": "***"});
    assert_eq!(value, json!({"url": "https://h:1", "headers": hidden}));
    let again = serde_json::from_value::<ProxyServer>(value).unwrap_err();
    assert!(
        again.to_string().contains("must have its real value"),
        "{again}"
    );
    let shown = format!("{server:?}");
    assert!(
        shown.contains(r#"{"proxy-authorization": "***", "x-country": "***"}"#),
        "{shown}"
    );
}
