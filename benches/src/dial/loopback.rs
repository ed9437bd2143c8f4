//! Stalls: real proxies without any delay, where nothing hides what their sockets do.

use super::clients::Clients;
use super::contender::{Contender, Opens, Socket};
use super::prepared_route::{PreparedRoute, Route};
use super::real::{RealProxy, Software};
use super::task::{Dials, Latencies, Listen, Open, Task};
use super::world::World;
use crate::error::{Result, chain};
use crate::measure::{Outcome, Pinned, interleave};
use crate::report::{Measurement, Target};
use crate::settings::Settings;

/// How often a contender dials when it is its turn.
const DIALS: usize = 4;

/// How many messages a contender waits for when it is its turn.
const MESSAGES: usize = 36;

const DIAL: (&str, &str) = ("time to the first message", "ms");
const LATENCY: (&str, &str) = ("one-way latency, p99", "ms");

/// How long a dial takes, and a message, through each proxy that is installed.
pub(super) fn run(settings: &Settings) -> Result<Vec<Measurement>> {
    let _pinned = Pinned::to(0);
    let directory = tempfile::tempdir()?;
    let (_exchange, world) = World::start(&directory.path().join("ca.pem"))?;
    let direct = world.way(Route::Direct)?;
    let mut clients = Clients::here();

    let mut dialed = Vec::new();
    let mut heard = latencies(
        "direct",
        direct,
        &[Contender::Standard],
        &mut clients,
        settings,
    );
    for software in Software::ALL {
        match RealProxy::start(software, directory.path()) {
            Ok(proxy) => {
                let way = proxy.way(direct);
                dialed.extend(dials(software, &way, &mut clients, settings));
                let listeners = listeners(software.route());
                let name = software.name();
                heard.extend(latencies(name, &way, listeners, &mut clients, settings));
            }
            Err(error) => {
                let reason = chain(&error);
                let group = group(software);
                dialed.push(Measurement::missing(group, "everybody", DIAL, &reason));
            }
        }
    }
    Ok(dialed.into_iter().chain(heard).collect())
}

fn group(software: Software) -> String {
    format!("WebSocket, {}, loopback", software.name())
}

fn dials(
    software: Software,
    way: &PreparedRoute,
    clients: &mut Clients<'_>,
    settings: &Settings,
) -> Vec<Measurement> {
    let is_optimistic =
        |one: Contender| matches!(one, Contender::Optimistic | Contender::HyperUtilOptimistic);
    let contenders: Vec<Contender> = Contender::of(way.route, Opens::Stream)
        .chain([Contender::QuickAck])
        .filter(|contender| software.can_pipeline() || !is_optimistic(*contender))
        .collect();
    let outcomes = interleave(settings.rounds, &contenders, |contender| {
        let task = Task::Open(Open {
            contender: *contender,
            way: way.clone(),
            opens: Opens::Stream,
            times: DIALS,
        });
        clients.ask::<Dials>(*contender, &task)
    });
    let rows = contenders.iter().zip(outcomes);
    let measure = |(contender, outcome): (&Contender, Outcome<Dials>)| {
        let name = contender.name(Opens::Stream);
        let rounds = match outcome {
            Ok(rounds) => rounds,
            Err(reason) => return Measurement::missing(group(software), name, DIAL, &reason),
        };
        let cpu: Vec<f64> = rounds.iter().map(|dials| dials.cpu_microseconds).collect();
        let samples = rounds.into_iter().flat_map(|dials| dials.milliseconds);
        let measurement = Measurement::new(group(software), &name, DIAL, samples.collect())
            .with_extra(("client CPU", "us"), &cpu);
        let median = measurement.median().unwrap_or(f64::INFINITY);
        if *contender == Contender::QuickAck && software == Software::Microsocks {
            let goal = format!("ms to the first message, {name}");
            measurement.with_target(Target::at_most(&goal, median, 1.5))
        } else {
            measurement
        }
    };
    rows.map(measure).collect()
}

/// Whose messages to watch.
fn listeners(route: Route) -> &'static [Contender] {
    match route {
        Route::Socks5h => &[
            Contender::Standard,
            Contender::QuickAck,
            Contender::TokioSocks(Socket::NoDelay),
        ],
        _ => &[
            Contender::Standard,
            Contender::QuickAck,
            Contender::HyperUtil(Socket::NoDelay),
        ],
    }
}

fn latencies(
    through: &str,
    way: &PreparedRoute,
    contenders: &[Contender],
    clients: &mut Clients<'_>,
    settings: &Settings,
) -> Vec<Measurement> {
    let group = format!("messages of 200 B, 3 within 4 ms, {through}, loopback");
    let outcomes = interleave(settings.rounds, contenders, |contender| {
        let task = Task::Listen(Listen {
            contender: *contender,
            way: way.clone(),
            messages: MESSAGES,
        });
        clients.ask::<Latencies>(*contender, &task)
    });
    let rows = contenders.iter().zip(outcomes);
    let measure = |(contender, outcome): (&Contender, Outcome<Latencies>)| {
        let name = contender.name(Opens::Stream);
        let rounds = match outcome {
            Ok(rounds) => rounds,
            Err(reason) => return Measurement::missing(&group, name, LATENCY, &reason),
        };
        let mut all = rounds.concat();
        all.sort_by(f64::total_cmp);
        let p99 = quantile(&all, 0.99);
        let measurement = Measurement::new(&group, &name, LATENCY, vec![p99])
            .with_extra(("p50", "ms"), &[quantile(&all, 0.5)])
            .with_extra(("largest", "ms"), &[quantile(&all, 1.0)])
            .with_extra(("messages", ""), &[all.len() as f64]);
        if *contender == Contender::QuickAck && through == Software::Microsocks.name() {
            let goal = format!("ms of latency at p99, {name}");
            measurement.with_target(Target::at_most(&goal, p99, 0.5))
        } else {
            measurement
        }
    };
    rows.map(measure).collect()
}

/// The value that this share of `sorted` does not exceed.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    let value = sorted.get(rank.saturating_sub(1));
    value.copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_a_value_that_was_measured() {
        let values: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!(quantile(&values, 0.5), 100.0);
        assert_eq!(quantile(&values, 0.99), 198.0);
        assert_eq!(quantile(&values, 1.0), 200.0);
    }
}
