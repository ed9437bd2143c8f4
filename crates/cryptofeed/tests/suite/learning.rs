//! `proxy.egress_url`: what `run` learns, and what `check` says of it.

use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::ProxyKind;
use tokio::time::sleep;

use crate::child::PATIENCE;
use crate::mirror::{Mirror, once};
use crate::status::{address_of, get};
use crate::workspace::Workspace;
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn run_learns_by_which_addresses_exits_leave_at_the_start_and_after_a_reload() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let mirror = Mirror::honest().await;
    let one = world.proxy(ProxyKind::Socks5h, 2).await;
    let other = world.proxy(ProxyKind::Http, 3).await;
    let yaml = |default: &str| {
        format!(
            "tls: {{ca_file: ca.pem}}\n\
             status: {{listen: 127.0.0.1:0}}\n\
             proxy: {{enabled: true, strict: true, default: '{default}'}}\n{}",
            world.feeds()
        )
    };
    workspace.file("cryptofeed.yaml", &yaml(&one.url()));
    let variable = ("CRYPTOFEED_PROXY_EGRESS_URL", &*mirror.url());
    let run = workspace.start(&["run", "--format", "jsonl"], &[variable]);
    run.logged("learned by which addresses exits leave learned=1", 1);
    assert_eq!(mirror.asked(), once(&["127.0.0.2"]));
    let address = address_of(&run);
    let end = Instant::now() + PATIENCE;
    // The status is gathered now and then.
    while !get(address, "/status.json")
        .contains(r#""egress":"127.0.0.2","egress_source":"learned""#)
    {
        assert!(Instant::now() < end, "{}", get(address, "/status.json"));
        sleep(Duration::from_millis(50)).await;
    }

    workspace.file("cryptofeed.yaml", &yaml(&other.url()));
    run.reload();
    run.logged("learned by which addresses exits leave learned=1", 2);
    assert_eq!(mirror.asked(), once(&["127.0.0.2", "127.0.0.3"]));
    run.terminate();
    let (code, stderr) = run.finish();
    assert_eq!(code, Some(0), "{stderr}");
    assert!(!stderr.contains("format=text"), "{stderr}");
}

#[test]
fn check_shows_who_is_asked_and_what_set_it_without_the_path() {
    let workspace = Workspace::new();
    workspace.file(
        "cryptofeed.yaml",
        "proxy: {enabled: true, default: direct, egress_url: 'https://mirror.example/s3cret'}\n",
    );
    let text = workspace.output(&["check"], &[]);
    assert_eq!(text.code, Some(0), "{}", text.stderr);
    let line = "\nproxy.egress_url: https://mirror.example/*** (cryptofeed.yaml:1:53)\n";
    assert!(text.stdout.contains(line), "{}", text.stdout);
    let json = workspace.output(&["check", "--json"], &[]);
    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    let url = &report["egress_url"];
    assert_eq!(url["value"], "https://mirror.example/***");
    assert_eq!(url["set_by"], "cryptofeed.yaml:1:53");
    for output in [text, json] {
        assert!(!output.stdout.contains("s3cret") && !output.stderr.contains("s3cret"));
    }
}
