//! A collector that is cut off from the server, and comes back.

use std::time::Duration;

use serde_json::Value;

use super::network::{HUB, Host, Network};
use super::stage::{Plan, Stage};
use super::{MARKET, ONE, tell};
use crate::skip::skip;

#[test]
fn one_that_is_cut_off_from_the_server_and_comes_back_late_is_seen_as_fenced() {
    let network = match Network::build() {
        Ok(network) => network,
        Err(reason) => return skip("NAMESPACES", &reason),
    };
    let runtime = network.runtime(Host::Hub);
    network.on(Host::Hub, || runtime.block_on(come_back_late(&network)));
}

async fn come_back_late(network: &Network) {
    let _one = ONE.lock().await;
    let plan = Plan {
        host: HUB,
        exits: 0,
        symbols: 40,
        rate: 200.0,
        ..MARKET
    };
    let Some(mut stage) = Stage::set(&plan).await else {
        return;
    };
    let remote = network.on(Host::Remote, || stage.collector());
    stage.until_shared_by(1).await;
    let late = stage.owners().into_values().next().unwrap();
    let near = stage.collector();
    stage.until_shared_by(2).await;

    network.cut(stage.server.port()).unwrap();
    let is_followed = |run: &String| *run != late;
    stage
        .until("not followed", |owners| owners.values().all(is_followed))
        .await;
    stage.watch(Duration::from_secs(2)).await;
    // Some successors are so quick that nothing has been missed until then.
    remote.logged("the sink cannot store", 1);
    network.reach().unwrap();
    remote.logged("the sink stores again", 1);
    stage.watch(Duration::from_secs(2)).await;
    let reader = stage.until_whole().await;
    drop((remote, near));

    assert!(reader.fenced > 0, "nothing came late");
    let tail = stage.assert_whole(&reader);
    let is_fenced = |run: &Value| run["run"] == late && run["fenced"].as_u64() > Some(0);
    assert!(
        tail["runs"].as_array().unwrap().iter().any(is_fenced),
        "{tail}"
    );
    tell(&format!(
        "cut off, and late: {} trades once, {} events, of which {} were fenced",
        reader.count(),
        reader.events,
        reader.fenced
    ));
}
