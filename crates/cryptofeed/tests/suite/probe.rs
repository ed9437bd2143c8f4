//! `cryptofeed probe`.

use std::collections::BTreeSet;

use serde_json::Value;
use testkit::{ExchangeTransport, Fault, MockProxy, ProxyFault, ProxyKind, TestCa};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::workspace::{Finished, Workspace};
use crate::world::{World, peers};

/// The lines of a report in JSON.
pub(crate) fn probes(stdout: &str) -> Vec<Value> {
    let report: Value = serde_json::from_str(stdout).unwrap();
    report["probes"].as_array().unwrap().clone()
}

fn phases(probe: &Value) -> Vec<&str> {
    let timings = probe["timings"].as_array().unwrap().iter();
    timings
        .map(|timing| timing["phase"].as_str().unwrap())
        .collect()
}

pub(crate) fn configure(workspace: &Workspace, world: &World, proxy: &str) {
    let yaml = format!("tls: {{ca_file: ca.pem}}\n{}{proxy}", world.feeds());
    workspace.file("cryptofeed.yaml", &yaml);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_of_each_connection_is_tried_once_and_all_ok_is_exit_code_0() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let connect = world.proxy(ProxyKind::Http, 2).await;
    let members = [
        world.proxy(ProxyKind::Socks5h, 3).await,
        world.proxy(ProxyKind::Https, 4).await,
        world.proxy(ProxyKind::Socks4a, 5).await,
    ];
    let [first, second, disabled] = members.each_ref().map(MockProxy::url);
    let rules = format!(
        "proxy:\n  enabled: true\n  strict: true\n  exchanges:\n\
         \x20   binance:\n\
         \x20     http: {{url: '{first}', via: ['{connect}']}}\n\
         \x20     websocket: {{pool: {{proxies: ['{first}', '{second}', {{url: '{disabled}', enabled: false}}]}}}}\n\
         \x20   backpack: {{http: direct, websocket: '{connect}'}}\n",
        connect = connect.url()
    );
    configure(&workspace, &world, &rules);

    let run = workspace.output(&["probe", "--json"], &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let probes = probes(&run.stdout);
    let summary = probes.iter().map(|probe| {
        assert_eq!(probe["failure"], Value::Null, "{probe}");
        assert!(probe["total_ms"].as_f64().unwrap() > 0.0, "{probe}");
        let text = |key: &str| probe[key].as_str().unwrap();
        let keys = ["exchange", "transport", "route", "verdict"].map(text);
        (keys.join(" "), probe["enabled"].as_bool(), phases(probe))
    });
    let line = |keys: &str, enabled, phases: &[&'static str]| {
        let phases = phases.to_vec();
        (format!("{keys} ok"), enabled, phases)
    };
    let (rest, stream) = ("response", "upgrade");
    let (handshake, tls) = ("proxy handshake", "target tls");
    let of_member = ["tcp", handshake, tls, stream];
    assert_eq!(
        summary.collect::<Vec<_>>(),
        [
            line(
                "binance http proxy",
                None,
                &["tcp", handshake, handshake, tls, rest]
            ),
            line("binance websocket pool", Some(true), &of_member),
            line(
                "binance websocket pool",
                Some(true),
                &["tcp", "proxy tls", handshake, tls, stream]
            ),
            line("binance websocket pool", Some(false), &of_member),
            line("backpack http direct", None, &["tcp", tls, rest]),
            line("backpack websocket proxy", None, &of_member),
        ]
    );

    let seen = |exchange, transport| peers(exchange, transport);
    let from = |numbers: &[u8]| -> BTreeSet<_> {
        let numbers = numbers.iter();
        numbers.map(|number| [127, 0, 0, *number].into()).collect()
    };
    let (rest, stream) = (ExchangeTransport::Rest, ExchangeTransport::WebSocket);
    assert_eq!(seen(&world.binance, rest), from(&[3]));
    assert_eq!(seen(&world.binance, stream), from(&[3, 4, 5]));
    assert_eq!(seen(&world.backpack, rest), from(&[1]));
    assert_eq!(seen(&world.backpack, stream), from(&[2]));
    let connections = world.binance.ledger().connections();
    let paths: BTreeSet<_> = connections
        .iter()
        .flat_map(|connection| &connection.requests)
        .map(|request| request.path.as_str())
        .collect();
    assert_eq!(connections.len(), 4);
    assert_eq!(paths, BTreeSet::from(["/api/v3/ping", "/stream"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_member_that_fails_is_shown_and_does_not_count() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let [working, broken] = [
        world.proxy(ProxyKind::Http, 2).await,
        world.proxy(ProxyKind::Http, 3).await,
    ];
    broken.stop().await;
    let rules = format!(
        "proxy:\n  enabled: true\n  default:\n    http: '{working}'\n\
         \x20   websocket: {{pool: {{proxies: ['{working}', {{url: '{broken}', enabled: false}}]}}}}\n",
        working = working.url(),
        broken = broken.url()
    );
    configure(&workspace, &world, &rules);
    let run = workspace.output(&["probe", "--json"], &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let probes = probes(&run.stdout);
    let refused = probes.iter().filter(|probe| probe["verdict"] == "refused");
    let is_disabled = |probe: &Value| probe["enabled"] == false;
    assert_eq!(refused.clone().count(), 2);
    assert!(refused.clone().all(is_disabled));
}

/// A pool for Binance's streams in which everything is wrong but a disabled member, a REST that has
/// no rule, and a Backpack that blocks.
struct Troubled {
    world: World,
    members: Vec<MockProxy>,
}

impl Troubled {
    async fn start(workspace: &Workspace) -> Self {
        let world = World::start(workspace).await;
        let members = vec![
            world.proxy_for(ProxyKind::Http, 2, "u", "other").await,
            world.proxy(ProxyKind::Http, 3).await,
            world.proxy(ProxyKind::Socks5h, 4).await,
            MockProxy::builder(ProxyKind::Https)
                .tls(TestCa::new().unwrap().server_config(&[]).unwrap())
                .start()
                .await
                .unwrap(),
            world.proxy(ProxyKind::Http, 6).await,
            world.proxy(ProxyKind::Http, 7).await,
            world.proxy(ProxyKind::Socks5, 8).await,
        ];
        if let [_, stopped, stalled, _, _, forbidding, _] = members.as_slice() {
            stopped.stop().await;
            stalled.fail_with(ProxyFault::Stall);
            forbidding.fail_with(ProxyFault::Refuse {
                code: 403,
                body: "not to this port".to_owned(),
            });
        }
        world.backpack.inject(Fault::RestStatus {
            status: 451,
            body: "restricted location".to_owned(),
            count: u32::MAX,
        });
        world.backpack.inject(Fault::UpgradeStatus {
            status: 403,
            body: String::new(),
            count: u32::MAX,
        });

        let kinds = [
            "http", "http", "socks5h", "https", "socks5", "http", "socks5",
        ];
        let proxies = members.iter().zip(kinds).map(|(member, kind)| {
            let enabled = member.kind() != ProxyKind::Socks5;
            let address = member.address();
            format!("{{url: '{kind}://u:s3cret@{address}', enabled: {enabled}}}")
        });
        let proxies = proxies.collect::<Vec<_>>().join(", ");
        let rules = format!(
            "proxy:\n  enabled: true\n  strict: true\n  exchanges:\n\
             \x20   binance: {{websocket: {{timeout_seconds: 1, pool: {{proxies: [{proxies}]}}}}}}\n\
             \x20   backpack: direct\n",
        );
        configure(workspace, &world, &rules);
        Self { world, members }
    }

    /// Nothing but the one member that works has reached Binance.
    fn check_nothing_stood_in(&self) {
        let connections = self.world.binance.ledger().connections();
        let peers = connections.iter().map(|connection| connection.peer.ip());
        assert_eq!(
            peers.collect::<Vec<_>>(),
            [std::net::IpAddr::from([127, 0, 0, 8])]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_told_with_its_hop_its_phase_and_what_to_do() {
    let workspace = Workspace::new();
    let troubled = Troubled::start(&workspace).await;
    let run = workspace.output(&["probe", "--json"], &[]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("not ok: 9 of 10"), "{}", run.stderr);
    troubled.check_nothing_stood_in();

    let probes = probes(&run.stdout);
    let found: Vec<_> = probes
        .iter()
        .map(|probe| {
            let failure = &probe["failure"];
            (
                probe["verdict"].as_str().unwrap(),
                failure["phase"].as_str().unwrap_or_default(),
                failure["status"].as_u64(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("no-route", "route", None),
            ("auth", "proxy handshake", Some(407)),
            ("refused", "tcp", None),
            ("timeout", "proxy handshake", None),
            ("certificate", "proxy tls", None),
            ("protocol", "proxy handshake", None),
            ("declined", "proxy handshake", Some(403)),
            ("ok", "", None),
            ("geo-blocked", "response", Some(451)),
            ("geo-blocked", "upgrade", Some(403)),
        ]
    );
    for (probe, member) in probes.iter().skip(1).zip(&troubled.members) {
        if probe["verdict"] != "ok" {
            let hop = format!("proxy {}", member.address());
            assert_eq!(probe["failure"]["hop"], hop, "{probe}");
            assert!(probe["failure"]["advice"].is_string(), "{probe}");
        }
    }
    let blocked = probes.iter().skip(8);
    for (probe, transport) in blocked.zip(["http", "websocket"]) {
        assert_eq!(probe["transport"], transport);
        assert_eq!(probe["failure"]["hop"], probe["destination"]);
        let advice = probe["failure"]["advice"].as_str().unwrap();
        assert!(advice.contains("choose another"), "{advice}");
    }
    let answered = probes.get(8).unwrap();
    assert_eq!(phases(answered), ["tcp", "target tls", "response"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_has_a_line_for_each_way_and_a_note_for_each_failure() {
    let workspace = Workspace::new();
    let troubled = Troubled::start(&workspace).await;
    let Finished {
        code,
        stdout,
        stderr,
    } = workspace.output(&["probe"], &[]);
    assert_eq!(code, Some(1), "{stderr}");
    let header = stdout
        .lines()
        .find(|line| line.contains("exchange"))
        .unwrap();
    let columns: Vec<_> = header.split(['│', '┆']).map(str::trim).collect();
    assert_eq!(
        columns.join(" | "),
        " | exchange | transport | proxy | egress | dns | tcp | proxy tls | handshake | tls | answer | total \
         | verdict | "
    );
    for part in [
        "│ binance  ┆ http      ┆ refused ",
        "(pool, disabled) ",
        " auth in proxy handshake, proxy 127.0.0.1:",
        " refused in tcp, proxy 127.0.0.1:",
        " timeout in proxy handshake, proxy 127.0.0.1:",
        " certificate in proxy tls, proxy 127.0.0.1:",
        " geo-blocked in response, 127.0.0.1:",
        " geo-blocked in upgrade, 127.0.0.1:",
        "backpack http, direct:\n  failed to succeed with GET 127.0.0.1:",
        ": status 451 Unavailable For Legal Reasons, content type ",
        ", body \"restricted location\"\n",
        "the limit for one phase is 500ms\n",
        "\n  -> check the user name and the password of the proxy\n",
        "\n  -> set the proxy's `tls.ca_file` to its certificate authority\n",
    ] {
        assert!(stdout.contains(part), "{part}: {stdout}");
    }
    let rows = stdout.lines().filter(|line| line.starts_with('│'));
    assert_eq!(rows.count(), 11, "{stdout}");
    assert!(!stdout.contains("s3cret") && !stderr.contains("s3cret"));
    // Progress, one line per connection.
    assert!(stderr.contains("10/10 "), "{stderr}");
    troubled.check_nothing_stood_in();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interruption_ends_it_with_what_is_known() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let stalled = world.proxy(ProxyKind::Http, 2).await;
    stalled.fail_with(ProxyFault::Stall);
    let rules = format!(
        "proxy: {{enabled: true, default: '{}', exchanges: {{binance: {{http: direct}}}}}}\n",
        stalled.url()
    );
    configure(&workspace, &world, &rules);
    let run = workspace.start(&["probe", "--json", "--exchange", "Binance"], &[]);
    let is_asked = |connections: &[testkit::ProxyConnection]| {
        let mut requests = connections.iter().map(|connection| &connection.requests);
        requests.any(|requests| !requests.is_empty())
    };
    stalled.ledger().wait_for(is_asked).await;
    run.terminate();
    let probes = probes(&run.line());
    let (code, stderr) = run.finish();
    assert_eq!(code, Some(1), "{stderr}");
    let last = probes.last().unwrap();
    assert_eq!(probes.len(), 2);
    assert_eq!(last["verdict"], "interrupted");
    assert_eq!(last["total_ms"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_watch_each_round_is_a_line_that_has_what_changed_until_a_signal_ends_it_well() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let proxy = world.proxy(ProxyKind::Http, 2).await;
    let rules = format!("proxy: {{enabled: true, default: '{}'}}\n", proxy.url());
    configure(&workspace, &world, &rules);
    let watch = ["probe", "--json", "--exchange", "binance", "--watch", "2"];
    let run = workspace.start(&watch, &[]);
    let next = || serde_json::from_str::<Value>(&run.line()).unwrap();
    let verdicts = |round: &Value| {
        let probes = round["probes"].as_array().unwrap().iter();
        let verdicts = probes.map(|probe| probe["verdict"].as_str().unwrap().to_owned());
        verdicts.collect::<Vec<_>>()
    };
    let first = next();
    assert_eq!(first["round"], 1);
    assert_eq!(verdicts(&first), ["ok", "ok"]);
    proxy.stop().await;
    let second = next();
    assert_eq!(second["round"], 2);
    assert_eq!(verdicts(&second), ["refused", "refused"]);
    let at = |round: &Value| round["at_ns"].as_u64().unwrap();
    assert!(at(&second) - at(&first) >= 2_000_000_000);
    run.terminate();
    let (code, stderr) = run.finish();
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_is_interrupted_within_a_round_prints_none_of_it() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let stalled = world.proxy(ProxyKind::Http, 2).await;
    stalled.fail_with(ProxyFault::Stall);
    let rules = format!("proxy: {{enabled: true, default: '{}'}}\n", stalled.url());
    configure(&workspace, &world, &rules);
    let run = workspace.start(&["probe", "--watch", "--exchange", "binance"], &[]);
    let is_asked = |connections: &[testkit::ProxyConnection]| {
        let mut requests = connections.iter().map(|connection| &connection.requests);
        requests.any(|requests| !requests.is_empty())
    };
    stalled.ledger().wait_for(is_asked).await;
    run.terminate();
    assert!(run.is_silent());
    assert_eq!(run.finish().0, Some(0));
}

#[test]
fn a_watch_has_no_pause_that_an_exchange_would_not_allow() {
    for seconds in ["0", "1", "3601", "soon"] {
        let run = Workspace::new().output(&["probe", "--watch", seconds], &[]);
        assert_eq!(run.code, Some(2), "{seconds}");
        assert!(run.stderr.contains("--watch"), "{}", run.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_exchange_that_is_named_is_reached() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    configure(&workspace, &world, "");
    let run = workspace.output(&["probe", "--exchange", "backpack"], &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(world.binance.ledger().connections().is_empty());
    assert_eq!(world.backpack.ledger().connections().len(), 2);

    let run = workspace.output(&["probe", "--exchange", "kraken"], &[]);
    assert_eq!(run.code, Some(2));
    let message = "--exchange kraken: it has no feed; those with one are binance, backpack";
    assert!(run.stderr.contains(message), "{}", run.stderr);
}

#[test]
fn without_a_feed_there_is_nothing_to_probe() {
    let run = Workspace::new().output(&["probe"], &[]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr.contains("no feed is configured"),
        "{}",
        run.stderr
    );
}

/// Answers each ping with these bytes, or not at all, and closes other connections.
async fn answering(reply: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 1024];
            let length = stream.read(&mut request).await.unwrap();
            if request[..length].starts_with(b"GET /api/v3/ping") {
                stream.write_all(reply.as_bytes()).await.unwrap();
                open.push(stream);
            }
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_of_answers_apply_and_a_page_is_no_answer() {
    const PAGE: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 27\r\n\r\n\
                        <title>Network login</title";
    const NOTHING: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    for (reply, verdict, error) in [
        ("", "timeout", "timed out: no head within 1s"),
        (
            PAGE,
            "protocol",
            "content type text/html, body \"<title>Network login</title\": it is a page",
        ),
        (NOTHING, "protocol", "status 200 OK: its body is empty"),
    ] {
        let workspace = Workspace::new();
        let port = answering(reply).await;
        let yaml = format!(
            "rest: {{head_timeout_seconds: 1}}\nproxy: direct\nfeeds: {{binance: {{symbols: [BTC-USDT], \
             rest_url: 'http://127.0.0.1:{port}', ws_url: 'ws://127.0.0.1:{port}'}}}}\n"
        );
        workspace.file("cryptofeed.yaml", &yaml);
        let run = workspace.output(&["probe", "--json"], &[]);
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        let probe = &probes(&run.stdout)[0];
        assert_eq!(probe["verdict"], verdict);
        let told = probe["failure"]["error"].as_str().unwrap();
        let request = format!("GET 127.0.0.1:{port}/api/v3/ping: ");
        assert!(told.contains(&request) && told.contains(error), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_address_is_probed_and_told_with_the_egress() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let proxy = world.proxy(ProxyKind::Http, 3).await;
    let url = proxy.url();
    let rules = format!(
        "proxy:\n  enabled: true\n  strict: true\n  default:\n\
         \x20   http: {{direct: {{bind: 127.0.0.7}}}}\n\
         \x20   websocket: {{pool: {{proxies: [{{direct: {{bind: 127.0.0.8, egress: 203.0.113.8}}}}, \
         {{url: '{url}', egress: 203.0.113.3}}]}}}}\n"
    );
    configure(&workspace, &world, &rules);
    let run = workspace.output(&["probe", "--json", "--exchange", "binance"], &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let told: Vec<_> = probes(&run.stdout)
        .iter()
        .map(|probe| ["route", "bind", "egress"].map(|key| probe[key].as_str().map(str::to_owned)))
        .collect();
    let line = |route: &str, bind: Option<&str>, egress: &str| {
        [Some(route), bind, Some(egress)].map(|text| text.map(str::to_owned))
    };
    assert_eq!(
        told,
        [
            line("direct", Some("127.0.0.7"), "127.0.0.7"),
            line("pool", Some("127.0.0.8"), "203.0.113.8"),
            line("pool", None, "203.0.113.3"),
        ]
    );
    let (rest, stream) = (ExchangeTransport::Rest, ExchangeTransport::WebSocket);
    assert_eq!(
        peers(&world.binance, rest),
        BTreeSet::from([[127, 0, 0, 7].into()])
    );
    let both = [[127, 0, 0, 3].into(), [127, 0, 0, 8].into()];
    assert_eq!(peers(&world.binance, stream), BTreeSet::from(both));
    let text = workspace
        .output(&["probe", "--exchange", "binance"], &[])
        .stdout;
    assert!(text.contains("direct from 127.0.0.8 (pool)"), "{text}");
}
