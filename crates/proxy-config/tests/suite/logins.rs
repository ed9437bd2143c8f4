//! `username`, `password` and `password_file`.

use proxy_config::{ProxyRule, ProxySettings};

use crate::support::{Folder, enabled, env, messages, named, proxy, yaml};

/// The proxy for REST, credentials and all, and whether it is as given.
fn assert_http(settings: &ProxySettings, url: &str) {
    let http = settings.default_proxies().http();
    assert_eq!(http, Some(&proxy(url).into()));
}

fn rule(fields: &str) -> String {
    format!("proxy: {{default: {{http: {{{fields}}}}}}}")
}

#[test]
fn a_user_name_and_a_password_are_taken_as_they_are() {
    for (username, password, url) in [
        ("alice", "secret", "http://alice:secret@h:1"),
        ("a@b/c", "%41:%", "http://a%40b%2Fc:%2541%3A%25@h:1"),
        (
            "ä",
            "пароль ☂",
            "http://%C3%A4:%D0%BF%D0%B0%D1%80%D0%BE%D0%BB%D1%8C%20%E2%98%82@h:1",
        ),
        ("u", "", "http://u:@h:1"),
        ("u", " p ", "http://u:%20p%20@h:1"),
    ] {
        let fields = format!("url: http://h:1, username: '{username}', password: '{password}'");
        assert_http(&yaml(&rule(&fields)).unwrap(), url);
        let variables = [
            ("_DEFAULT__HTTP__URL", "http://h:1"),
            ("_DEFAULT__HTTP__USERNAME", username),
            ("_DEFAULT__HTTP__PASSWORD", password),
        ];
        assert_http(&env(&variables).unwrap(), url);
    }
    assert_http(
        &yaml(&rule("url: socks4://h:1, username: alice")).unwrap(),
        "socks4://alice@h:1",
    );
}

#[test]
fn a_login_that_yaml_takes_a_part_from_is_refused_with_its_place() {
    let text = |login: &str| {
        format!("proxy:\n  enabled: true\n  default:\n    url: http://h:1\n    {login}\n")
    };
    for (login, column, problem) in [
        (
            "password: s3cret #tail\n    username: u",
            15,
            "a comment (#) follows",
        ),
        ("username: alice #tail", 15, "a comment (#) follows"),
        (
            "username: u\n    password: &s3cret rest",
            15,
            "the anchor (&) is used nowhere",
        ),
        (
            "username: u\n    password: | #s3cret",
            15,
            "the key has no value",
        ),
        (
            "username: u\n    password: |\n      s3cret",
            7,
            "a block of lines",
        ),
        (
            "username: u\n    password: >-\n",
            15,
            "the key has no value",
        ),
    ] {
        let default = text(login).replace("default:\n    url", "default:\n   http:\n    url");
        let messages = messages(yaml(&default));
        assert_eq!(messages.len(), 1, "{login}: {messages:?}");
        assert!(messages[0].contains(problem), "{login}: {messages:?}");
        assert!(
            messages[0].contains(&format!(":{column}")),
            "{login}: {messages:?}"
        );
        assert!(!messages[0].contains("s3cret"), "{messages:?}");
    }
    let in_a_flow = "proxy: {enabled: true, default: {http: {url: 'http://h:1', username: u, password: s3cret #tail\n}}}";
    assert!(messages(yaml(in_a_flow))[0].contains("a comment (#) follows"));
}

