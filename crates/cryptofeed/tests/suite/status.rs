//! `cryptofeed status`, and the listener that it asks.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use testkit::{Canary, Fault, ProxyKind};

use crate::child::{PATIENCE, Running};
use crate::workspace::{Finished, Workspace};
use crate::world::World;

/// Where a run that was told to listen on port 0 tells its status.
pub(crate) fn address_of(run: &Running) -> SocketAddr {
    let log = run.logged("status is told address=", 1);
    let (_, rest) = log.split_once("status is told address=").unwrap();
    rest.split_whitespace().next().unwrap().parse().unwrap()
}

/// What a listener answers to a request for `path`, with its head.
#[expect(clippy::disallowed_methods, reason = "the client of a test")]
pub(crate) fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Asks for readiness until the exit code is `code`, and returns the last answer.
fn until(workspace: &Workspace, address: SocketAddr, code: i32) -> Finished {
    let address = address.to_string();
    let end = Instant::now() + PATIENCE;
    loop {
        let asked = workspace.output(&["status", "--ready", "--address", &address], &[]);
        if asked.code == Some(code) {
            return asked;
        }
        assert!(Instant::now() < end, "{asked:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ready_names_the_exchange_and_the_proxy_whose_stream_is_mute_and_takes_it_back() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let one = world.proxy(ProxyKind::Socks5h, 2).await;
    let other = world.proxy(ProxyKind::Http, 3).await;
    let yaml = format!(
        "tls: {{ca_file: ca.pem}}\n\
         status: {{listen: 127.0.0.1:0, ready_after_seconds: 2}}\n\
         proxy: {{enabled: true, default: '{}', exchanges: {{backpack: '{}'}}}}\n{}",
        one.url(),
        other.url(),
        world.feeds()
    );
    workspace.file("cryptofeed.yaml", &yaml);
    let run = workspace.start(&["run", "--format", "jsonl"], &[]);
    let address = address_of(&run);
    assert_eq!(until(&workspace, address, 0).stdout, "ready\n");
    assert!(get(address, "/ready").starts_with("HTTP/1.1 200 "));

    world.backpack.inject(Fault::Mute);
    let refused = until(&workspace, address, 1).stderr;
    let culprit = format!("no data: backpack via {}", other.address());
    assert!(refused.contains("error: not ready\n"), "{refused}");
    assert!(refused.contains(&culprit), "{refused}");
    assert!(!refused.contains("binance"), "{refused}");
    let answer = get(address, "/ready");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let readiness: Value = serde_json::from_str(body).unwrap();
    assert_eq!(readiness["is_ready"], false);
    assert_eq!(readiness["culprits"][0]["fault"], "no_data");
    assert_eq!(
        readiness["culprits"][0]["proxy"],
        other.address().to_string()
    );
    assert!(readiness["culprits"][0]["since_ns"].is_i64());

    world.backpack.resume();
    until(&workspace, address, 0);
    run.terminate();
    assert_eq!(run.finish().0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn ready_names_the_symbol_whose_book_stays_invalid() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let proxy = world.proxy(ProxyKind::Socks5h, 2).await;
    let yaml = format!(
        "tls: {{ca_file: ca.pem}}\n\
         status: {{listen: 127.0.0.1:0, ready_after_seconds: 1}}\n\
         proxy: {{enabled: true, default: '{}'}}\n{}",
        proxy.url(),
        world.feeds()
    );
    workspace.file("cryptofeed.yaml", &yaml);
    let run = workspace.start(&["run", "--format", "jsonl"], &[]);
    let address = address_of(&run);
    let mut joined = BTreeSet::new();
    run.find(|line| {
        if line["type"] == "l2_snapshot" && line["exchange"] == "binance" {
            joined.insert(line["symbol"].to_string());
        }
        joined.len() == 2
    });
    until(&workspace, address, 0);
    // The book has a hole, and no snapshot closes it.
    world.binance.inject(Fault::RestStatus {
        status: 503,
        body: "maintenance".to_owned(),
        count: u32::MAX,
    });
    world.binance.inject(Fault::DropDepth(1));
    let refused = until(&workspace, address, 1).stderr;
    let symbol = ["BTC-USDT", "ETH-USDT"].map(|symbol| {
        format!(
            "invalid book: binance {symbol} l2_book via {}: gap",
            proxy.address()
        )
    });
    assert!(
        symbol.iter().any(|line| refused.contains(line)),
        "{refused}"
    );
    world.binance.resume();
    until(&workspace, address, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_has_routes_proxies_connections_symbols_and_events() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let proxy = world.proxy(ProxyKind::Socks5h, 2).await;
    let yaml = format!(
        "tls: {{ca_file: ca.pem}}\n\
         proxy: {{enabled: true, strict: true, default: '{}'}}\n{}",
        proxy.url(),
        world.feeds()
    );
    workspace.file("cryptofeed.yaml", &yaml);
    workspace.file("token", "a-token-of-this-test\n");
    let variables = [("CRYPTOFEED_STATUS_TOKEN_FILE", "token")];
    let run = workspace.start(
        &["run", "--format", "jsonl", "--status", "127.0.0.1:0"],
        &variables,
    );
    let address = address_of(&run).to_string();
    let ask = |arguments: &[&str]| {
        let asking = ["status", "--address", &address, "--token-file", "token"];
        workspace.output(&[&asking, arguments].concat(), &[])
    };
    let stranger = workspace.output(&["status", "--address", &address], &[]);
    assert_eq!(stranger.code, Some(1));
    assert!(
        stranger.stderr.contains("it asks for another token"),
        "{stranger:?}"
    );
    let bare = workspace.output(&["status", "--ready", "--address", &address], &[]);
    assert!(
        bare.code == Some(0) || bare.stderr.contains("not ready"),
        "{bare:?}"
    );

    run.find(|line| line["exchange"] == "binance" && line["type"] == "l2_snapshot");
    run.reload();
    run.logged("new settings apply", 1);
    let end = Instant::now() + PATIENCE;
    let status = loop {
        let status: Value = serde_json::from_str(&ask(&["--json"]).stdout).unwrap();
        // What is told may be a quarter of a second old.
        if status["events"].to_string().contains("reloaded") {
            break status;
        }
        assert!(Instant::now() < end, "{status}");
    };
    assert_eq!(status["v"], 1);
    let redacted = format!("socks5h://***@{}", proxy.address());
    let routes = status["routes"].as_array().unwrap();
    let is_it = |it: &&Value| it["exchange"] == "binance" && it["transport"] == "websocket";
    let route = routes.iter().find(is_it).unwrap();
    assert_eq!(route["route"], redacted);
    assert_eq!(route["source"], "default");
    assert_eq!(route["set_by"], "cryptofeed.yaml:2:47");
    assert_eq!(status["proxies"][0]["name"], redacted);
    let binance = &status["exchanges"][1];
    assert_eq!(binance["exchange"], "binance");
    assert_eq!(binance["symbols"][0]["symbol"], "BTC-USDT");
    assert_eq!(
        binance["connections"][0]["proxies"][0],
        proxy.address().to_string()
    );
    assert!(status["output"]["events"].as_u64() > Some(0));
    let budgets = status["budgets"].as_array().unwrap();
    assert!(
        budgets.iter().any(|it| it["budget"] == "weight"),
        "{budgets:?}"
    );

    let text = ask(&[]).stdout;
    for part in [
        &redacted,
        "binance #1",
        "cryptofeed.yaml:2:47",
        "connected via",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    run.terminate();
    let (code, log) = run.finish();
    assert_eq!(code, Some(0));
    assert!(!log.contains("a-token-of-this-test"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_told_has_a_login() {
    const USER: &str = "Qkanarie@/%ü";
    const PASSWORD: &str = "Zkanarie@/:%ß☂";
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    // One proxy takes the login, the other one does not, and tells of it.
    let open = world.proxy_for(ProxyKind::Http, 3, USER, PASSWORD).await;
    let strict = world.proxy(ProxyKind::Socks5h, 2).await;
    let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let login = format!("{}:{}", encode(USER), encode(PASSWORD));
    let (open, strict) = (open.address(), strict.address());
    let yaml = format!(
        "tls: {{ca_file: ca.pem}}\n\
         status: {{listen: 127.0.0.1:0}}\n\
         proxy: {{enabled: true, default: 'http://{login}@{open}', \
         exchanges: {{binance: {{http: 'http://{login}@{open}', \
         ws: {{pool: {{proxies: ['socks5h://{login}@{strict}', 'http://{login}@{open}']}}}}}}}}}}\n{}",
        world.feeds()
    );
    workspace.file("cryptofeed.yaml", &yaml);
    let run = workspace.start(&["run", "--format", "jsonl"], &[]);
    let address = address_of(&run);
    let deadline = Instant::now() + PATIENCE;
    while !get(address, "/status.json").contains("does not accept") {
        assert!(
            Instant::now() < deadline,
            "{}",
            get(address, "/status.json")
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    let canary = Canary::of_login(USER, PASSWORD);
    for path in ["/", "/status.json", "/ready"] {
        let answer = get(address, path);
        assert_eq!(canary.form_in(&answer), None, "{path}: {answer}");
    }
    let shown = workspace.output(&["status", "--address", &address.to_string()], &[]);
    assert!(shown.stdout.contains("socks5h://***@"), "{shown:?}");
    assert_eq!(canary.form_in(&shown.stdout), None, "{shown:?}");
}

#[test]
fn an_address_that_others_reach_is_refused_without_a_token() {
    let workspace = Workspace::new();
    let feeds = "feeds: {binance: {symbols: [BTC-USDT], rest_url: 'http://127.0.0.1:1', ws_url: 'ws://127.0.0.1:1'}}\n";
    let write = |status: &str| {
        workspace.file("cryptofeed.yaml", &format!("status: {status}\n{feeds}"));
    };
    workspace.file("token", "a-token-of-this-test");
    workspace.file("short", "short");
    for (status, problem) in [
        (
            "{listen: '0.0.0.0:9464'}",
            "status.listen (from cryptofeed.yaml:1:18): other machines can reach this address; set `status.token_file`",
        ),
        (
            "{listen: '0.0.0.0:9464', insecure: false}",
            "other machines can reach this address",
        ),
        (
            "{listen: 9464}",
            "expected an address and a port, such as 127.0.0.1:9464",
        ),
        (
            "{listen: 'localhost:9464'}",
            "expected an address and a port, such as 127.0.0.1:9464",
        ),
        (
            "{listen: '127.0.0.1:9464', token_file: short}",
            "cannot be used: expected 16 characters or more",
        ),
        (
            "{listen: '127.0.0.1:9464', token_file: missing}",
            "could not be read",
        ),
        (
            "{listen: '127.0.0.1:9464', hosts: 'a b'}",
            "expected names of machines, without ports",
        ),
        (
            "{ready_after_seconds: 0}",
            "expected a whole number from 1 to 3600",
        ),
        ("{lisen: '127.0.0.1:9464'}", "did you mean `listen`?"),
    ] {
        write(status);
        let check = workspace.output(&["check"], &[]);
        assert_eq!(check.code, Some(2), "{status}: {check:?}");
        assert!(check.stderr.contains(problem), "{status}: {}", check.stderr);
    }
    for status in [
        "{listen: '0.0.0.0:9464', insecure: true}",
        "{listen: '0.0.0.0:9464', token_file: token}",
        "{listen: '[::1]:9464', hosts: [cryptofeed, cryptofeed.example]}",
    ] {
        write(status);
        assert_eq!(workspace.output(&["check"], &[]).code, Some(0), "{status}");
    }
    write("{ready_after_seconds: 5}");
    let run = workspace.output(&["run", "--status", "0.0.0.0:0"], &[]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr
            .contains("--status 0.0.0.0:0: other machines can reach"),
        "{run:?}"
    );
    let nowhere = workspace.output(&["status"], &[]);
    assert_eq!(nowhere.code, Some(2));
    assert!(
        nowhere.stderr.contains("no listener is configured"),
        "{nowhere:?}"
    );
    let nobody = workspace.output(&["status", "--ready", "--address", "127.0.0.1:1"], &[]);
    assert_eq!(nobody.code, Some(1));
    assert!(
        nobody.stderr.contains("ask for the status at 127.0.0.1:1"),
        "{nobody:?}"
    );
}
