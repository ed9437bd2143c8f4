use std::net::{Ipv4Addr, Ipv6Addr};

use proxy_config::{Credentials, CredentialsError, DnsSide, Host, ProxyUrl, ProxyUrlError, Scheme};

fn parse(url: &str) -> ProxyUrl {
    ProxyUrl::parse(url).unwrap()
}

fn error(url: &str) -> ProxyUrlError {
    ProxyUrl::parse(url).unwrap_err()
}

fn credentials(url: &str) -> (Vec<u8>, Option<Vec<u8>>) {
    let url = parse(url);
    let credentials = url.credentials().unwrap();
    (
        credentials.username().to_vec(),
        credentials.password().map(<[u8]>::to_vec),
    )
}

fn login(username: &str, password: &str) -> (Vec<u8>, Option<Vec<u8>>) {
    (username.into(), Some(password.into()))
}

#[test]
fn a_url_is_taken_apart_once() {
    let url = parse("socks5://user:pass@proxy.example.com:1080");
    assert_eq!(url.scheme(), Scheme::Socks5);
    assert_eq!(url.host(), &Host::Domain("proxy.example.com".to_owned()));
    assert_eq!(url.port(), 1080);
    let credentials = url.credentials().unwrap();
    assert_eq!(credentials.username(), b"user");
    assert_eq!(credentials.password(), Some(&b"pass"[..]));
}

#[test]
fn all_six_schemes_are_known_in_any_case_and_say_who_resolves_names() {
    let schemes = [
        ("http", Scheme::Http, DnsSide::Proxy),
        ("https", Scheme::Https, DnsSide::Proxy),
        ("socks4", Scheme::Socks4, DnsSide::Local),
        ("socks4a", Scheme::Socks4a, DnsSide::Proxy),
        ("socks5", Scheme::Socks5, DnsSide::Local),
        ("socks5h", Scheme::Socks5h, DnsSide::Proxy),
    ];
    for (name, scheme, side) in schemes {
        assert_eq!(parse(&format!("{name}://h:1")).scheme(), scheme);
        let upper = format!("{}://h:1", name.to_uppercase());
        assert_eq!(parse(&upper).scheme(), scheme);
        assert_eq!(scheme.to_string(), name);
        assert_eq!(scheme.dns_side(), side);
    }
}

#[test]
fn a_url_without_scheme_is_refused() {
    for url in [
        "",
        "h:1080",
        "socks5:h:1080",
        "http:/h:1",
        "//h:1",
        "://h:1",
        "user:pass@h:1",
        "user:pa://ss@h:1",
        "1http://h:1",
        "abcdefghijklmnopq://h:1",
    ] {
        assert_eq!(error(url), ProxyUrlError::MissingScheme, "{url}");
        let message = error(url).to_string();
        assert!(
            message.starts_with("Proxy URL must include scheme"),
            "{message}"
        );
    }
}

#[test]
fn an_unsupported_scheme_is_named() {
    assert_eq!(
        error("FTP://proxy:21").to_string(),
        "Unsupported proxy scheme: ftp; expected http, https, socks4, socks4a, socks5 or socks5h"
    );
    assert!(matches!(
        error("socks6://h:1"),
        ProxyUrlError::UnsupportedScheme(_)
    ));
    assert!(matches!(
        error("socks://h:1"),
        ProxyUrlError::UnsupportedScheme(_)
    ));
}

#[test]
fn a_url_without_hostname_is_refused() {
    for url in [
        "socks5://:1080",
        "http://",
        "http://user:pass@:1",
        "http:///path",
    ] {
        assert_eq!(error(url), ProxyUrlError::MissingHost, "{url}");
    }
    assert_eq!(
        ProxyUrlError::MissingHost.to_string(),
        "Proxy URL must include hostname"
    );
}

#[test]
fn a_url_without_port_is_refused_whatever_its_scheme() {
    for url in [
        "http://h",
        "https://h/",
        "socks5://h:",
        "socks5://u:p@h",
        "http://[::1]",
    ] {
        assert_eq!(error(url), ProxyUrlError::MissingPort, "{url}");
        assert!(
            error(url)
                .to_string()
                .starts_with("Proxy URL must include port")
        );
    }
}

#[test]
fn a_port_is_a_number_from_1_to_65535() {
    assert_eq!(parse("http://h:65535").port(), 65535);
    assert_eq!(parse("http://h:080").port(), 80);
    for url in [
        "http://h:0",
        "http://h:65536",
        "http://h:x",
        "http://h:+1",
        "http://h:-1",
    ] {
        assert_eq!(error(url), ProxyUrlError::InvalidPort, "{url}");
        assert!(
            error(url)
                .to_string()
                .starts_with("Proxy URL must include port")
        );
    }
}

