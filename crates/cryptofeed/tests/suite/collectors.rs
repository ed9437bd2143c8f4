//! `run --fleet` with a real NATS server.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use testkit::MockExchange;

use crate::child::{PATIENCE, Running};
use crate::nats::{json, market, trade};
use crate::nats_server::NatsServer;
use crate::status::{address_of, get};
use crate::workspace::Workspace;

/// Binance with so many symbols, and a configuration of collectors that share them.
async fn shared(workspace: &Workspace, server: &NatsServer, symbols: usize) -> MockExchange {
    let url = server.url();
    let sections = format!(
        "sinks: {{stdout: true, nats: {{url: '{url}'}}}}\n\
         fleet: {{url: '{url}', lease_seconds: 2, shards: 16}}\n"
    );
    market(workspace, symbols, 400.0, &sections).await
}

fn collector(workspace: &Workspace) -> Running {
    workspace.start(&["run", "--format", "jsonl"], &[])
}

/// Waits for trades of so many symbols.
fn streams(run: &Running, symbols: usize) {
    let mut seen = HashSet::new();
    run.find(|event| {
        seen.extend(trade(event).map(|(symbol, _)| symbol));
        seen.len() >= symbols
    });
}

/// The ids of the trades that are stored of each symbol, in order.
fn stored(server: &NatsServer) -> BTreeMap<String, Vec<u64>> {
    let mut stored: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for message in server.messages("MD") {
        if let Some((symbol, id)) = trade(&json(&message.payload)) {
            stored.entry(symbol).or_default().push(id.parse().unwrap());
        }
    }
    stored.values_mut().for_each(|ids| ids.sort_unstable());
    stored
}

/// The first two ids of a symbol that do not follow each other.
fn hole(stored: &BTreeMap<String, Vec<u64>>) -> Option<(&str, &[u64])> {
    let pairs = stored
        .iter()
        .flat_map(|(symbol, ids)| ids.windows(2).map(move |pair| (symbol.as_str(), pair)));
    let mut holes = pairs.filter(|(_, pair)| pair[0] + 1 != pair[1]);
    holes.next()
}

/// Waits until every trade between the first and the last of each symbol is stored.
fn until_whole(server: &NatsServer) {
    let end = Instant::now() + PATIENCE;
    loop {
        let stored = stored(server);
        let hole = hole(&stored);
        if hole.is_none() {
            return;
        }
        assert!(Instant::now() < end, "{hole:?}");
        sleep(Duration::from_millis(250));
    }
}

