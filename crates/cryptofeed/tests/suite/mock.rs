//! `cryptofeed mock`.

use std::collections::BTreeSet;
use std::net::{IpAddr, TcpListener};
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};

use feeds::{EXCHANGES, Registration};
use serde_json::Value;
use testkit::ExchangeTransport;

use crate::child::Running;
use crate::workspace::Workspace;
use crate::world::{World, peers};

#[test]
fn the_first_line_is_json_with_everything_there_is() {
    let workspace = Workspace::new();
    let mock = workspace.start(&["mock", "--user", "u@x", "--password", "p:/"], &[]);
    let listing: Value = serde_json::from_str(&mock.line()).unwrap();
    for Registration { id: exchange, .. } in EXCHANGES {
        let urls = &listing["exchanges"][exchange];
        assert!(
            urls["rest_url"]
                .as_str()
                .unwrap()
                .starts_with("https://127.0.0.1:")
        );
        assert!(
            urls["ws_url"]
                .as_str()
                .unwrap()
                .starts_with("wss://127.0.0.1:")
        );
    }
    let proxies = listing["proxies"].as_object().unwrap();
    assert_eq!(proxies.len(), 6);
    for (kind, proxy) in proxies {
        let password = if kind.starts_with("socks4") {
            ""
        } else {
            ":p%3A%2F"
        };
        let start = format!("{kind}://u%40x{password}@127.0.0.1:");
        assert!(
            proxy["url"].as_str().unwrap().starts_with(&start),
            "{proxy}"
        );
    }
    let egress: BTreeSet<_> = proxies
        .values()
        .map(|proxy| proxy["egress"].as_str())
        .collect();
    assert_eq!(egress.len(), 6);
    let ca_file = Path::new(listing["ca_file"].as_str().unwrap()).to_owned();
    assert!(ca_file.exists());

    mock.terminate();
    let (code, stderr) = mock.finish();
    assert_eq!(code, Some(0), "{stderr}");
    assert!(!ca_file.exists());
}

#[test]
fn the_ports_are_those_of_the_help() {
    let workspace = Workspace::new();
    let help = workspace.output(&["mock", "--help"], &[]).stdout;
    let first = free_ports(14);
    let mock = workspace.start(&["mock", "--port", &first.to_string()], &[]);
    let listing: Value = serde_json::from_str(&mock.line()).unwrap();
    let offset = |url: &Value| {
        let port: u16 = url
            .as_str()
            .unwrap()
            .rsplit(':')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        match port - first {
            0 => "N".to_owned(),
            offset => format!("N+{offset}"),
        }
    };
    for (exchange, urls) in listing["exchanges"].as_object().unwrap() {
        let (rest, ws) = (offset(&urls["rest_url"]), offset(&urls["ws_url"]));
        let line = format!("  {exchange}: REST {rest}, WebSocket {ws}\n");
        assert!(help.contains(&line), "{line}{help}");
    }
    for (kind, proxy) in listing["proxies"].as_object().unwrap() {
        let part = format!(" {kind} {}", offset(&proxy["url"]));
        assert!(help.contains(&part), "{part}\n{help}");
    }
    let beyond = workspace.output(&["mock", "--port", "65523"], &[]);
    assert_eq!(beyond.code, Some(2), "{}", beyond.stderr);
    assert!(beyond.stderr.contains("1..=65522"), "{}", beyond.stderr);
}

#[test]
fn the_printed_configuration_is_ready_for_run() {
    let workspace = Workspace::new();
    let mock = workspace.start(&["mock", "--print-config"], &[]);
    workspace.file("mock.yaml", &printed_configuration(&mock));
    let arguments = [
        "run",
        "--config",
        "mock.yaml",
        "--count",
        "5000",
        "--duration",
        "30s",
    ];
    let run = workspace.output(&arguments, &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(run.stdout.lines().count(), 5000, "{}", run.stderr);
    let exchanges: BTreeSet<_> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["exchange"].to_string())
        .collect();
    assert_eq!(exchanges.len(), EXCHANGES.len());
    assert!(!run.stderr.contains("direct"), "{}", run.stderr);
}

