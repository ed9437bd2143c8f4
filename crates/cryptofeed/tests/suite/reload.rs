//! `cryptofeed run` and SIGHUP.

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::process::Command;

use serde_json::Value;
use testkit::{ExchangeTransport, MockProxy, ProxyKind};

use crate::child::{FullPipe, Running};
use crate::workspace::Workspace;
use crate::world::{World, peers};

fn from(numbers: &[u8]) -> BTreeSet<IpAddr> {
    numbers.iter().map(|n| [127, 0, 0, *n].into()).collect()
}

fn yaml(world: &World, default: &MockProxy, binance: &str) -> String {
    format!(
        "tls: {{ca_file: ca.pem}}\n\
         proxy: {{enabled: true, default: '{}', exchanges: {{binance: '{binance}'}}}}\n{}",
        default.url(),
        world.feeds()
    )
}

/// Fails unless each change of Backpack's book follows to the one before.
fn check_gapless(line: &Value, last: &mut Option<u64>) {
    if line["exchange"] == "backpack" {
        assert_ne!(line["type"], "disconnected");
        if line["type"] == "l2_delta" {
            let id = |key: &str| line[key].as_str().unwrap().parse::<u64>().unwrap();
            let first = id("first_id");
            assert!(last.is_none_or(|last| first == last + 1), "{line}");
            *last = Some(id("last_id"));
        }
    }
}

fn is_fresh_book(line: &Value) -> bool {
    line["exchange"] == "binance" && line["type"] == "l2_snapshot"
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_moves_one_exchange_and_leaves_the_other_gapless() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let old = world.proxy(ProxyKind::Socks5h, 2).await;
    let new = world.proxy(ProxyKind::Http, 3).await;
    workspace.file("cryptofeed.yaml", &yaml(&world, &old, &old.url()));
    let run = workspace.start(&["run", "--format", "jsonl"], &[]);
    let mut last = None;
    let mut deltas = 0;
    run.find(|line| {
        check_gapless(line, &mut last);
        deltas += usize::from(line["type"] == "l2_delta");
        deltas > 20 && last.is_some()
    });

    workspace.file("cryptofeed.yaml", &yaml(&world, &old, &new.url()));
    run.reload();
    run.find(|line| {
        check_gapless(line, &mut last);
        line["exchange"] == "binance" && line["type"] == "disconnected"
    });
    run.find(|line| {
        check_gapless(line, &mut last);
        is_fresh_book(line)
    });

    workspace.file("cryptofeed.yaml", &yaml(&world, &old, "ftp://u:s3cret@h:1"));
    run.reload();
    let mut lines = 0;
    run.find(|line| {
        check_gapless(line, &mut last);
        assert_ne!(line["type"], "disconnected");
        lines += 1;
        lines > 200
    });

    run.terminate();
    let (code, stderr) = run.finish();
    assert_eq!(code, Some(0));
    assert_eq!(
        peers(&world.binance, ExchangeTransport::WebSocket),
        from(&[2, 3])
    );
    assert_eq!(
        peers(&world.backpack, ExchangeTransport::WebSocket),
        from(&[2])
    );
    assert!(stderr.contains("new settings apply"), "{stderr}");
    assert!(stderr.contains("Unsupported proxy scheme: ftp"), "{stderr}");
    assert!(!stderr.contains("s3cret"), "{stderr}");
}

