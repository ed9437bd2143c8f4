//! `run` and `tail` with a real NATS server.

use std::collections::{BTreeSet, HashMap, HashSet};

use feeds::Binance;
use rcgen::{CertificateParams, KeyPair};
use serde_json::Value;
use testkit::{MockExchange, TestCa};

use crate::child::Running;
use crate::nats_server::{Message, NatsServer};
use crate::workspace::Workspace;

/// Binance with so many symbols and updates a second, and a configuration of all of them.
pub(crate) async fn market(
    workspace: &Workspace,
    symbols: usize,
    rate: f64,
    sinks: &str,
) -> MockExchange {
    let ca = TestCa::new().unwrap();
    workspace.file("ca.pem", &ca.pem());
    let tls = ca.server_config(&[]).unwrap();
    let mock = Binance::mock().tls(tls).symbols(symbols).rate(rate);
    let binance = mock.without_limits().start().await.unwrap();
    let (rest, ws) = (binance.rest_url(), binance.ws_url());
    let yaml = format!(
        "tls: {{ca_file: ca.pem}}\n\
         feeds: {{binance: {{symbols: ['T*'], rest_url: '{rest}', ws_url: '{ws}'}}}}\n{sinks}"
    );
    workspace.file("cryptofeed.yaml", &yaml);
    binance
}

pub(crate) fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

/// The symbol and the id of a trade.
pub(crate) fn trade(event: &Value) -> Option<(String, String)> {
    let text = |key: &str| event[key].as_str().unwrap().to_owned();
    (event["type"] == "trade").then(|| (text("symbol"), text("id")))
}

