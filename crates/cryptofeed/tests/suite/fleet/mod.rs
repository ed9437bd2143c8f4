//! Collectors of a fleet, as processes, at a real NATS server.

#[cfg(target_os = "linux")]
mod late;
#[cfg(target_os = "linux")]
mod network;
mod reader;
mod stage;
#[cfg(unix)]
mod stopped;
mod truth;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use feeds::Binance;
use tokio::sync::Mutex;

use self::stage::{Plan, Stage};
use crate::nats_server::now_ns;

/// One at a time: each of them has a market and three collectors.
static ONE: Mutex<()> = Mutex::const_new(());

/// As many books as the exchange answers for within a minute behind one address: at the start, to those who come,
/// and to those who follow, with the trades that are missing. A release build has every book of a large exchange,
/// and addresses for them.
const MARKET: Plan = Plan {
    exchange: ("binance", Binance::mock),
    host: Ipv4Addr::LOCALHOST,
    exits: if cfg!(debug_assertions) { 1 } else { 8 },
    symbols: if cfg!(debug_assertions) { 100 } else { 1500 },
    rate: 1000.0,
    lease: Duration::from_secs(3),
};

/// Until a successor that streams already has said so: its look back, the snapshot, and what debug builds take
/// on a busy machine.
const BEGINNING: Duration = Duration::from_secs(6);

/// Past the test harness, which would keep it to itself.
fn tell(figures: &str) {
    let _ = writeln!(io::stderr(), "{figures}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_three_that_is_killed_under_a_whole_market_is_followed_and_nothing_is_missing() {
    let _one = ONE.lock().await;
    let Some(mut stage) = Stage::set(&MARKET).await else {
        return;
    };
    let begun = Instant::now();
    let first = stage.collector();
    stage.until_shared_by(1).await;
    let live_after = begun.elapsed();
    let lost = stage.owners().into_values().next().unwrap();
    let others = [stage.collector(), stage.collector()];
    stage.until_shared_by(3).await;

    let owned = stage.owners().into_iter();
    let owned: Vec<_> = owned.filter(|(_, run)| *run == lost).collect();
    let killed_ns = now_ns();
    // SIGKILL.
    drop(first);
    stage
        .until("not followed", |owners| {
            owners.values().all(|run| *run != lost)
        })
        .await;
    stage.watch(Duration::from_secs(2)).await;
    let reader = stage.until_whole().await;
    drop(others);

    let followed = owned.iter().map(|(symbol, _)| {
        let begun = reader.begun.iter();
        let begun = begun.filter(|((run, of), _)| of == symbol && *run != lost);
        let last = begun.map(|(_, stored_ns)| *stored_ns).max().unwrap();
        assert!(last > killed_ns, "{symbol} was another's before");
        last - killed_ns
    });
    let slowest = Duration::from_nanos(followed.max().unwrap().try_into().unwrap());
    assert!(slowest < MARKET.lease + BEGINNING, "{slowest:?}");
    for (symbol, _) in &owned {
        let mut books = reader.compared.iter();
        let is_compared = books.any(|(run, symbols)| *run != lost && symbols.contains(symbol));
        assert!(is_compared, "nobody looked at {symbol}");
    }
    stage.assert_whole(&reader);
    tell(&format!(
        "{} symbols, {} updates a second: live after {live_after:.1?}; {} books are followed after {slowest:.1?}; \
         {} trades once, {} events, of which {} were fenced",
        MARKET.symbols,
        MARKET.rate,
        owned.len(),
        reader.count(),
        reader.events,
        reader.fenced,
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_under_the_load_of_three_misses_nothing() {
    let _one = ONE.lock().await;
    let Some(mut stage) = Stage::set(&MARKET).await else {
        return;
    };
    let collectors = [stage.collector(), stage.collector(), stage.collector()];
    stage.until_shared_by(3).await;
    for away in [
        Duration::from_millis(500),
        MARKET.lease + Duration::from_secs(2),
    ] {
        stage.server.kill();
        stage.watch(away).await;
        stage.server.run();
        stage.watch(Duration::from_secs(3)).await;
    }
    let reader = stage.until_whole().await;
    drop(collectors);
    let compared: usize = reader.compared.values().map(BTreeSet::len).sum();
    assert!(compared >= MARKET.symbols, "{compared}");
    stage.assert_whole(&reader);
    tell(&format!(
        "the server was away twice: {} trades once, {} events, of which {} were fenced",
        reader.count(),
        reader.events,
        reader.fenced
    ));
}
