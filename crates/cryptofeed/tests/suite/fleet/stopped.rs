//! A collector that is stopped for longer than its lease, at an exchange that tells several trades as one.

use std::time::Duration;

use feeds::Okx;
use serde_json::Value;
use testkit::Movement;

use super::stage::{Plan, Stage};
use super::{MARKET, ONE, tell};

/// Trades come in bursts, of which the stream tells as one what has one price.
const BURSTS: Movement = Movement {
    steps: 40,
    ..Movement::CALM
};

const OKX: Plan = Plan {
    exchange: ("okx", || Okx::mock().movement(BURSTS)),
    symbols: 12,
    rate: 120.0,
    ..MARKET
};

#[tokio::test(flavor = "multi_thread")]
async fn what_one_that_was_stopped_has_as_one_and_its_successor_one_by_one_is_stored_once() {
    let _one = ONE.lock().await;
    let Some(mut stage) = Stage::set(&OKX).await else {
        return;
    };
    let stopped = stage.collector();
    stage.until_shared_by(1).await;
    let late = stage.owners().into_values().next().unwrap();
    let near = stage.collector();
    stage.until_shared_by(2).await;

    stopped.stop();
    let is_followed = |run: &String| *run != late;
    stage
        .until("not followed", |owners| owners.values().all(is_followed))
        .await;
    stage.watch(Duration::from_secs(2)).await;
    stopped.go_on();
    stage.watch(Duration::from_secs(4)).await;
    let reader = stage.until_whole().await;
    drop((stopped, near));

    assert!(reader.fenced > 0, "nothing came late");
    assert!(reader.fetched > 0, "nothing was fetched");
    let tail = stage.assert_whole(&reader);
    assert_eq!(tail["repeated_trades"], 0);
    let is_fenced = |run: &Value| run["run"] == late && run["fenced"].as_u64() > Some(0);
    let mut runs = tail["runs"].as_array().unwrap().iter();
    assert!(runs.any(is_fenced), "{tail}");
    tell(&format!(
        "stopped, and late: {} trades once, {} of them fetched, {} events of which {} were fenced",
        reader.count(),
        reader.fetched,
        reader.events,
        reader.fenced
    ));
}
