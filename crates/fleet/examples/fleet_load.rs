//! What collectors cost a server that are only there: `fleet_load nats://127.0.0.1:4222 100 30`, with the
//! number of collectors and of seconds. Measure the CPU time of the server beside it.

#![expect(clippy::print_stdout, reason = "it is what the program is for")]

use std::time::Duration;

use fleet::{CollectorId, Fleet, ShardCount, Stores, Terms};
use tokio::time::sleep;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("expected URL COLLECTORS SECONDS");
    let (url, collectors, seconds) = (next()?, next()?.parse()?, next()?.parse()?);
    let terms = Terms::default();
    let shards = ShardCount::new(1_024).ok_or("no such number of shards")?;
    let mut fleets: Vec<Fleet> = Vec::new();
    for _ in 0..collectors {
        let stores = Stores::connect(&url, "load", shards, terms).await?;
        let own = CollectorId::new_run_of("load");
        fleets.push(Fleet::join(stores, own, shards, terms));
    }
    let mut tasks = tokio::task::JoinSet::new();
    for mut fleet in fleets {
        tasks.spawn(async move {
            while let Some((shard, _)) = fleet.next().await {
                fleet.ready(shard);
            }
        });
    }
    // Until everything has its place.
    sleep(terms.lease() * 6).await;
    let before = usage()?;
    println!("settled");
    sleep(Duration::from_secs(seconds)).await;
    let used = usage()? - before;
    println!("{collectors} collectors used {used:?} of CPU in {seconds} s");
    Ok(())
}

/// The CPU time of this process.
fn usage() -> Result<Duration, Box<dyn std::error::Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no process")?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || {
        fields
            .next()
            .ok_or("no time")?
            .parse::<u64>()
            .map_err(Box::<dyn std::error::Error>::from)
    };
    // Ticks of the kernel, of which there are 100 in a second.
    Ok(Duration::from_millis((ticks()? + ticks()?) * 10))
}