#[test]
fn the_listing_says_how_the_exchanges_behave() {
    let workspace = Workspace::new();
    let settings = |arguments: &[&str]| {
        let arguments = [&["mock", "--only", "exchanges"], arguments].concat();
        let mock = workspace.start(&arguments, &[]);
        let listing: Value = serde_json::from_str(&mock.line()).unwrap();
        listing["settings"].to_string()
    };
    assert_eq!(
        settings(&[]),
        r#"{"depth":100,"faults":null,"limits":"enforce","market":"calm","rate":null,"seed":1,"speed":1.0,"symbols":0}"#
    );
    let all = [
        "--limits=off",
        "--symbols=5",
        "--rate=300",
        "--market=recorded",
        "--depth=200",
        "--speed=288",
        "--faults=cut=60s,mute=2m/10s",
        "--seed=7",
    ];
    assert_eq!(
        settings(&all),
        r#"{"depth":200,"faults":"cut=1m,mute=2m/10s","limits":"off","market":"recorded","rate":300,"seed":7,"speed":288.0,"symbols":5}"#
    );
    for (option, expected) in [
        (
            "--faults=nap=1s",
            "\"nap=1s\" is no fault: the names are cut, ",
        ),
        ("--speed=0", "expected a number from 0.001 to 100000"),
        ("--depth=10", "10 is not in 50..=20000"),
        ("--limits=some", "[possible values: enforce, off]"),
    ] {
        let wrong = workspace.output(&["mock", option], &[]);
        assert_eq!(wrong.code, Some(2), "{option}");
        assert!(wrong.stderr.contains(expected), "{}", wrong.stderr);
    }
    let help = workspace.output(&["mock", "--help"], &[]).stdout;
    for (name, about, _) in testkit::FaultSchedule::names() {
        assert!(help.contains(&format!("  {name}=EVERY")), "{name}");
        assert!(help.contains(about), "{about}");
    }
}

#[test]
fn what_a_client_did_against_the_limits_is_told_at_the_end() {
    let workspace = Workspace::new();
    // Three connections are allowed in a second, which is a quarter of an hour here.
    let mock = workspace.start(&["mock", "--print-config", "--speed", "0.001"], &[]);
    workspace.file("mock.yaml", &printed_configuration(&mock));
    let probe = ["probe", "--config", "mock.yaml", "--exchange", "okx"];
    for _ in 0..3 {
        let probe = workspace.output(&probe, &[]);
        assert_eq!(probe.code, Some(0), "{}", probe.stdout);
    }
    let refused = workspace.output(&probe, &[]);
    assert!(refused.stdout.contains("429"), "{}", refused.stdout);
    mock.terminate();
    let (code, stderr) = mock.finish();
    assert_eq!(code, Some(0));
    let told = stderr
        .lines()
        .find(|line| line.contains("violation"))
        .unwrap();
    assert!(told.starts_with("okx: violation by 127.0.0."), "{told}");
    assert!(
        told.ends_with(": 4 of dials, where 3 are allowed"),
        "{told}"
    );
}