fn header<'a>(message: &'a Message, name: &str) -> &'a str {
    let value = message.header(name);
    value.unwrap_or_else(|| panic!("{name} is not in {:?}", message.headers))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_collectors_of_a_hundred_symbols_store_each_trade_once() {
    let workspace = Workspace::new();
    let Some(server) = NatsServer::start(&workspace, "") else {
        return;
    };
    let sinks = format!(
        "sinks: {{stdout: true, nats: {{url: '{}'}}}}\n",
        server.url()
    );
    let _binance = market(&workspace, 100, 500.0, &sinks).await;
    let arguments = ["run", "--format", "jsonl", "--duration", "8s"];
    let collectors = [(); 2].map(|()| workspace.start(&arguments, &[]));
    let lines = collectors.each_ref().map(Running::rest);
    for run in collectors {
        let (code, log) = run.finish();
        assert_eq!(code, Some(0), "{log}");
    }
    let told: [HashSet<_>; 2] = lines.map(|lines| {
        let events = lines.iter().map(|line| json(line));
        events.filter_map(|event| trade(&event)).collect()
    });
    let shared = told[0].intersection(&told[1]).count();
    assert!(shared > 100, "{shared} trades of both");

    let mut stored = HashMap::new();
    let mut runs = BTreeSet::new();
    for message in server.messages("MD") {
        let event = json(&message.payload);
        let run = header(&message, "Cryptofeed-Run");
        runs.insert(run.to_owned());
        let symbol = event["symbol"].as_str().unwrap_or("-");
        let kind = event["type"].as_str().unwrap();
        assert_eq!(message.subject, format!("md.v1.binance.{kind}.{symbol}"));
        match trade(&event) {
            Some(trade) => *stored.entry(trade).or_insert(0) += 1,
            None if kind == "ticker" => {}
            None => {
                let own = format!("{run}.binance.{}", event["sequence"]);
                assert_eq!(header(&message, "Nats-Msg-Id"), own);
            }
        }
    }
    assert_eq!(runs.len(), 2);
    let twice: Vec<_> = stored.iter().filter(|(_, times)| **times != 1).collect();
    assert_eq!(twice, []);
    let expected: HashSet<_> = told[0].union(&told[1]).cloned().collect();
    let missing: Vec<_> = expected
        .iter()
        .filter(|it| !stored.contains_key(*it))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    let symbols: HashSet<_> = stored.keys().map(|(symbol, _)| symbol).collect();
    assert_eq!(symbols.len(), 100);

    // Late joiners find the last snapshot of every book.
    let snapshots = server.messages("MD_SNAPSHOTS");
    let books: HashSet<_> = snapshots.iter().map(|it| it.subject.clone()).collect();
    assert_eq!((snapshots.len(), books.len()), (100, 100));

    let tail = workspace.output(&["tail", &server.url(), "--json"], &[]);
    assert_eq!(tail.code, Some(0), "{}{}", tail.stdout, tail.stderr);
    let summary = json(&tail.stdout);
    assert_eq!(summary["trades"], stored.len());
    assert_eq!(summary["wrong"], 0);
    assert!(
        summary["runs"]
            .as_array()
            .unwrap()
            .iter()
            .all(|run| run["shared"] == true)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_under_load_misses_nothing_that_was_acknowledged() {
    let workspace = Workspace::new();
    let Some(mut server) = NatsServer::start(&workspace, "") else {
        return;
    };
    let sinks = format!(
        "sinks: {{stdout: true, nats: {{url: '{}'}}}}\n",
        server.url()
    );
    let _binance = market(&workspace, 20, 1000.0, &sinks).await;
    let run = workspace.start(&["run", "--format", "jsonl"], &[]);
    let mut lines = vec![];
    for time in 1..=3 {
        for _ in 0..1500 {
            lines.push(run.line());
        }
        server.kill();
        run.logged("the sink cannot store", time);
        server.run();
        run.logged("the sink stores again", time);
    }
    run.terminate();
    lines.extend(run.rest());
    let (code, log) = run.finish();
    // Everything was acknowledged in the end.
    assert_eq!(code, Some(0), "{log}");
    assert!(
        log.contains("events that were not acknowledged are sent again"),
        "{log}"
    );

    let messages = server.messages("MD");
    let stored: HashSet<&str> = messages.iter().map(|it| it.payload.as_str()).collect();
    assert_eq!(stored.len(), messages.len(), "an event is there twice");
    let missing: Vec<_> = lines
        .iter()
        .filter(|it| !stored.contains(it.as_str()))
        .collect();
    assert_eq!(missing, [""; 0]);
    let mut last = HashMap::new();
    for message in &messages {
        let sequence = json(&message.payload)["sequence"].as_u64().unwrap();
        let before = last.insert(message.subject.clone(), sequence);
        assert!(before < Some(sequence), "{}: {sequence}", message.subject);
    }
    let tail = workspace.output(&["tail", &server.url()], &[]);
    assert_eq!(tail.code, Some(0), "{}{}", tail.stdout, tail.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_opens_the_server_and_is_shown_nowhere() {
    let workspace = Workspace::new();
    let users = "authorization: {user: alice, password: s3cret-word}";
    let Some(server) = NatsServer::start(&workspace, users) else {
        return;
    };
    let url = server.url();
    let nats = format!("{{url: '{url}', username: alice, password_file: password}}");
    let _binance = market(&workspace, 1, 100.0, &format!("sinks: {{nats: {nats}}}\n")).await;
    workspace.file("password", "s3cret-word\n");
    let run = workspace.output(&["run", "--count", "50"], &[]);
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (Some(0), ""),
        "{}",
        run.stderr
    );
    let tail = workspace.output(&["tail", &url, "--json"], &[]);
    assert_eq!(tail.code, Some(0), "{}", tail.stderr);
    let check = workspace.output(&["check"], &[]);
    assert!(check.stdout.contains("login: password"), "{}", check.stdout);

    workspace.file("password", "another-s3cret-word\n");
    let refused = workspace.output(&["run", "--count", "50", "--log", "debug"], &[]);
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    assert!(
        refused
            .stderr
            .contains("events that the sink nats has not stored")
    );
    for output in [&run, &tail, &check, &refused] {
        for text in [&output.stdout, &output.stderr] {
            assert!(
                !text.contains("s3cret-word") && !text.contains("alice"),
                "{text}"
            );
        }
    }
    let in_url = format!("nats://alice:s3cret-word@{}", &url["nats://".len()..]);
    for arguments in [&["tail", &in_url][..], &["run", "--sink", &in_url]] {
        let output = workspace.output(arguments, &[]);
        assert_eq!(output.code, Some(2), "{}", output.stderr);
        assert!(!output.stderr.contains("s3cret-word"), "{}", output.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_only_the_authority_that_is_named_is_believed() {
    let workspace = Workspace::new();
    let certificate = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let names = vec!["127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names).unwrap();
        let certificate = certificate.self_signed(&key).unwrap();
        workspace.file(&format!("{name}.pem"), &certificate.pem());
        workspace.file(&format!("{name}-key.pem"), &key.serialize_pem());
    };
    certificate("broker");
    certificate("other");
    let path = |name: &str| workspace.path(name).display().to_string();
    let (pem, key) = (path("broker.pem"), path("broker-key.pem"));
    let tls = format!("tls: {{cert_file: \"{pem}\", key_file: \"{key}\"}}");
    let Some(server) = NatsServer::start(&workspace, &tls) else {
        return;
    };
    let url = server.url().replace("nats://", "tls://");
    for (ca_file, code) in [("broker.pem", 0), ("other.pem", 3)] {
        let sinks = format!("sinks: {{nats: {{url: '{url}', ca_file: {ca_file}}}}}\n");
        let _binance = market(&workspace, 1, 100.0, &sinks).await;
        let run = workspace.output(&["run", "--count", "50"], &[]);
        assert_eq!(run.code, Some(code), "{ca_file}: {}", run.stderr);
        let is_told = run.stderr.contains("failed to connect to tls://");
        assert_eq!(is_told, code == 3, "{ca_file}: {}", run.stderr);
    }
    let plain = format!(
        "sinks: {{nats: {{url: '{}', ca_file: other.pem}}}}\n",
        server.url()
    );
    let _binance = market(&workspace, 1, 100.0, &plain).await;
    let run = workspace.output(&["run", "--count", "50"], &[]);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_server_the_others_go_on_and_what_is_not_stored_is_counted() {
    let workspace = Workspace::new();
    let sinks = "sinks: {stdout: true, nats: {url: 'nats://127.0.0.1:1'}}\n";
    let _binance = market(&workspace, 1, 100.0, sinks).await;
    let run = workspace.start(&["run", "--format", "jsonl", "--count", "200"], &[]);
    let lines = run.rest();
    let (code, log) = run.finish();
    assert_eq!((code, lines.len()), (Some(3), 200), "{log}");
    assert!(
        log.contains("failed to connect to nats://127.0.0.1:1"),
        "{log}"
    );
    assert!(
        log.contains("events that the sink nats has not stored: "),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_login_may_not_do_is_told_as_the_server_says_it() {
    let workspace = Workspace::new();
    let users = r#"authorization: {users: [{user: alice, password: s3cret-word, permissions: {
        publish: ["$JS.API.>", "md.v1.*.trade.>"], subscribe: "_INBOX.>"}}]}"#;
    let Some(server) = NatsServer::start(&workspace, users) else {
        return;
    };
    let url = server.url();
    let nats = format!("{{url: '{url}', username: alice, password_file: password}}");
    let _binance = market(&workspace, 1, 100.0, &format!("sinks: {{nats: {nats}}}\n")).await;
    workspace.file("password", "s3cret-word\n");
    let run = workspace.output(&["run", "--duration", "6s"], &[]);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    let said = "the server said: nats: Permissions Violation for Publish to";
    assert!(run.stderr.contains(said), "{}", run.stderr);
}
