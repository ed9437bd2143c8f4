//! From socket to line: TLS through a SOCKS5 proxy, to JSON Lines on a pipe, by whole programs.

mod contender;
mod copy;
mod exchange;
mod lines;
mod market;

use std::time::{Duration, Instant};

use self::contender::{Contender, Running, Stage};
pub(crate) use self::copy::Copy;
pub(crate) use self::exchange::Serve;
use self::exchange::{Addresses, Order};
use self::market::Stamp;
use crate::child::Child;
use crate::error::Result;
use crate::measure::{Outcome, interleave, pin};
use crate::report::{Measurement, Target};
use crate::settings::Settings;

const BURSTS: &str = "quotes and changes of three levels, TLS, SOCKS5, in bursts";
const STEADY: &str = "the same, 20 000 a second, 20 each millisecond";

const PER_CPU_SECOND: (&str, &str) = ("events per CPU second", "thousands");
const P99: (&str, &str) = ("latency at p99, from socket to line", "ms");

/// In each tick of the exchange, which is a millisecond.
const BURST: u64 = 20;
const PER_SECOND: u64 = 1000 * BURST;

pub(crate) fn run(settings: &Settings) -> Result<Vec<Measurement>> {
    let mut exchange = Child::of_this_program(&["pipeline"])?;
    let addresses: Addresses = exchange.hear()?;
    let stage = Stage::new(addresses)?;
    // The contenders have the other core.
    pin(1);
    let seconds = if settings.rounds > 1 { 8 } else { 2 };
    let bursts = interleave(settings.rounds, &Contender::ALL, |contender| {
        burst(&stage, &mut exchange, *contender)
    });
    let steady = interleave(settings.rounds, &Contender::ALL, |contender| {
        flow(&stage, &mut exchange, *contender, seconds * PER_SECOND)
    });
    let mut rows = burst_rows(bursts);
    rows.extend(
        Contender::ALL
            .into_iter()
            .zip(steady)
            .map(|(contender, outcome)| steady_row(contender, outcome)),
    );
    Ok(rows)
}

/// What a burst takes.
struct Burst {
    events: f64,
    cpu: Duration,
    time: Duration,
    peak_mib: f64,
}

/// What a steady stream takes.
struct Flow {
    /// From the shortest to the longest.
    latencies: Vec<Duration>,
    cpu_share: f64,
    growth_mib: f64,
}

impl Flow {
    /// So many of a thousand are not longer.
    fn latency_ms(&self, permille: usize) -> f64 {
        let index = (self.latencies.len() * permille / 1000).min(self.latencies.len() - 1);
        self.latencies
            .get(index)
            .map_or(f64::NAN, |latency| latency.as_secs_f64() * 1000.0)
    }
}

/// Starts a contender, and waits until it has its book.
fn ready(
    stage: &Stage,
    exchange: &mut Child,
    contender: Contender,
    order: Order,
) -> Result<Running> {
    exchange.tell(&order)?;
    let mut running = stage.start(contender)?;
    if !exchange.hear::<bool>()? {
        return Err("it has taken no book".into());
    }
    running.lines.skip()?;
    Ok(running)
}

fn burst(stage: &Stage, exchange: &mut Child, contender: Contender) -> Result<Burst> {
    let events = contender.events();
    let order = Order {
        events,
        burst: None,
    };
    let mut running = ready(stage, exchange, contender, order)?;
    let process = running.process();
    let (cpu, start) = (process.cpu()?, Instant::now());
    exchange.tell(&())?;
    let lines = running.lines.read_until(Stamp(events))?;
    let (time, cpu) = (start.elapsed(), process.cpu()?.saturating_sub(cpu));
    if lines != events {
        return Err(format!("{lines} lines of {events} events").into());
    }
    Ok(Burst {
        events: events as f64,
        cpu,
        time,
        peak_mib: process.peak_mib()?,
    })
}

fn flow(stage: &Stage, exchange: &mut Child, contender: Contender, events: u64) -> Result<Flow> {
    let order = Order {
        events,
        burst: Some(BURST),
    };
    let mut running = ready(stage, exchange, contender, order)?;
    let process = running.process();
    let (cpu, start) = (process.cpu()?, Instant::now());
    exchange.tell(&())?;
    let mut latencies = running.lines.ages(events / 4)?;
    let memory = process.memory_mib()?;
    latencies.extend(running.lines.ages(events - latencies.len() as u64)?);
    latencies.sort();
    let (time, cpu) = (start.elapsed(), process.cpu()?.saturating_sub(cpu));
    Ok(Flow {
        latencies,
        cpu_share: 100.0 * cpu.as_secs_f64() / time.as_secs_f64(),
        growth_mib: process.memory_mib()? - memory,
    })
}

fn burst_rows(outcomes: Vec<Outcome<Burst>>) -> Vec<Measurement> {
    let row = |(contender, outcome): (Contender, Outcome<Burst>)| {
        let name = contender.to_string();
        let runs = match outcome {
            Ok(runs) => runs,
            Err(reason) => return Measurement::missing(BURSTS, name, PER_CPU_SECOND, &reason),
        };
        let all = |figure: fn(&Burst) -> f64| runs.iter().map(figure).collect::<Vec<_>>();
        let per_cpu = all(|run| run.events / run.cpu.as_secs_f64() / 1000.0);
        let per_second = all(|run| run.events / run.time.as_secs_f64() / 1000.0);
        Measurement::new(BURSTS, name, PER_CPU_SECOND, per_cpu)
            .with_extra(("events per second", "thousands"), &per_second)
            .with_extra(("peak memory", "MiB"), &all(|run| run.peak_mib))
    };
    let mut rows: Vec<_> = Contender::ALL.into_iter().zip(outcomes).map(row).collect();
    let medians: Vec<_> = rows.iter().map(Measurement::median).collect();
    if let [Some(ours), Some(peer), _] = medians[..]
        && let Some(first) = rows.first_mut()
    {
        let target = Target::at_least("ours / cryptofeed 2.4.1", ours / peer, 16.0);
        first.targets.push(target);
    }
    rows
}

fn steady_row(contender: Contender, outcome: Outcome<Flow>) -> Measurement {
    let name = contender.to_string();
    let runs = match outcome {
        Ok(runs) => runs,
        Err(reason) => return Measurement::missing(STEADY, name, P99, &reason),
    };
    let all = |figure: &dyn Fn(&Flow) -> f64| runs.iter().map(figure).collect::<Vec<_>>();
    let row = Measurement::new(STEADY, name, P99, all(&|run| run.latency_ms(990)))
        .with_extra(("p50", "ms"), &all(&|run| run.latency_ms(500)))
        .with_extra(("p99.9", "ms"), &all(&|run| run.latency_ms(999)))
        .with_extra(("of a core", "%"), &all(&|run| run.cpu_share))
        .with_extra(("growth of memory", "MiB"), &all(&|run| run.growth_mib));
    if contender != Contender::Ours {
        return row;
    }
    let median = |figure: &dyn Fn(&Flow) -> f64| {
        Measurement::new("", "", P99, all(figure))
            .median()
            .unwrap_or(f64::NAN)
    };
    let p99 = Target::at_most("ms at p99, ours", median(&|run| run.latency_ms(990)), 1.0);
    let growth = median(&|run| run.growth_mib);
    row.with_target(p99)
        .with_target(Target::at_most("MiB of growth, ours", growth, 1.0))
}