#[test]
fn a_login_that_is_all_there_may_be_quoted_commented_and_referred_to() {
    let yaml_text = "\
proxy:
  enabled: true
  default:
    http:
      url: http://h:1 # of the office
      username: 'u' # quoted
      # on a line of its own
      password: &password \"s3cret #tail\" # quoted as well
    websocket: {url: http://h:1, username: u, password: *password}
";
    let settings = yaml(yaml_text).unwrap();
    assert_http(&settings, "http://u:s3cret%20%23tail@h:1");
    let default = settings.default_proxies();
    assert_eq!(default.http(), default.websocket());
}

#[test]
fn a_password_that_looks_like_something_else_stays_the_text_it_is() {
    for password in [
        "08",
        "1.10",
        "12345",
        "0x1F",
        "1e3",
        "true",
        "no",
        "2024-01-02",
        "1_000",
        "+1",
        "99999999999999999999",
    ] {
        let url = format!("http://7:{}@h:1", password.replace('+', "%2B"));
        let fields = format!("url: http://h:1, username: 7, password: {password}");
        assert_http(&yaml(&rule(&fields)).unwrap(), &url);
    }
    for password in ["{", "[1]", "{\"a\": 1}", "null", "~", "08", "1.10"] {
        let settings = env(&[
            ("_DEFAULT__HTTP__URL", "http://h:1"),
            ("_DEFAULT__HTTP__USERNAME", "u"),
            ("_DEFAULT__HTTP__PASSWORD", password),
        ])
        .unwrap();
        let Some(ProxyRule::Proxy(proxy)) = settings.default_proxies().http() else {
            panic!("a proxy was set");
        };
        let credentials = proxy.url().credentials().unwrap();
        assert_eq!(credentials.password(), Some(password.as_bytes()));
    }
}

#[test]
fn a_password_file_is_read_without_the_newlines_at_its_end() {
    let folder = Folder::new();
    for (content, password) in [
        (&b"secret"[..], "secret"),
        (b"secret\n", "secret"),
        (b"secret\r\n\n\r\n", "secret"),
        (b" se\ncret \n", "%20se%0Acret%20"),
        (b"secret\r", "secret%0D"),
        (b"\xFF\x00", "%FF%00"),
    ] {
        folder.write("password", content);
        let text = rule("url: socks5://h:1, username: u, password_file: password");
        let loaded = enabled().with_file(folder.write("a.yaml", text)).load();
        assert_http(
            loaded.unwrap().settings(),
            &format!("socks5://u:{password}@h:1"),
        );
    }
}

#[test]
fn a_relative_path_starts_from_the_folder_of_the_file_that_has_it() {
    let folder = Folder::new();
    folder.write("etc/secrets/password", "secret\n");
    let file = folder.write(
        "etc/a.json",
        r#"{"proxy": {"default": {"http": {"password_file": "secrets/password"}}}}"#,
    );
    let stronger = folder.write(
        "b.toml",
        "proxy.default.http = {url = 'socks5://h:1', username = 'u'}",
    );
    let sources = enabled().with_file(file).with_file(&stronger);
    assert_http(sources.load().unwrap().settings(), "socks5://u:secret@h:1");

    let variables = named(&[("_DEFAULT__HTTP__PASSWORD_FILE", "none")]);
    let sources = enabled().with_file(stronger).with_env(variables);
    assert_eq!(
        messages(sources.load()),
        ["proxy.default.http.password_file \
             (from CRYPTOFEED_PROXY_DEFAULT__HTTP__PASSWORD_FILE): \
             the file, looked for from the working directory, could not be read: \
             No such file or directory (os error 2)"]
    );
}

#[test]
fn a_byte_order_mark_is_not_part_of_a_password() {
    let folder = Folder::new();
    let load = |content: &[u8]| {
        let path = folder.write("password", content).display().to_string();
        env(&[
            ("_DEFAULT__HTTP__URL", "http://h:1"),
            ("_DEFAULT__HTTP__USERNAME", "u"),
            ("_DEFAULT__HTTP__PASSWORD_FILE", &path),
        ])
    };
    let marked = load(b"\xEF\xBB\xBFs3cret\r\n").unwrap();
    assert_eq!(marked, load(b"s3cret").unwrap());
    assert!(messages(load(b"\xEF\xBB\xBF\n"))[0].ends_with("\" is empty"));
    for utf16 in [&b"\xFF\xFEs\x003\x00"[..], b"\xFE\xFF\x00s\x003"] {
        let messages = messages(load(utf16));
        assert!(messages[0].contains("is UTF-16"), "{messages:?}");
        assert!(messages[0].ends_with("save it as UTF-8"), "{messages:?}");
    }
}

#[test]
fn a_password_file_that_cannot_be_used_is_named_with_the_reason() {
    let folder = Folder::new();
    folder.write("empty", "\r\n\n");
    folder.write("large", "s3cret".repeat(20_000));
    folder.write("lines", "one\ns3cret");
    let load = |name: &str| {
        let text = rule(&format!(
            "url: http://h:1, username: u, password_file: {name}"
        ));
        messages(enabled().with_file(folder.write("a.yaml", text)).load())
    };
    let at = format!("{}:1:71", folder.path("a.yaml").display());
    let key = format!("proxy.default.http.password_file (from {at})");
    for (name, problem) in [
        ("empty", "is empty"),
        ("large", "is too large for a password: more than 64 KiB"),
        (".", "could not be read: Is a directory (os error 21)"),
    ] {
        let path = folder.path(name);
        assert_eq!(load(name), [format!("{key}: {path:?} {problem}")]);
    }
    let folder_path = folder.path("");
    assert_eq!(
        load("./none"),
        [format!(
            "{key}: {:?} could not be read: No such file or directory (os error 2)",
            folder.path("./none")
        )]
    );
    assert_eq!(
        load("hunter2"),
        [format!(
            "{key}: the file, looked for from {:?}, could not be read: \
             No such file or directory (os error 2)",
            folder_path
                .parent()
                .unwrap()
                .join(folder_path.file_name().unwrap())
        )]
    );
    assert_eq!(
        load("lines"),
        [format!(
            "{key}: credentials for an http or https proxy must not contain control characters"
        )]
    );
    assert_eq!(load("''"), [format!("{key}: expected the path of a file")]);
}

#[test]
fn credentials_stand_in_one_place_only() {
    let in_url = "`url` has credentials as well; they can only be in one place";
    for (fields, key, problem) in [
        (
            "url: 'http://a:s3cret@h:1', username: s3cret",
            "username",
            in_url,
        ),
        ("url: 'http://a@h:1', password: s3cret", "password", in_url),
        (
            "url: 'http://a@h:1', password_file: s3cret",
            "password_file",
            in_url,
        ),
        (
            "url: 'http://h:1', username: u, password: s3cret, password_file: x",
            "password_file",
            "`password` is given as well; only one of them can be",
        ),
        (
            "url: 'http://h:1', password: s3cret",
            "password",
            "`password` requires `username`",
        ),
    ] {
        let text = rule(fields);
        let column = text.find(&format!(" {key}: ")).unwrap() + key.len() + 4;
        let at = format!("proxy.default.http.{key} (from test.yaml:1:{column}): ");
        assert_eq!(messages(yaml(&text)), [at + problem], "{fields}");
    }
}

#[test]
fn a_stronger_password_takes_the_place_of_a_weaker_one_whichever_way_either_is_given() {
    let folder = Folder::new();
    folder.write("password", "from-file");
    let with_file = rule("url: http://h:1, username: u, password_file: password");
    let with_text = rule("url: http://h:1, username: u, password: plain");
    let load = |text: &str, variable: (&str, &str)| {
        let sources = enabled()
            .with_file(folder.write("a.yaml", text))
            .with_env(named(&[variable]));
        sources.load().unwrap().into_settings()
    };
    assert_http(
        &load(&with_file, ("_DEFAULT__HTTP__PASSWORD", "env")),
        "http://u:env@h:1",
    );
    let path = folder.path("password").display().to_string();
    assert_http(
        &load(&with_text, ("_DEFAULT__HTTP__PASSWORD_FILE", &path)),
        "http://u:from-file@h:1",
    );
    assert_http(
        &load(&with_file, ("_DEFAULT__HTTP", "http://env:2")),
        "http://env:2",
    );
    assert_http(
        &load(&with_file, ("_DEFAULT__HTTP__URL", "http://env:2")),
        "http://u:from-file@env:2",
    );
}

#[test]
fn two_variables_for_one_password_are_refused() {
    let variables = env(&[
        ("_DEFAULT__HTTP__URL", "http://h:1"),
        ("_DEFAULT__HTTP__USERNAME", "u"),
        ("_DEFAULT__HTTP__PASSWORD", "s3cret"),
        ("_DEFAULT__HTTP__PASSWORD_FILE", "s3cret"),
    ]);
    assert_eq!(
        messages(variables),
        ["proxy.default.http.password_file \
             (from CRYPTOFEED_PROXY_DEFAULT__HTTP__PASSWORD_FILE): \
             CRYPTOFEED_PROXY_DEFAULT__HTTP__PASSWORD is set as well; only one of them can be"]
    );
    // Exchanges may have any names.
    assert!(
        env(&[
            ("_EXCHANGES__PASSWORD", "direct"),
            ("_EXCHANGES__PASSWORD_FILE", "direct")
        ])
        .is_ok()
    );
}

#[test]
fn what_a_scheme_cannot_carry_is_refused_where_it_stands() {
    let long = "x".repeat(256);
    for (fields, key, problem) in [
        (
            "url: socks4://h:1, username: u, password: s3cret".to_owned(),
            "password",
            "socks4 and socks4a have a user name only, no password",
        ),
        (
            "url: http://h:1, username: 's3:cret', password: p".to_owned(),
            "username",
            "the user name for an http or https proxy must not contain a colon",
        ),
        (
            format!("url: socks5h://h:1, username: u, password: {long}"),
            "password",
            "the password for socks5 or socks5h must be at most 255 bytes long",
        ),
        (
            "url: socks5h://h:1, username: '', password: p".to_owned(),
            "username",
            "the user name for socks5 or socks5h must be 1 to 255 bytes long",
        ),
    ] {
        let messages = messages(yaml(&rule(&fields)));
        assert_eq!(messages.len(), 1, "{messages:?}");
        assert!(messages[0].starts_with(&format!("proxy.default.http.{key} (from ")));
        assert!(messages[0].ends_with(problem), "{messages:?}");
    }
}

#[test]
fn a_url_that_a_comment_cuts_short_is_told_as_that() {
    for text in [
        "proxy: http://u:p #ss@h:1",
        "proxy: {default: {url: http://u:p #ss@h:1\n}}",
    ] {
        let messages = messages(yaml(text));
        assert!(
            messages[0].contains("a comment (#) follows"),
            "{messages:?}"
        );
    }
    for text in [
        "proxy: http://h:1 # of ops@example.com",
        "proxy: http://h:1 #ops@example.com",
    ] {
        assert!(yaml(text).is_ok(), "{text}");
    }
}

#[test]
fn a_missing_file_is_named_if_its_name_has_an_extension() {
    for (key, name, is_named) in [
        ("tls: {ca_file: CAFILE}", "no-such.pem", true),
        ("username: u, password_file: CAFILE", "no-such.txt", true),
        ("username: u, password_file: CAFILE", "hunter2", false),
    ] {
        let key = key.replace("CAFILE", name);
        let messages = messages(yaml(&format!(
            "proxy: {{default: {{url: 'https://h:1', {key}}}}}"
        )));
        assert_eq!(messages[0].contains(name), is_named, "{messages:?}");
    }
}

#[test]
fn white_space_around_the_name_of_an_exchange_is_told() {
    assert_eq!(
        messages(yaml("proxy: {exchanges: {'Binance ': 'http://h:1'}}")),
        [
            "proxy.exchanges.Binance (from test.yaml:1:33): the name has white space around it; remove it"
        ]
    );
}
