//! A whole market that breaks all the time: nothing may be lost without a word, and no book be wrong.

mod faults;

use std::time::Duration;

use clap::Args;
use testkit::{Link, Movement};
use tokio::runtime::Runtime;
use tokio::time::Instant;

use self::faults::Faults;
use crate::error::Result;
use crate::market::{Plan, Stage};
use crate::measure::Process;

/// How long it may take until everything is right again once nothing breaks any longer: gaps of every symbol
/// wait for the weights of the exchange.
const RECOVERY: Duration = Duration::from_mins(10);

/// After which part of the time memory should be what it stays.
const WARM: f64 = 0.2;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// For how long things break.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// How many symbols are traded.
    #[arg(long, default_value_t = 200)]
    symbols: usize,
    /// How often in a second something happens, to all symbols together.
    #[arg(long, default_value_t = 500.0)]
    rate: f64,
    /// Of the market and of what breaks when. At random, unless it is given.
    #[arg(long)]
    seed: Option<u64>,
}

/// Prints what came of it, and fails if anything was lost or wrong.
#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
pub(crate) fn run(options: &Options) -> Result<()> {
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    println!("seed {seed}");
    let wrong = Runtime::new()?.block_on(soak(options, seed))?;
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("\n").into()),
    }
}

#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
async fn soak(options: &Options, seed: u64) -> Result<Vec<String>> {
    let stage = Stage::start(&Plan {
        symbols: options.symbols,
        rate: options.rate,
        movement: Movement::RECORDED.with_depth(1000),
        history: 2000,
        // The exchange sees the address of the links.
        addresses: 1,
        seed,
    })
    .await?;
    let exchange = &stage.exchange;
    let rest = Link::start(exchange.rest_addr()).await?;
    let ws = Link::start(exchange.ws_addr()).await?;
    let at_start = memory_mib()?;
    let mut subscriber = stage.subscribe(rest.address(), ws.address())?;
    let begun = Instant::now();
    let is_live = subscriber.until_live(exchange, begun + RECOVERY).await?;
    println!(
        "live after {:.1} s: {is_live}",
        begun.elapsed().as_secs_f64()
    );

    let time = Duration::from_secs_f64(options.minutes * 60.0);
    let begun = Instant::now();
    let faults = Faults {
        stage: &stage,
        rest: &rest,
        ws: &ws,
    };
    let (broken, when_warm) = tokio::try_join!(faults.happen(seed, begun + time), async {
        subscriber
            .until(exchange, begun + time.mul_f64(WARM))
            .await?;
        let when_warm = memory_mib();
        subscriber.until(exchange, begun + time).await?;
        when_warm
    })?;
    let at_end = memory_mib()?;

    // From now on everything has to become right.
    let quiet = Instant::now();
    subscriber.forget_heard();
    let end = quiet + RECOVERY;
    let is_live = subscriber.until_live(exchange, end).await?;
    let live_again = quiet.elapsed();
    let compared = subscriber.audit.counts().true_books;
    while subscriber.untold() + subscriber.awaited() > 0
        || subscriber.audit.counts().true_books < compared + options.symbols as u64
    {
        if Instant::now() >= end {
            break;
        }
        let next = Instant::now() + Duration::from_secs(1);
        subscriber.until(exchange, next).await?;
    }
    let lost = subscriber.untold() + subscriber.awaited();

    let counts = subscriber.audit.counts();
    let findings = subscriber.audit.findings();
    let violations = exchange.violations();
    println!(
        "{} symbols x 3 channels, {} updates/s, {} minutes\n\
         events out            {}\n\
         trades                {}\n\
         told to be missing    {}\n\
         of them backfilled    {}\n\
         told to be lost       {}\n\
         lost without notice   {lost}\n\
         books invalid         {} times, {:.0} % of the time\n\
         books compared        {}\n\
         wrong                 {}\n\
         violations            {}\n\
         all live again after  {:.1} s, all right after {:.1} s\n\
         memory                {at_start:.0} MiB before, {when_warm:.0} MiB when warm, {at_end:.0} MiB at the end, with the mock and the audit",
        options.symbols,
        options.rate,
        options.minutes,
        counts.events,
        counts.trades,
        counts.missing,
        counts.backfilled,
        counts.lost,
        counts.invalid_books,
        100.0 * subscriber.invalid_time().as_secs_f64()
            / (begun.elapsed().as_secs_f64() * options.symbols as f64),
        counts.true_books,
        findings.len(),
        violations.len(),
        live_again.as_secs_f64(),
        quiet.elapsed().as_secs_f64(),
    );
    for (fault, count) in broken {
        println!("broken: {fault}: {count}");
    }
    for (kind, count) in subscriber.told() {
        println!("told: {kind}: {count}");
    }
    let mut wrong = Vec::new();
    wrong.extend((lost > 0).then(|| format!("{lost} trades lost without notice")));
    wrong.extend((!is_live).then(|| "not all live again".to_owned()));
    wrong.extend(findings.iter().take(20).cloned());
    wrong.extend(violations.iter().take(20).map(ToString::to_string));
    Ok(wrong)
}

/// The memory that this process has in use.
fn memory_mib() -> Result<f64> {
    Process(std::process::id()).memory_mib()
}