/// That each trade of each of so many symbols is stored once, and none between the first and the last is
/// missing.
fn assert_whole(workspace: &Workspace, server: &NatsServer, symbols: usize) {
    let stored = stored(server);
    assert_eq!(stored.len(), symbols);
    assert_eq!(hole(&stored), None);
    let tail = workspace.output(&["tail", &server.url(), "--json"], &[]);
    assert_eq!(tail.code, Some(0), "{}{}", tail.stdout, tail.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_collectors_share_the_symbols_and_one_hands_over_when_it_is_stopped() {
    let workspace = Workspace::new();
    let Some(server) = NatsServer::start(&workspace, "") else {
        return;
    };
    let _binance = shared(&workspace, &server, 40).await;
    let first = collector(&workspace);
    streams(&first, 40);
    let second = collector(&workspace);
    streams(&second, 10);
    sleep(Duration::from_secs(2));
    first.terminate();
    let (code, log) = first.finish();
    assert_eq!(code, Some(0), "{log}");
    streams(&second, 40);
    until_whole(&server);
    second.terminate();
    let (code, log) = second.finish();
    assert_eq!(code, Some(0), "{log}");
    assert_whole(&workspace, &server, 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_divides_the_symbols_otherwise_is_refused() {
    let workspace = Workspace::new();
    let Some(server) = NatsServer::start(&workspace, "") else {
        return;
    };
    let _binance = shared(&workspace, &server, 4).await;
    let first = collector(&workspace);
    streams(&first, 4);
    // What is agreed is where the leases are.
    server.delete_stream("KV_cryptofeed_budgets");
    for (variable, value, told) in [
        (
            "CRYPTOFEED_FLEET_SHARDS",
            "8",
            "fleet.shards: the fleet has 16 shards",
        ),
        (
            "CRYPTOFEED_FLEET_LEASE_SECONDS",
            "3",
            "fleet.lease_seconds: the fleet has leases of 2s",
        ),
    ] {
        let other = workspace.output(&["run"], &[(variable, value)]);
        assert_eq!(other.code, Some(2), "{}", other.stderr);
        assert!(other.stderr.contains(told), "{}", other.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn collectors_with_other_feeds_are_told_to_each_other_until_they_have_the_same() {
    let workspace = Workspace::new();
    let Some(server) = NatsServer::start(&workspace, "") else {
        return;
    };
    let _binance = shared(&workspace, &server, 10).await;
    let feeds = std::fs::read_to_string(workspace.path("cryptofeed.yaml")).unwrap();
    workspace.file("other.yaml", &feeds.replace("'T*'", "T0001-USDT"));
    let start = |config| {
        let run = ["run", "--config", config, "--status", "127.0.0.1:0"];
        workspace.start(&run, &[])
    };
    let runs = ["cryptofeed.yaml", "other.yaml"].map(start);
    let addresses = runs.each_ref().map(address_of);
    let told = "a collector of the fleet has other feeds or another stream than this one";
    for run in &runs {
        run.logged(told, 1);
    }
    let until = |differing: u8| {
        let end = Instant::now() + PATIENCE;
        for address in addresses {
            let part = format!("\"differing\":{differing}");
            while !get(address, "/status.json").contains(&part) {
                assert!(Instant::now() < end, "{}", get(address, "/status.json"));
                sleep(Duration::from_millis(100));
            }
        }
    };
    until(1);
    let asked = ["status", "--address", &addresses[0].to_string()];
    let status = workspace.output(&asked, &[]).stdout;
    assert!(status.contains(", with other feeds 1\n"), "{status}");
    workspace.file("other.yaml", &feeds);
    runs[1].reload();
    until(0);
}

fn is_ready(address: SocketAddr) -> bool {
    get(address, "/ready").starts_with("HTTP/1.1 200")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_waits_for_its_server_and_goes_on_without_it() {
    let workspace = Workspace::new();
    let Some(mut server) = NatsServer::start(&workspace, "") else {
        return;
    };
    let _binance = shared(&workspace, &server, 10).await;
    server.kill();
    let run = workspace.start(
        &["run", "--format", "jsonl", "--status", "127.0.0.1:0"],
        &[],
    );
    run.logged("the fleet is not there yet; trying again", 1);
    let address = address_of(&run);
    assert!(!is_ready(address));
    server.run();
    streams(&run, 10);
    let end = Instant::now() + PATIENCE;
    while !is_ready(address) {
        assert!(Instant::now() < end, "{}", get(address, "/ready"));
        sleep(Duration::from_millis(100));
    }
    server.kill();
    let told = "the fleet does not answer; what this collector has goes on";
    run.logged(told, 1);
    streams(&run, 10);
    assert!(is_ready(address), "{}", get(address, "/ready"));
    let told = "fleet: the server does not answer; collectors 1, shards owned 16,";
    let asked = ["status", "--address", &address.to_string()];
    let end = Instant::now() + PATIENCE;
    loop {
        let status = workspace.output(&asked, &[]).stdout;
        if status.contains(told) {
            break;
        }
        assert!(Instant::now() < end, "{status}");
        sleep(Duration::from_millis(100));
    }
    let metrics = get(address, "/metrics");
    assert!(metrics.contains("\ncryptofeed_fleet_connected 0\n"));
    assert!(metrics.contains("cryptofeed_fleet_shards{state=\"owned\"} 16\n"));
    server.run();
    run.logged("the fleet answers", 2);
    streams(&run, 10);
    until_whole(&server);
    run.terminate();
    let (code, log) = run.finish();
    assert_eq!(code, Some(0), "{log}");
    assert_whole(&workspace, &server, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_collector_has_that_is_killed_is_streamed_by_another_and_no_trade_is_missing() {
    let workspace = Workspace::new();
    let Some(server) = NatsServer::start(&workspace, "") else {
        return;
    };
    let _binance = shared(&workspace, &server, 40).await;
    let collectors = [(); 2].map(|()| collector(&workspace));
    for run in &collectors {
        streams(run, 10);
    }
    sleep(Duration::from_secs(4));
    let [killed, other] = collectors;
    drop(killed);
    other.skip();
    streams(&other, 40);
    until_whole(&server);
    other.terminate();
    let (code, log) = other.finish();
    assert_eq!(code, Some(0), "{log}");
    assert_whole(&workspace, &server, 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_reach_an_exchange_takes_nothing_from_those_that_can_and_blames_its_proxy() {
    let workspace = Workspace::new();
    let Some(server) = NatsServer::start(&workspace, "") else {
        return;
    };
    let _binance = shared(&workspace, &server, 10).await;
    let run = ["run", "--status", "127.0.0.1:0"];
    let able = workspace.start(&run, &[]);
    let able_at = address_of(&able);
    let has_all = || get(able_at, "/status.json").contains("\"owned\":16,\"confirmed\":16");
    let end = Instant::now() + PATIENCE;
    while !has_all() {
        assert!(Instant::now() < end, "{}", get(able_at, "/status.json"));
        sleep(Duration::from_millis(100));
    }
    let nobody = ("CRYPTOFEED_PROXY", "socks5h://127.0.0.1:1");
    let unable = workspace.start(&run, &[nobody]);
    unable.logged("the collectors of the fleet have changed", 2);
    // Longer than what is not ready was waited for, three leases.
    let end = Instant::now() + Duration::from_secs(12);
    while Instant::now() < end {
        assert!(has_all(), "{}", get(able_at, "/status.json"));
        sleep(Duration::from_millis(200));
    }
    let ready = get(address_of(&unable), "/ready");
    assert!(ready.contains("Connection refused"), "{ready}");
}