#[test]
fn the_checks_come_in_order_scheme_hostname_port() {
    assert!(matches!(
        error("ftp://"),
        ProxyUrlError::UnsupportedScheme(_)
    ));
    assert_eq!(error("http://:"), ProxyUrlError::MissingHost);
    assert_eq!(error("http://h/path"), ProxyUrlError::MissingPort);
    assert_eq!(error("http://:pw%zz@h"), ProxyUrlError::MissingPort);
}

#[test]
fn hosts_are_addresses_or_names_in_their_ascii_form() {
    assert_eq!(
        parse("socks5://1.2.3.4:1").host(),
        &Host::<String>::Ipv4(Ipv4Addr::new(1, 2, 3, 4))
    );
    assert_eq!(
        parse("socks5://[::1]:1").host(),
        &Host::<String>::Ipv6(Ipv6Addr::LOCALHOST)
    );
    assert_eq!(parse("socks5://[::1]:1").to_string(), "socks5://[::1]:1");
    assert_eq!(parse("http://u@[::1]:1").endpoint().to_string(), "[::1]:1");
    assert_eq!(
        parse("socks5://Bücher.example:1").to_string(),
        "socks5://xn--bcher-kva.example:1"
    );
    assert_eq!(parse("http://my_proxy:1").to_string(), "http://my_proxy:1");
}

#[test]
fn what_is_no_host_is_refused() {
    for url in [
        "http://::1:1080",
        "http://[::1:1080",
        "http://[::1]x:1",
        "http://[::1]1",
        "http://[1.2.3.4]:1",
        "http://[fe80::1%25eth0]:1",
        "http://[fe80::1%eth0]:1",
        "http://user:pass:h:1",
        "http://a<b:1",
        "http://1.2.3.4.5:1",
    ] {
        assert_eq!(error(url), ProxyUrlError::InvalidHost, "{url}");
    }
}

#[test]
fn whitespace_and_control_characters_are_refused_wherever_they_stand() {
    for url in [
        " http://h:1",
        "http://h:1 ",
        "http://h:1\r",
        "http://h:1\n",
        "http://u:p w@h:1",
        "http://u:p\0w@h:1",
        "http://u:p\u{a0}w@h:1",
        "ht tp://h:1",
    ] {
        assert_eq!(error(url), ProxyUrlError::ForbiddenCharacter, "{url:?}");
    }
}

#[test]
fn a_path_is_refused_unless_it_is_a_slash() {
    assert_eq!(parse("http://h:1/").to_string(), "http://h:1");
    for url in [
        "http://h:1/x",
        "http://h:1?x",
        "http://h:1#x",
        "http://h:1//",
        "http://h:1/?",
    ] {
        assert_eq!(error(url), ProxyUrlError::Path, "{url}");
    }
}

#[test]
fn userinfo_ends_at_the_last_at_sign() {
    assert_eq!(
        credentials("socks5://u:p@ss:w@rd@h:1"),
        login("u", "p@ss:w@rd")
    );
    assert_eq!(credentials(r"http://u:p\w&=+@h:1"), login("u", r"p\w&=+"));
    assert_eq!(credentials("http://u:päss@h:1"), login("u", "päss"));
}

#[test]
fn userinfo_is_decoded_exactly_once_to_bytes() {
    assert_eq!(
        credentials("socks5://al%40ice:p%3Aw%2F%25%34%31@h:1"),
        login("al@ice", "p:w/%41")
    );
    assert_eq!(
        credentials("http://u:%ff%FE@h:1"),
        (b"u".to_vec(), Some(vec![0xFF, 0xFE]))
    );
}

#[test]
fn raw_delimiters_in_userinfo_are_refused_with_advice() {
    for url in [
        "http://u:p/w@h:1",
        "http://u:p?w@h:1",
        "http://u:p#w@h:1",
        "http://u/x:pw@h:1",
        "http://u:a@b/c@h:1",
        "http://h:1/@",
    ] {
        assert_eq!(error(url), ProxyUrlError::UnencodedDelimiter, "{url}");
        assert!(error(url).to_string().contains("percent-encode"));
    }
}

#[test]
fn a_percent_sign_without_two_digits_is_refused() {
    for url in [
        "http://u:%zz@h:1",
        "http://u:%@h:1",
        "http://u:%4@h:1",
        "http://%é:@h:1",
    ] {
        assert_eq!(error(url), ProxyUrlError::PercentEncoding, "{url}");
    }
}