/// Waits for so many changes of books after all that has been read.
fn read_on(run: &Running, last: &mut Option<u64>) {
    let mut deltas = 0;
    run.find(|line| {
        check_gapless(line, last);
        assert_ne!(line["type"], "disconnected", "{line}");
        deltas += usize::from(line["type"] == "l2_delta");
        deltas > 20
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_never_makes_a_route_direct() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let proxy = world.proxy(ProxyKind::Socks5h, 2).await;
    let url = proxy.url();
    let tls = "tls: {ca_file: ca.pem}\n";
    let whole = format!(
        "{tls}{}proxy: {{enabled: true, strict: true, default: '{url}'}}\n",
        world.feeds()
    );
    let file = workspace.file("cryptofeed.yaml", &whole);
    let run = workspace.start(&["run", "--format", "jsonl"], &[]);
    let mut last = None;
    read_on(&run, &mut last);

    let feeds = world.feeds();
    let variants = [
        String::new(),
        "\n".to_owned(),
        "# nothing\n".to_owned(),
        format!("{tls}proxy: {{enabled: true, strict: true, default: '{url}'}}\n"),
        format!("{tls}{feeds}"),
        format!("{tls}{feeds}proxy:\n"),
        format!("{tls}{feeds}proxy: {{}}\n"),
        format!("{tls}{feeds}proxy: {{strict: true, default: '{url}'}}\n"),
        format!("{tls}{feeds}proxy: {{enabled: true, strict: true}}\n"),
        format!("{tls}{feeds}proxy: {{enabled: true, exchanges: {{binance: '{url}'}}}}\n"),
        format!("{tls}{feeds}proxy: {{enabled: true, default: {{http: '{url}'}}}}\n"),
    ];
    for (count, text) in variants.iter().enumerate() {
        fs::write(&file, text).unwrap();
        run.reload();
        run.logged("new settings refused; the old ones stay", count + 1);
        read_on(&run, &mut last);
    }
    fs::remove_file(&file).unwrap();
    run.reload();
    run.logged(
        "new settings refused; the old ones stay",
        variants.len() + 1,
    );
    read_on(&run, &mut last);

    run.terminate();
    let (code, stderr) = run.finish();
    assert_eq!(code, Some(0));
    assert!(!stderr.contains("new settings apply"), "{stderr}");
    for exchange in [&world.binance, &world.backpack] {
        for transport in [ExchangeTransport::Rest, ExchangeTransport::WebSocket] {
            assert_eq!(peers(exchange, transport), from(&[2]));
        }
    }
}

/// The warnings among the lines of a log.
fn warnings(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.contains(" WARN ")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_to_be_direct_becomes_so_with_a_warning_each() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let proxy = world.proxy(ProxyKind::Http, 2).await;
    let yaml = |rule: &str| {
        format!(
            "tls: {{ca_file: ca.pem}}\n\
             proxy: {{enabled: true, default: '{}', exchanges: {{binance: {rule}}}}}\n{}",
            proxy.url(),
            world.feeds()
        )
    };
    let proxied = yaml(&format!("'{}'", proxy.url()));
    workspace.file("cryptofeed.yaml", &proxied);
    let run = workspace.start(&["run", "--format", "jsonl"], &[]);
    run.find(is_fresh_book);
    workspace.file("cryptofeed.yaml", &yaml("direct"));
    run.reload();
    run.find(|line| line["exchange"] == "binance" && line["type"] == "disconnected");
    run.find(is_fresh_book);
    run.terminate();
    let (_, stderr) = run.finish();
    for transport in ["http", "websocket"] {
        let part = format!("connections are direct now exchange=binance transport={transport}");
        assert_eq!(stderr.matches(&part).count(), 1, "{stderr}");
    }
    let exposed = warnings(&stderr);
    let exposed = exposed.iter().filter(|line| line.contains("direct"));
    assert_eq!(exposed.count(), 2, "{stderr}");
    assert_eq!(
        peers(&world.binance, ExchangeTransport::WebSocket),
        from(&[1, 2])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_told_before_the_first_packet() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let proxy = world.proxy(ProxyKind::Http, 2).await;
    let yaml = format!(
        "tls: {{ca_file: ca.pem}}\nproxy: {{enabled: true, exchanges: {{binance: '{}'}}}}\n{}",
        proxy.url(),
        world.feeds()
    );
    workspace.file("cryptofeed.yaml", &yaml);
    let run = workspace.start(&["run", "--format", "jsonl"], &[]);
    run.find(is_fresh_book);
    run.reload();
    run.logged("new settings apply", 1);
    let log = run.logged("route bypasses the proxies", 4);
    run.terminate();
    let told = log.split("connection opened").next().unwrap();
    let redacted = format!("http://***@{}", proxy.address());
    for transport in ["http", "websocket"] {
        let proxied = format!(
            "route exchange=binance transport={transport} route={redacted} source=exchange"
        );
        assert_eq!(told.matches(&proxied).count(), 1, "{told}");
        let direct = format!(
            "WARN cryptofeed::run::routes: route bypasses the proxies exchange=backpack transport={transport} route=direct source=none"
        );
        assert_eq!(told.matches(&direct).count(), 1, "{told}");
        assert_eq!(log.matches(&proxied).count(), 2, "{log}");
        assert_eq!(log.matches(&direct).count(), 2, "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_applies_after_a_restart_only_is_told() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let proxy = world.proxy(ProxyKind::Http, 2).await;
    let before = yaml(&world, &proxy, &proxy.url());
    workspace.file("cryptofeed.yaml", &before);
    let run = workspace.start(&["run", "--format", "jsonl"], &[]);
    run.find(is_fresh_book);
    let told = "the section has changed; it applies after a restart";
    run.reload();
    assert!(!run.logged("new settings apply", 1).contains(told));
    let other = testkit::TestCa::new().unwrap();
    workspace.file("ca.pem", &(world.ca.pem() + &other.pem()));
    run.reload();
    run.logged(&format!("{told} section=\"tls\""), 1);
    let fleet = "fleet: {url: 'nats://127.0.0.1:1'}\n";
    workspace.file("cryptofeed.yaml", &(before.clone() + fleet));
    run.reload();
    run.logged(&format!("{told} section=\"fleet\""), 1);
    run.terminate();
    assert_eq!(run.finish().0, Some(0));
}

/// Makes a pipe in which nobody writes.
fn pipe(workspace: &Workspace, name: &str) {
    let _ = fs::remove_file(workspace.path(name));
    let made = Command::new("mkfifo").arg(workspace.path(name)).status();
    assert!(made.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_does_not_answer_stops_no_stream_and_no_end() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let proxy = world.proxy(ProxyKind::Socks5h, 2).await;
    workspace.file("password", "s3cret");
    let slot = format!(
        "{{url: 'socks5h://{}', username: u, password_file: password}}",
        proxy.address()
    );
    let yaml = format!(
        "tls: {{ca_file: ca.pem}}\n\
         proxy: {{enabled: true, strict: true, default: {{http: {slot}, websocket: {slot}}}}}\n{}",
        world.feeds()
    );
    workspace.file("cryptofeed.yaml", &yaml);
    for blocked in ["password", "ca.pem", "cryptofeed.yaml"] {
        let run = workspace.start(&["run", "--format", "jsonl"], &[]);
        let mut last = None;
        read_on(&run, &mut last);
        let kept = fs::read(workspace.path(blocked)).unwrap();
        pipe(&workspace, blocked);
        run.reload();
        for _ in 0..3 {
            read_on(&run, &mut last);
        }
        run.terminate();
        let (code, stderr) = run.finish();
        assert_eq!(code, Some(0), "{blocked}: {stderr}");
        fs::remove_file(workspace.path(blocked)).unwrap();
        fs::write(workspace.path(blocked), kept).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authorities_of_the_platform_are_read_at_the_start_and_at_no_reload() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let proxy = world.proxy(ProxyKind::Http, 2).await;
    workspace.file("cryptofeed.yaml", &yaml(&world, &proxy, &proxy.url()));
    workspace.file("platform.pem", &world.ca.pem());
    let platform = workspace.path("platform.pem");
    let variables = [("SSL_CERT_FILE", platform.to_str().unwrap())];
    let run = workspace.start(&["run", "--format", "jsonl"], &variables);
    run.find(is_fresh_book);
    pipe(&workspace, "platform.pem");
    run.reload();
    run.logged("new settings apply", 1);
    run.terminate();
    assert_eq!(run.finish().0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_seems_to_be_cut_short_is_refused() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let proxy = world.proxy(ProxyKind::Http, 2).await;
    let whole = format!(
        "tls: {{ca_file: ca.pem}}\n{}proxy:\n  enabled: true\n  default: {}\n",
        world.feeds(),
        proxy.url()
    );
    workspace.file("cryptofeed.yaml", &whole);
    let run = workspace.start(&["run", "--format", "jsonl"], &[]);
    let mut last = None;
    read_on(&run, &mut last);
    // Another port is a valid one.
    workspace.file("cryptofeed.yaml", &whole[..whole.len() - 2]);
    run.reload();
    run.logged(
        "the last line has no newline, so the file may be truncated",
        1,
    );
    read_on(&run, &mut last);
    workspace.file("cryptofeed.yaml", &whole);
    run.reload();
    run.logged("new settings apply", 1);
    run.terminate();
    assert_eq!(run.finish().0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_stops_no_stream_and_no_end() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let proxy = world.proxy(ProxyKind::Socks5h, 2).await;
    let yaml = yaml(&world, &proxy, &proxy.url());
    workspace.file("cryptofeed.yaml", &yaml);
    let (_pipe, stderr) = FullPipe::new();
    let mut command = workspace.cryptofeed(&["run", "--format", "jsonl"], &[]);
    command.stderr(stderr);
    let run = Running::start_unheard(command);
    let mut last = None;
    read_on(&run, &mut last);
    run.reload();
    read_on(&run, &mut last);
    run.terminate();
    assert_eq!(run.finish().0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_during_the_start_waits_for_its_end() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let proxy = world.proxy(ProxyKind::Socks5h, 2).await;
    let yaml = yaml(&world, &proxy, &proxy.url());
    pipe(&workspace, "cryptofeed.yaml");
    let run = workspace.start(&["run", "--format", "jsonl"], &[]);
    run.logged("configuration file", 1);
    run.reload();
    // The pipe takes this when the command reads it, for the start; then it is a file.
    fs::write(workspace.path("cryptofeed.yaml"), &yaml).unwrap();
    fs::remove_file(workspace.path("cryptofeed.yaml")).unwrap();
    workspace.file("cryptofeed.yaml", &yaml);
    run.find(is_fresh_book);
    run.logged("new settings apply", 1);
    run.terminate();
    assert_eq!(run.finish().0, Some(0));
}
