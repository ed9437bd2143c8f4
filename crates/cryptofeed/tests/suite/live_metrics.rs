//! The metrics that a run tells.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use testkit::ProxyKind;

use crate::child::PATIENCE;
use crate::skip::skip;
use crate::status::{address_of, get};
use crate::workspace::Workspace;
use crate::world::World;

/// What `promtool` has against `metrics`; nothing if it is not installed.
fn faults(metrics: &str) -> String {
    if !Path::new("/usr/bin/promtool").is_file() {
        skip("INTEROP", "promtool is not installed");
        return String::new();
    }
    let mut promtool = Command::new("/usr/bin/promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = promtool.stdin.take().unwrap();
    stdin.write_all(metrics.as_bytes()).unwrap();
    drop(stdin);
    let output = promtool.wait_with_output().unwrap();
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_of_a_run_are_documented_and_promtool_accepts_them() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let proxy = world.proxy(ProxyKind::Socks5h, 2).await;
    let url = proxy.url();
    let yaml = format!(
        "tls: {{ca_file: ca.pem}}\n\
         status: {{listen: 127.0.0.1:0}}\n\
         proxy: {{enabled: true, default: {{http: '{url}', ws: {{pool: {{proxies: ['{url}']}}}}}}}}\n{}",
        world.feeds()
    );
    workspace.file("cryptofeed.yaml", &yaml);
    let run = workspace.start(&["run", "--format", "jsonl"], &[]);
    let address = address_of(&run);
    let end = Instant::now() + PATIENCE;
    let metrics = loop {
        let answer = get(address, "/metrics");
        let (head, metrics) = answer.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains("content-type: text/plain; version=0.0.4"),
            "{head}"
        );
        if metrics.contains("\ncryptofeed_ready 1\n") {
            break metrics.to_owned();
        }
        assert!(Instant::now() < end, "{metrics}");
    };
    // None of those per symbol, which nobody has asked for.
    let all = [proxy_injector::METRICS, feeds::METRICS, status::METRICS];
    let documented: BTreeSet<_> = all
        .into_iter()
        .flatten()
        .map(|metric| metric.name)
        .collect();
    let helped = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# HELP "));
    let told: BTreeSet<_> = helped.filter_map(|line| line.split(' ').next()).collect();
    assert!(told.is_subset(&documented), "{told:?}");
    for name in [
        "cryptofeed_build_info",
        "cryptofeed_dials_total",
        "cryptofeed_dial_duration_seconds",
        "cryptofeed_websocket_received_bytes_total",
        "cryptofeed_rest_request_duration_seconds",
        "cryptofeed_messages_total",
        "cryptofeed_message_bytes_total",
        "cryptofeed_events_total",
        "cryptofeed_exchange_latency_seconds",
        "cryptofeed_budget_left_units",
        "cryptofeed_pool_members",
        "cryptofeed_symbols",
        "cryptofeed_queue_events",
        "cryptofeed_output_events_total",
        "cryptofeed_output_latency_seconds",
    ] {
        assert!(told.contains(name), "{name}: {metrics}");
    }
    let exit = proxy.address().to_string();
    let dial = format!("exchange=\"binance\",transport=\"websocket\",proxy=\"{exit}\"");
    assert!(metrics.contains(&dial), "{metrics}");
    assert!(
        !metrics.contains("BTC") && !metrics.contains("s3cret"),
        "{metrics}"
    );
    assert_eq!(faults(&metrics), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn per_symbol_there_are_metrics_on_request_and_promtool_accepts_them() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let settings = "tls: {ca_file: ca.pem}\nstatus: {listen: 127.0.0.1:0}\n";
    workspace.file("cryptofeed.yaml", &(world.feeds() + settings));
    let variables = [("CRYPTOFEED_STATUS_METRICS_PER_SYMBOL", "true")];
    let run = workspace.start(&["run", "--format", "jsonl"], &variables);
    let address = address_of(&run);
    run.find(|line| line["type"] == "trade" && line["symbol"] == "BTC-USDT");
    let labels = "{exchange=\"binance\",symbol=\"BTC-USDT\",channel=\"trades\"";
    let end = Instant::now() + PATIENCE;
    let metrics = loop {
        let answer = get(address, "/metrics");
        let (_, metrics) = answer.split_once("\r\n\r\n").unwrap();
        // What is told may be a quarter of a second old.
        if metrics.contains(&format!("_symbol_state{labels},state=\"live\"}} 1\n")) {
            break metrics.to_owned();
        }
        assert!(Instant::now() < end, "{metrics}");
    };
    let value = |name: &str| {
        let series = format!("cryptofeed_symbol_{name}{labels}}} ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&series));
        line.unwrap().parse::<f64>().unwrap()
    };
    let started = metrics
        .lines()
        .find_map(|line| line.strip_prefix("cryptofeed_start_time_seconds "));
    assert!(value("last_event_timestamp_seconds") > started.unwrap().parse().unwrap());
    assert!(value("events_total") >= 1.0);
    assert!(value("gaps_total") >= 0.0);
    assert_eq!(faults(&metrics), "");
}
