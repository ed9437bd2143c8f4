//! What `cryptofeed run` tells of failures.

use std::fs;
use std::path::Path;

use serde_json::Value;
use testkit::{Fault, MockProxy, ProxyKind};

use crate::child::Running;
use crate::workspace::Workspace;
use crate::world::World;

/// Fails unless an operator can look up `text` in the user guide.
fn check_explained(text: &str) {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/user-guide.md");
    let guide = fs::read_to_string(guide).unwrap();
    let (_, troubleshooting) = guide.split_once("## Troubleshooting").unwrap();
    assert!(
        troubleshooting.contains(text),
        "{text:?} is not in the guide"
    );
}

/// A configuration in which everything goes through a pool of one.
fn configure_pool(workspace: &Workspace, world: &World, member: &MockProxy) {
    let (url, feeds) = (member.url(), world.feeds());
    let yaml = format!(
        "tls: {{ca_file: ca.pem}}\n\
         proxy: {{enabled: true, default: {{pool: {{proxies: ['{url}']}}}}}}\n{feeds}"
    );
    workspace.file("cryptofeed.yaml", &yaml);
}

/// The reason of the next `disconnected` event of Binance, which is in the log as well.
fn disconnected(run: &Running) -> String {
    let is_wanted = |line: &Value| line["type"] == "disconnected" && line["exchange"] == "binance";
    let event = run.find(is_wanted);
    let reason = event["reason"].as_str().unwrap().to_owned();
    // Up to what is quoted, which the log escapes.
    run.logged(reason.split('"').next().unwrap(), 1);
    reason
}

#[test]
fn every_end_of_a_stream_is_explained() {
    for text in [
        "nothing received for",
        "nothing could be sent for",
        "closed by the exchange",
        "the connection ended without a close frame",
        "the exchange announced a shutdown",
        "needs another connection",
        "its route has changed",
        "was cut off (no close_notify)",
        "no list of instruments: nothing is trading",
        "through proxy",
    ] {
        check_explained(text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_and_a_refused_upgrade_name_the_exchange_and_the_member_of_the_pool() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let member = world.proxy(ProxyKind::Socks5h, 2).await;
    configure_pool(&workspace, &world, &member);
    let run = workspace.start(&["run", "--format", "jsonl"], &[]);
    run.find(|line| line["type"] == "ticker" && line["exchange"] == "binance");
    world.binance.inject(Fault::UpgradeStatus {
        status: 451,
        body: "not here".to_owned(),
        count: 1,
    });
    world.binance.cut_streams().await;
    let (exchange, proxy) = (world.binance.ws_addr(), member.address());
    assert_eq!(
        disconnected(&run),
        format!(
            "{exchange} through proxy {proxy}: failed to keep the websocket open: the connection \
             broke: tls with {exchange} was cut off (no close_notify), by {exchange} or on the way"
        )
    );
    let refused = format!(
        "failed to upgrade to websocket at {exchange} through proxy {proxy}: declined: status 451"
    );
    let reason = disconnected(&run);
    assert!(reason.starts_with(&refused), "{reason}");
    run.terminate();
    assert_eq!(run.finish().0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_errors_name_the_request_and_the_member_of_the_pool() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let member = world.proxy(ProxyKind::Http, 2).await;
    configure_pool(&workspace, &world, &member);
    let unavailable = || {
        world.binance.inject(Fault::RestStatus {
            status: 503,
            body: String::new(),
            count: 1,
        });
    };
    let (exchange, proxy) = (world.binance.rest_addr(), member.address());
    let reason = |path: &str| {
        format!("failed to succeed with GET {exchange}{path} through proxy {proxy}: status 503")
    };
    unavailable();
    let run = workspace.start(&["run", "--format", "jsonl"], &[]);
    let no_list = disconnected(&run);
    let list = format!("no list of instruments: {}", reason("/api/v3/exchangeInfo"));
    assert!(no_list.starts_with(&list), "{no_list}");
    // Of both symbols: what is under way when the stream is cut gets the answer, and nobody hears it.
    for _ in 0..2 {
        run.find(|line| line["type"] == "l2_snapshot" && line["exchange"] == "binance");
    }
    unavailable();
    world.binance.cut_streams().await;
    let failed = run.find(|line| line["type"] == "snapshot_failed");
    let no_snapshot = failed["reason"].as_str().unwrap();
    assert!(
        no_snapshot.starts_with(&reason("/api/v3/depth")),
        "{no_snapshot}"
    );
    run.terminate();
    assert_eq!(run.finish().0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_trusted_names_the_proxy_that_led_to_it_and_is_an_error() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let proxy = world.proxy(ProxyKind::Http, 2).await;
    let yaml = format!("proxy: '{}'\n{}", proxy.url(), world.feeds());
    workspace.file("cryptofeed.yaml", &yaml);
    let run = workspace.start(&["run", "--format", "jsonl"], &[]);
    let reason = disconnected(&run);
    let (exchange, proxy) = (world.binance.rest_addr(), proxy.address());
    let tls =
        format!("establish tls with {exchange} through proxy {proxy}: certificate not accepted");
    assert!(reason.contains(&tls), "{reason}");
    assert!(reason.contains("GET "), "{reason}");
    // Nothing changes by itself, so it is tried again after a minute.
    let log = run.logged("disconnected", 1);
    let line = log
        .lines()
        .find(|line| line.contains("disconnected"))
        .unwrap();
    assert!(
        line.contains("ERROR") && line.contains("retry_in_s=60"),
        "{line}"
    );
    run.terminate();
    assert_eq!(run.finish().0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_a_reload_moves_has_not_failed() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let [old, new] = [
        world.proxy(ProxyKind::Socks5h, 2).await,
        world.proxy(ProxyKind::Http, 3).await,
    ];
    let configure = |url: &str| {
        let feeds = world.feeds();
        let yaml = format!("tls: {{ca_file: ca.pem}}\nproxy: '{url}'\n{feeds}");
        workspace.file("cryptofeed.yaml", &yaml);
    };
    configure(&old.url());
    let run = workspace.start(&["run", "--format", "jsonl"], &[]);
    run.find(|line| line["type"] == "ticker" && line["exchange"] == "binance");
    configure(&new.url());
    run.reload();
    disconnected(&run);
    run.terminate();
    let (code, log) = run.finish();
    assert_eq!(code, Some(0), "{log}");
    let told: Vec<_> = log
        .lines()
        .filter(|line| line.contains(": disconnected "))
        .collect();
    assert!(
        !told.is_empty() && told.iter().all(|line| line.contains(" INFO ")),
        "{log}"
    );
}
