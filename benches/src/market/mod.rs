//! A whole market through proxies: how long until everything is live, and how much of the time its books
//! are valid within the limits of the exchange.

mod meter;
mod stage;
mod subscriber;

use std::fmt::Write;
use std::time::Duration;

use clap::Args;
use testkit::Movement;
use tokio::runtime::Runtime;
use tokio::time::Instant;

pub(crate) use self::stage::{Plan, Stage};
pub(crate) use self::subscriber::Subscriber;
use crate::error::Result;

/// By when everything has to be live.
const LIVE_WITHIN: Duration = Duration::from_mins(2);

/// What is waited for it.
const PATIENCE: Duration = Duration::from_mins(6);

/// The weight that an address has in a minute, and what a level of a snapshot weighs: 5 of 100 levels, as 250
/// of 5,000.
const WEIGHT: u64 = 6000;
const LEVELS_PER_WEIGHT: u64 = 20;

/// The share of the time that books may be invalid.
const INVALID: f64 = 0.05;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many symbols are traded.
    #[arg(long, default_value_t = 1500)]
    symbols: usize,
    /// For how long, once everything is live.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// How often in a second something happens, to all symbols together.
    #[arg(long, default_value_t = 1500.0)]
    rate: f64,
    /// How many addresses there are, each behind a proxy of its own. Several runs, one after the other.
    #[arg(long, value_delimiter = ',', default_value = "1,4")]
    addresses: Vec<u8>,
    /// How many levels a minute prices move, in place of what was recorded of the busiest symbols.
    #[arg(long)]
    drift: Option<u64>,
}

/// Prints the figures of each run, and fails if anything was wrong in one.
#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut wrong = Vec::new();
    for addresses in &options.addresses {
        let runtime = Runtime::new()?;
        let outcome = runtime.block_on(measure(options, *addresses))?;
        println!("{}", outcome.text);
        wrong.extend(outcome.wrong);
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("\n").into()),
    }
}

struct Outcome {
    text: String,
    wrong: Vec<String>,
}

async fn measure(options: &Options, addresses: u8) -> Result<Outcome> {
    let movement = Movement {
        drift: options.drift.unwrap_or(Movement::RECORDED.drift),
        ..Movement::RECORDED
    };
    let plan = Plan {
        symbols: options.symbols,
        rate: options.rate,
        movement,
        history: 1000,
        addresses,
        seed: 1,
    };
    let stage = Stage::start(&plan).await?;
    let exchange = &stage.exchange;
    let begun = Instant::now();
    let mut subscriber = stage.subscribe(exchange.rest_addr(), exchange.ws_addr())?;
    let is_live = subscriber.until_live(exchange, begun + PATIENCE).await?;
    let live_after = begun.elapsed();
    let weight_to_live = weight(&subscriber);

    subscriber.begin_counting();
    let counted = Instant::now();
    let before = subscriber.audit.counts();
    let end = counted + Duration::from_secs_f64(options.minutes * 60.0);
    subscriber.until(exchange, end).await?;
    let minutes = counted.elapsed().as_secs_f64() / 60.0;

    let counts = subscriber.audit.counts();
    let violations = exchange.violations();
    let untold = subscriber.untold();
    let findings = subscriber.audit.findings();
    let book_time = minutes * 60.0 * options.symbols as f64;
    let invalid = subscriber.invalid_time().as_secs_f64() / book_time;
    let used = (weight(&subscriber) - weight_to_live) as f64 / minutes;
    let allowed = (WEIGHT * u64::from(addresses)) as f64;
    let levels = allowed * LEVELS_PER_WEIGHT as f64 / options.symbols as f64;
    let late = told(&subscriber, "book_invalid out_of_range");
    let per_minute = |count: u64| count as f64 / minutes;

    let mut text = String::new();
    let Options { symbols, rate, .. } = options;
    writeln!(
        text,
        "{symbols} symbols x 3 channels, {addresses} addresses, {rate} updates/s, prices move {} levels a minute",
        movement.drift
    )?;
    writeln!(
        text,
        "  live after            {:.1} s{}, with a weight of {weight_to_live}",
        live_after.as_secs_f64(),
        if is_live { "" } else { ": not all of it" }
    )?;
    writeln!(
        text,
        "  then, for             {minutes:.1} minutes: {:.0} events/s",
        (counts.events - before.events) as f64 / minutes / 60.0
    )?;
    writeln!(
        text,
        "  books invalid         {:.2} % of the time",
        invalid * 100.0
    )?;
    writeln!(
        text,
        "  renewals a minute     {:.0} in time, {:.0} too late",
        per_minute(subscriber.renewals()),
        per_minute(late)
    )?;
    writeln!(
        text,
        "  weight a minute       {used:.0} of {allowed:.0}, which is {levels:.0} levels for each book: if all prices \
         ran, books would be invalid for {:.1} % of the time at least",
        (1.0 - levels / movement.drift as f64).max(0.0) * 100.0
    )?;
    writeln!(text, "  books compared        {}", counts.true_books)?;
    writeln!(text, "  wrong                 {}", findings.len())?;
    writeln!(text, "  trades untold         {untold}")?;
    writeln!(text, "  trades awaited        {}", subscriber.awaited())?;
    writeln!(text, "  violations            {}", violations.len())?;
    for (kind, count) in subscriber.meter.counts() {
        let (requests, weight, failed) = (count.requests, count.weight, count.failed);
        writeln!(
            text,
            "  {kind}: {requests} requests of {weight}, {failed} of them failed"
        )?;
    }
    for (kind, count) in subscriber.told() {
        writeln!(text, "  {kind}: {count}")?;
    }

    let mut wrong = Vec::new();
    let limits = [
        (
            !is_live || live_after > LIVE_WITHIN,
            format!("live after {live_after:?}"),
        ),
        (
            invalid > INVALID,
            format!("{:.1} % of the time invalid", invalid * 100.0),
        ),
        (untold > 0, format!("{untold} trades untold")),
    ];
    wrong.extend(
        limits
            .into_iter()
            .filter_map(|(is_wrong, what)| is_wrong.then_some(what)),
    );
    wrong.extend(findings.iter().take(20).cloned());
    wrong.extend(violations.iter().take(20).map(ToString::to_string));
    Ok(Outcome { text, wrong })
}

fn weight(subscriber: &Subscriber) -> u64 {
    let counts = subscriber.meter.counts();
    counts.values().map(|count| count.weight).sum()
}

fn told(subscriber: &Subscriber, kind: &str) -> u64 {
    subscriber.told().get(kind).copied().unwrap_or_default()
}