#[test]
fn two_mocks_of_one_folder_are_one_authority_also_after_a_restart() {
    let workspace = Workspace::new();
    let port = free_ports(6).to_string();
    let half = |half, more: &[&str]| {
        let arguments = [&["mock", "--only", half, "--ca-dir", "ca"], more].concat();
        workspace.start(&arguments, &[])
    };
    let listing = |mock: &Running| serde_json::from_str::<Value>(&mock.line()).unwrap();
    // At the same time, in a folder that is not there yet.
    let exchanges_mock = half("exchanges", &[]);
    let proxies_mock = half("proxies", &["--port", &port]);
    let (exchanges, proxies) = (listing(&exchanges_mock), listing(&proxies_mock));
    assert_eq!(exchanges["ca_file"], proxies["ca_file"]);
    assert_eq!(exchanges.get("proxies"), None);
    assert_eq!(proxies.get("exchanges"), None);
    let urls = &exchanges["exchanges"]["binance"];
    let variables = [
        ("CRYPTOFEED_FEEDS_BINANCE__SYMBOLS", "BTC-USDT"),
        (
            "CRYPTOFEED_FEEDS_BINANCE__REST_URL",
            urls["rest_url"].as_str().unwrap(),
        ),
        (
            "CRYPTOFEED_FEEDS_BINANCE__WS_URL",
            urls["ws_url"].as_str().unwrap(),
        ),
        (
            "CRYPTOFEED_PROXY",
            proxies["proxies"]["https"]["url"].as_str().unwrap(),
        ),
        ("CRYPTOFEED_TLS_CA_FILE", "ca/ca.pem"),
    ];
    let run = workspace.start(&["run"], &variables);
    run.find(|line| line["type"] == "connected");
    proxies_mock.terminate();
    assert_eq!(proxies_mock.finish().0, Some(0));
    run.find(|line| line["type"] == "disconnected");
    let _proxies_mock = half("proxies", &["--port", &port]);
    run.find(|line| line["type"] == "connected");
    run.terminate();
    assert_eq!(run.finish().0, Some(0));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let key = std::fs::metadata(workspace.path("ca/ca-key.pem")).unwrap();
        assert_eq!(key.permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_key_that_is_none_is_told_and_not_shown() {
    let workspace = Workspace::new();
    std::fs::create_dir(workspace.path("ca")).unwrap();
    workspace.file("ca/ca-key.pem", "s3cret");
    let mock = workspace.output(&["mock", "--ca-dir", "ca"], &[]);
    assert_eq!(mock.code, Some(1));
    assert!(mock.stderr.contains("ca/ca-key.pem"), "{}", mock.stderr);
    assert!(!mock.stderr.contains("s3cret"), "{}", mock.stderr);
}

/// What `mock --print-config` prints; the last line is a rule for the last exchange.
fn printed_configuration(mock: &Running) -> String {
    let mut yaml = String::new();
    let last = format!("{}: {{http", EXCHANGES.last().unwrap().id);
    while !yaml.contains(&last) {
        yaml += &mock.line();
        yaml.push('\n');
    }
    yaml
}

/// The first of some free ports in a row, and other ones at every call.
fn free_ports(count: u16) -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let offset = u16::try_from(std::process::id() % 10_000).unwrap();
    loop {
        let first = 20_000 + offset + TAKEN.fetch_add(count, Ordering::Relaxed);
        let listeners = (first..first + count).map(|port| TcpListener::bind(("127.0.0.1", port)));
        if listeners.collect::<Result<Vec<_>, _>>().is_ok() {
            return first;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn proxies_that_are_restarted_are_used_again_and_never_passed_by() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let port = free_ports(6).to_string();
    let arguments = [
        "mock",
        "--only",
        "proxies",
        "--port",
        &port,
        "--print-config",
    ];
    let proxies = workspace.start(&arguments, &[]);
    let printed = printed_configuration(&proxies);
    let yaml = format!("{printed}tls: {{ca_file: ca.pem}}\n{}", world.feeds());
    workspace.file("cryptofeed.yaml", &yaml);

    let run = workspace.start(&["run"], &[]);
    let connected = |line: &Value| line["type"] == "connected" && line["exchange"] == "binance";
    let first = run.find(connected);
    drop(proxies);
    run.find(|line| line["type"] == "disconnected" && line["exchange"] == "binance");
    let _proxies = workspace.start(&arguments, &[]);
    let second = run.find(connected);
    assert_eq!(second["proxies"], first["proxies"]);
    run.find(|line| line["type"] == "l2_snapshot" && line["exchange"] == "binance");
    run.terminate();
    let (code, stderr) = run.finish();
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains(" events, reconnects: 1"), "{stderr}");

    for exchange in [&world.binance, &world.backpack] {
        for transport in [ExchangeTransport::Rest, ExchangeTransport::WebSocket] {
            let peers = peers(exchange, transport);
            assert!(!peers.contains(&IpAddr::from([127, 0, 0, 1])), "{peers:?}");
        }
    }
}
