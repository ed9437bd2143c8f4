//! `cryptofeed probe --egress`.

use serde_json::Value;
use testkit::ProxyKind;

use crate::mirror::{Mirror, ok, once};
use crate::probe::{configure, probes};
use crate::workspace::Workspace;
use crate::world::World;

fn texts(probes: &[Value], key: &str) -> Vec<Option<String>> {
    let texts = probes.iter().map(|probe| probe[key].as_str());
    texts.map(|text| text.map(str::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_of_each_exit_is_asked_for_once_through_that_exit() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let mirror = Mirror::honest().await;
    let [connect, socks, https] = [
        world.proxy(ProxyKind::Http, 2).await,
        world.proxy(ProxyKind::Socks5h, 3).await,
        world.proxy(ProxyKind::Https, 4).await,
    ];
    let rules = format!(
        "proxy:\n  enabled: true\n  strict: true\n  default: '{connect}'\n  exchanges:\n\
         \x20   binance:\n\
         \x20     http: {{url: '{socks}', via: ['{connect}']}}\n\
         \x20     websocket: {{pool: {{proxies: ['{socks}', '{https}', {{direct: {{bind: 127.0.0.7}}}}]}}}}\n",
        connect = connect.url(),
        socks = socks.url(),
        https = https.url(),
    );
    configure(&workspace, &world, &rules);
    let arguments = ["probe", "--json", "--egress", &mirror.url()];
    let run = workspace.output(&arguments, &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let probes = probes(&run.stdout);
    let seen = [
        "127.0.0.3",
        "127.0.0.3",
        "127.0.0.4",
        "127.0.0.7",
        "127.0.0.2",
        "127.0.0.2",
    ];
    let seen = seen.map(|address| Some(address.to_owned()));
    assert_eq!(texts(&probes, "seen_egress"), seen);
    assert_eq!(texts(&probes, "egress_error"), vec![None; 6]);
    // The same proxy by another way is another exit; two exchanges through one are one.
    let mut asked = once(&["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.7"]);
    asked.insert("127.0.0.3".to_owned(), 2);
    assert_eq!(mirror.asked(), asked);
    assert!(run.stderr.contains("11/11 egress of "), "{}", run.stderr);

    let text = workspace.output(&["probe", "--egress", &mirror.url()], &[]);
    let row = |way: &str, egress: &str| {
        let mut lines = text.stdout.lines();
        lines.any(|line| line.contains(way) && line.contains(&format!("┆ {egress} ")))
    };
    assert!(
        row("direct from 127.0.0.7 (pool)", "127.0.0.7"),
        "{}",
        text.stdout
    );
    assert!(
        row("https://***@127.0.0.1:", "127.0.0.4"),
        "{}",
        text.stdout
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_exit_and_on_a_refused_route_nobody_is_asked_in_its_place() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let mirror = Mirror::honest().await;
    let [dead, alive] = [
        world.proxy(ProxyKind::Http, 2).await,
        world.proxy(ProxyKind::Socks5h, 3).await,
    ];
    dead.stop().await;
    let rules = format!(
        "proxy:\n  enabled: true\n  strict: true\n  exchanges:\n    binance:\n\
         \x20     websocket: {{pool: {{proxies: ['{dead}', '{alive}', {{direct: {{bind: 192.0.2.7}}}}]}}}}\n",
        dead = dead.url(),
        alive = alive.url(),
    );
    configure(&workspace, &world, &rules);
    let url = mirror.url();
    let arguments = ["probe", "--json", "--exchange", "binance", "--egress", &url];
    let run = workspace.output(&arguments, &[]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert_eq!(mirror.asked(), once(&["127.0.0.3"]));
    let probes = probes(&run.stdout);
    let seen = [None, None, Some("127.0.0.3".to_owned()), None];
    assert_eq!(texts(&probes, "seen_egress"), seen);
    let errors = texts(&probes, "egress_error");
    // Nothing was asked on the refused route, so nothing has failed there.
    assert_eq!(errors[0], None);
    let of = |index: usize| errors[index].as_deref().unwrap();
    let to_proxy = format!("connect to proxy {}: connection refused", dead.address());
    assert!(
        of(1).starts_with("failed to ") && of(1).contains(&to_proxy),
        "{errors:?}"
    );
    assert!(of(3).contains("192.0.2.7"), "{errors:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_no_address_is_an_error_that_says_what_it_is() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let proxy = world.proxy(ProxyKind::Http, 2).await;
    configure(&workspace, &world, &format!("proxy: '{}'\n", proxy.url()));
    let page = "<html>log in</html>";
    for (answer, expected) in [
        (
            ok(page),
            "body \"<html>log in</html>\": it is not an IP address",
        ),
        (ok(""), "it is not an IP address"),
        (ok("0.0.0.0"), "it is not an IP address"),
        (
            ok(&"203.0.113.7 ".repeat(1000)),
            "failed to accept the answer to ",
        ),
        (
            "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n".to_owned(),
            "status 503",
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
                .to_owned(),
            "status 302",
        ),
        ("SSH-2.0-OpenSSH\r\n\r\n".to_owned(), "failed to complete "),
    ] {
        let mirror = Mirror::start(move |_| answer.clone()).await;
        let url = mirror.url();
        let arguments = ["probe", "--json", "--exchange", "binance", "--egress", &url];
        let run = workspace.output(&arguments, &[]);
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        let probes = probes(&run.stdout);
        assert_eq!(texts(&probes, "seen_egress"), [None, None]);
        for error in texts(&probes, "egress_error") {
            let error = error.unwrap();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("format=text"), "{error}");
        }
        // The exchange itself is reached.
        assert!(probes.iter().all(|probe| probe["verdict"] == "ok"));
        assert_eq!(mirror.asked(), once(&["127.0.0.2"]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_not_the_configured_one_is_told() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let mirror = Mirror::honest().await;
    let [right, wrong] = [
        world.proxy(ProxyKind::Http, 2).await,
        world.proxy(ProxyKind::Http, 3).await,
    ];
    let rules = format!(
        "proxy:\n  enabled: true\n  default:\n\
         \x20   http: {{url: '{right}', egress: 127.0.0.2}}\n\
         \x20   websocket: {{url: '{wrong}', egress: 203.0.113.7}}\n",
        right = right.url(),
        wrong = wrong.url(),
    );
    configure(&workspace, &world, &rules);
    let run = workspace.output(&["probe", "--egress", &mirror.url()], &[]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("not ok: 2 of 4"), "{}", run.stderr);
    assert!(run.stdout.contains("┆ 127.0.0.2 "), "{}", run.stdout);
    assert!(
        run.stdout.contains("┆ 127.0.0.3, unexpected "),
        "{}",
        run.stdout
    );
    // Once for all lines of the exit.
    let note = "\n  it is 127.0.0.3, and `egress` says 203.0.113.7\n";
    assert_eq!(run.stdout.matches(note).count(), 1, "{}", run.stdout);
    // Nobody is asked unless that is requested.
    let run = workspace.output(&["probe", "--json"], &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(mirror.asked(), once(&["127.0.0.2", "127.0.0.3"]));
}

#[test]
fn what_cannot_be_asked_is_an_error_of_usage() {
    let workspace = Workspace::new();
    workspace.file(
        "cryptofeed.yaml",
        "proxy: direct\nfeeds: {binance: {symbols: [BTC-USDT]}}\n",
    );
    for (url, problem) in [
        (
            "ftp://mirror.example/",
            "--egress: the URL must begin with https:// or http://",
        ),
        (
            "mirror.example",
            "--egress: expected a URL, such as https://server.example/path",
        ),
        (
            "http://u:s3cret@mirror.example/",
            "--egress: the URL must not have a login, which would not be sent",
        ),
    ] {
        let run = workspace.output(&["probe", "--egress", url], &[]);
        assert_eq!(run.code, Some(2));
        assert!(run.stderr.contains(problem), "{}", run.stderr);
        assert!(!run.stderr.contains("s3cret"), "{}", run.stderr);
    }
}
