//! Lists of proxies, as files and servers give them.

use proptest::prelude::*;
use proxy_config::{
    Bind, DirectExit, ListFault, PoolConfig, PoolMember, PoolSource, ProxyList, ProxyServer,
};
use testkit::Canary;

fn urls(list: &ProxyList) -> Vec<String> {
    let members = list.members().iter();
    members
        .map(|member| member.server().unwrap().url().to_string())
        .collect()
}

fn faults(list: &ProxyList) -> Vec<String> {
    list.faults().iter().map(ToString::to_string).collect()
}

#[test]
fn a_list_is_one_url_a_line_with_comments() {
    let text =
        "\u{FEFF}# Frankfurt\r\n\r\nsocks5h://u:p@a:1\r\n  http://b:2   # spare\nhttps://c:3";
    let list = ProxyList::parse(text.as_bytes());
    assert_eq!(
        urls(&list),
        ["socks5h://***@a:1", "http://b:2", "https://c:3"]
    );
    assert!(list.faults().is_empty() && !list.is_empty());
}

#[test]
fn a_list_in_yaml_or_json_has_what_members_of_a_pool_have() {
    let yaml = "# Frankfurt\n- http://a:1\n- url: socks5h://b:2\n  username: u\n  password: 012\n  weight: 3\n- {url: 'http://c:3', enabled: no}\n";
    let json = r#"["http://a:1", {"url": "socks5h://b:2", "username": "u", "password": "012", "weight": 3},
        {"url": "http://c:3", "enabled": false}]"#;
    for text in [yaml, json] {
        let list = ProxyList::parse(text.as_bytes());
        assert_eq!(faults(&list), [""; 0]);
        let expected = ["http://a:1", "socks5h://u:012@b:2", "http://c:3"]
            .map(|url| PoolMember::new(url.parse::<proxy_config::ProxyUrl>().unwrap()));
        let [a, b, c] = expected;
        let expected = [a, b.with_weight(3).unwrap(), c.with_enabled(false)];
        assert_eq!(list.members(), expected);
    }
}

#[test]
fn members_of_a_list_may_differ_in_their_headers_alone() {
    let list = ProxyList::parse(
        b"- {url: 'https://a:1', headers: {X-Session: a1}}\n- {url: 'https://a:1', headers: {X-Session: b2}}\n\
          - {url: 'https://a:1', headers: {x-session: a1}}\n- {url: 'socks5h://b:2', headers: {X-Session: a1}}\n",
    );
    let headers = |member: &PoolMember| member.server().unwrap().headers().iter().count();
    let headers: Vec<_> = list.members().iter().map(headers).collect();
    assert_eq!(headers, [1, 1]);
    assert_eq!(
        faults(&list),
        [
            "line 3: the proxy is listed twice",
            "line 4: headers: headers apply to http and https proxies only; the scheme of this one is \
             socks5h",
        ]
    );
}

#[test]
fn what_is_bad_is_named_by_its_line_and_the_rest_is_used() {
    let lines = "http://a:1\nb:2\n\nftp://c:3\nhttp://a:1\nhttp://d:4";
    let list = ProxyList::parse(lines.as_bytes());
    assert_eq!(urls(&list), ["http://a:1", "http://d:4"]);
    assert_eq!(
        faults(&list),
        [
            "line 2: Proxy URL must include scheme (http://, https://, socks4://, socks4a://, \
             socks5:// or socks5h://)",
            "line 4: Unsupported proxy scheme: ftp; expected http, https, socks4, socks4a, socks5 \
             or socks5h",
            "line 5: the proxy is listed twice",
        ]
    );
    let yaml = "- http://a:1\n- url: http://b\n- {url: 'http://c:3', weight: 0}\n- [http://d:4]\n\
                - {url: 'http://e:5', colour: red}\n- ~\n- http://f:6\n";
    let list = ProxyList::parse(yaml.as_bytes());
    assert_eq!(urls(&list), ["http://a:1", "http://f:6"]);
    let lines: Vec<_> = list.faults().iter().map(ListFault::line).collect();
    assert_eq!(lines, [2, 3, 4, 5, 6]);
    assert_eq!(
        list.faults()[1].problem(),
        "weight: expected a whole number from 1 to 100"
    );
}