#[test]
fn no_userinfo_an_empty_one_and_an_empty_password_are_told_apart() {
    assert_eq!(parse("http://h:1").credentials(), None);
    assert_eq!(parse("http://@h:1").credentials(), None);
    assert_eq!(credentials("http://u@h:1"), (b"u".to_vec(), None));
    assert_eq!(credentials("http://u:@h:1"), login("u", ""));
    assert_eq!(credentials("http://:p@h:1"), login("", "p"));
}

#[test]
fn the_stars_of_a_printed_url_are_no_credentials() {
    let printed = parse("http://u:p@h:1").to_string();
    assert_eq!(error(&printed), ProxyUrlError::Redacted);
    assert_eq!(credentials("http://%2A**@h:1"), (b"***".to_vec(), None));
}

#[test]
fn socks5_takes_user_names_of_1_to_255_bytes_and_passwords_of_up_to_255() {
    let long = "x".repeat(255);
    for scheme in ["socks5", "socks5h"] {
        parse(&format!("{scheme}://{long}:{long}@h:1"));
        parse(&format!("{scheme}://u:@h:1"));
        parse(&format!("{scheme}://u:%00%0a:@h:1"));
        for (userinfo, expected) in [
            (":p".to_owned(), CredentialsError::Socks5Username),
            (":".to_owned(), CredentialsError::Socks5Username),
            (format!("{long}x:p"), CredentialsError::Socks5Username),
            (format!("u:{long}x"), CredentialsError::Socks5Password),
        ] {
            let url = format!("{scheme}://{userinfo}@h:1");
            assert_eq!(error(&url), expected.into(), "{url}");
        }
    }
}

#[test]
fn socks4_takes_a_user_name_without_nul_and_no_password() {
    let long = "x".repeat(255);
    for scheme in ["socks4", "socks4a"] {
        parse(&format!("{scheme}://{long}@h:1"));
        for (userinfo, expected) in [
            (format!("{long}x"), CredentialsError::Socks4Username),
            ("u%00".to_owned(), CredentialsError::Socks4Username),
            ("u:p".to_owned(), CredentialsError::Socks4Password),
            ("u:".to_owned(), CredentialsError::Socks4Password),
        ] {
            let url = format!("{scheme}://{userinfo}@h:1");
            assert_eq!(error(&url), expected.into(), "{url}");
        }
    }
}

#[test]
fn http_takes_no_colon_in_the_user_name_and_no_control_characters() {
    let long = "x".repeat(1000);
    for scheme in ["http", "https"] {
        parse(&format!("{scheme}://{long}:{long}:%3a@h:1"));
        for (userinfo, expected) in [
            ("a%3Ab:p", CredentialsError::ColonInUsername),
            ("u:p%0d", CredentialsError::ControlCharacter),
            ("u%7f", CredentialsError::ControlCharacter),
        ] {
            let url = format!("{scheme}://{userinfo}@h:1");
            assert_eq!(error(&url), expected.into(), "{url}");
        }
    }
}

#[test]
fn credentials_given_in_code_have_the_same_limits() {
    let url = parse("socks5://old:old@h:1");
    let changed = url
        .clone()
        .with_credentials(Credentials::new("new", Some("new")));
    assert_eq!(
        changed.unwrap().credentials().unwrap(),
        &Credentials::new("new", Some("new"))
    );
    let refused = url.with_credentials(Credentials::new("", None::<&str>));
    assert_eq!(
        refused.unwrap_err(),
        CredentialsError::Socks5Username.into()
    );
}

#[test]
fn nothing_that_prints_a_url_prints_its_credentials() {
    let url = parse("https://alice:s3cret@h:1");
    let credentials = url.credentials().unwrap();
    assert_eq!(url.to_string(), "https://***@h:1");
    assert_eq!(format!("{url:?}"), "https://***@h:1");
    assert_eq!(format!("{credentials:?}"), "Credentials(***)");
    assert_eq!(serde_json::to_string(&url).unwrap(), r#""https://***@h:1""#);
}

#[test]
fn urls_with_different_credentials_are_different() {
    assert_ne!(parse("http://u:a@h:1"), parse("http://u:b@h:1"));
    assert_ne!(parse("http://u:@h:1"), parse("http://u@h:1"));
    assert_eq!(parse("HTTP://u@H:1/"), parse("http://%75@h:01"));
}