#[test]
fn a_list_names_no_files_of_this_machine_and_no_way_without_a_proxy() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let yaml = format!(
        "- {{url: 'http://a:1', username: u, password_file: '{manifest}'}}\n\
         - {{url: 'https://b:2', tls: {{ca_file: '{manifest}'}}}}\n\
         - {{url: 'https://c:3', headers_file: '{manifest}'}}\n"
    );
    let list = ProxyList::parse(yaml.as_bytes());
    assert!(list.is_empty());
    assert_eq!(
        faults(&list),
        [
            "line 1: password_file: only the configuration itself can set this",
            "line 2: tls: only the configuration itself can set this",
            "line 3: headers_file: only the configuration itself can set this",
        ]
    );
    for text in [
        "direct",
        "- direct",
        "- {direct: {bind: 127.0.0.1}}",
        "- {url: direct}",
        "- {url: 'http://a:1', via: ['http://b:2']}",
        "- {url: 'http://a:1', bind: 127.0.0.1}",
        "- {url: 'http://a:1', direct: {bind: 127.0.0.1}}",
    ] {
        let list = ProxyList::parse(text.as_bytes());
        assert!(list.is_empty() && list.refused() == 1, "{text}");
    }
}

#[test]
fn a_list_of_a_program_has_no_exits_of_this_machine_either() {
    let bind: Bind = "127.0.0.7".parse().unwrap();
    let proxy = ProxyServer::new("http://a:1".parse().unwrap());
    let direct = PoolMember::direct_from(DirectExit::new(bind.clone()));
    let bound = PoolMember::new(proxy.clone().with_bind(bind));
    let list = ProxyList::new([direct.clone(), bound, PoolMember::new(proxy.clone())]);
    assert_eq!(list.members(), [PoolMember::new(proxy.clone())]);
    assert_eq!(
        faults(&list),
        [
            "line 1: a list cannot name a direct exit",
            "line 2: a list cannot name a local address",
        ]
    );
    // Nor may anything else that fills a pool in the place of a list: it may be behind `via`.
    let pool = PoolConfig::from_source(PoolSource::program("p"));
    let pool = pool.with_via([proxy]).unwrap().with_listed([direct]);
    assert!(pool.members().is_empty());
}

#[test]
fn a_list_says_by_which_address_a_proxy_leaves() {
    let list = ProxyList::parse(b"- {url: 'http://a:1', egress: 192.0.2.7}");
    let egress = list.members()[0].server().unwrap().egress();
    assert_eq!(egress, Some("192.0.2.7".parse().unwrap()));
}

#[test]
fn what_is_no_list_is_empty_and_says_why() {
    for (text, fault) in [
        (&b""[..], None),
        (b"# nothing\n\n", None),
        (b"[]", None),
        (b"\xFF\xFE", Some("line 1: the list is not UTF-8")),
        (b"[http://a:1", Some("line ")),
        (b"- http://a:1\n- 'http://b:2\n", Some("line ")),
        (b"- {url: 'http://a:1', enabled: no}", None),
        (b"<html><body>Bad Gateway</body></html>", Some("line 1: ")),
    ] {
        let list = ProxyList::parse(text);
        assert!(list.is_empty(), "{text:?}");
        let told = faults(&list);
        assert_eq!(told.len(), usize::from(fault.is_some()), "{told:?}");
        assert!(told.iter().all(|told| told.starts_with(fault.unwrap())));
    }
}

#[test]
fn a_list_is_bounded_and_so_is_what_is_told_of_it() {
    let proxies: String = (0..10_100).map(|n| format!("http://h{n}:1\n")).collect();
    let list = ProxyList::parse(proxies.as_bytes());
    assert_eq!(list.members().len(), 10_000);
    assert_eq!((list.refused(), list.faults().len()), (100, 16));
    assert_eq!(
        list.faults()[0].to_string(),
        "line 10001: there are more than 10000 proxies"
    );
}

proptest! {
    #[test]
    fn whatever_is_wrong_with_an_entry_no_fault_shows_its_secrets(
        secret in "[QZ]{7}[a-z0-9]{0,12}",
        line in prop::sample::select(vec![
            "http://u:@@h:1", "http://u:@@h", "u:@@h:1", "@", "http://h:1/@", "ftp://@:p@h:1",
            "http://u:@%@h:1", "http://u: @@h:1",
        ]),
        form in prop::sample::select(vec!["@", "- @", "- {url: '@', weight: 0}", "- {'@': 1}",
            "- {url: 'http://h:1', password: '@'}", "- '@", "- [@]", "- {url: http://h:1, @}"]),
    ) {
        let text = form.replacen('@', &line.replacen('@', &secret, 1), 1);
        let list = ProxyList::parse(text.as_bytes());
        let told = format!("{list:?} {:?}", faults(&list));
        prop_assert!(Canary::new(&secret).form_in(&told).is_none(), "{told}");
    }
}
