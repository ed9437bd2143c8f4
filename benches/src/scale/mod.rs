//! Memory and cost of many connections.

mod file_limit;
mod hold;

pub(crate) use file_limit::raise_file_limit;
pub(crate) use hold::hold;

use crate::dial::{Clients, Contender, Held, Hold, Opens, Route, Socket, Task, World};
use crate::error::Result;
use crate::measure::{Pinned, interleave};
use crate::report::{Measurement, Target};
use crate::settings::Settings;

/// How many connections are held, and how often that is measured at most: memory hardly varies.
const SIZES: [(usize, usize); 3] = [(100, 2), (1_000, 1), (5_000, 1)];

/// The more connections Python has, the longer it takes to make others wait.
const MOST_OF_PYTHON: usize = 1_000;

const FIGURE: (&str, &str) = ("memory per connection", "KiB");

/// What an idle connection of ours may take, in KiB.
const GOAL: f64 = 16.0;

const CONTENDERS: [Contender; 7] = [
    Contender::Standard,
    Contender::TokioSocks(Socket::NoDelay),
    Contender::Tuned,
    Contender::TokioWebsockets,
    Contender::Yawc(Socket::NoDelay),
    Contender::PythonWebsockets,
    Contender::PythonAiohttp,
];

pub(crate) fn run(settings: &Settings) -> Result<Vec<Measurement>> {
    let _pinned = Pinned::to(0);
    let directory = tempfile::tempdir()?;
    let mut measurements = Vec::new();
    for (connections, most_rounds) in SIZES {
        let group = format!("{connections} idle WebSockets through SOCKS5h");
        let contenders: Vec<Contender> = CONTENDERS
            .into_iter()
            .filter(|one| connections <= MOST_OF_PYTHON || !one.is_python())
            .collect();
        let rounds = settings.rounds.min(most_rounds);
        let outcomes = interleave(rounds, &contenders, |contender| {
            // Processes keep memory, and the system ports, so all of them are new ones.
            let (_exchange, world) = World::start(&directory.path().join("ca.pem"))?;
            let task = Task::Hold(Hold {
                contender: *contender,
                way: world.way(Route::Socks5h)?.clone(),
                connections,
            });
            Clients::here().ask::<Held>(*contender, &task)
        });
        for (contender, outcome) in contenders.into_iter().zip(outcomes) {
            measurements.push(match outcome {
                Ok(held) => measurement(&group, contender, &held),
                Err(reason) => Measurement::missing(&group, name(contender), FIGURE, &reason),
            });
        }
    }
    Ok(measurements)
}

fn measurement(group: &str, contender: Contender, held: &[Held]) -> Measurement {
    let memory = held.iter().map(|held| held.kibibytes).collect();
    let cpu: Vec<f64> = held.iter().map(|held| held.cpu_microseconds).collect();
    let measurement = Measurement::new(group, name(contender), FIGURE, memory)
        .with_extra(("client CPU per dial", "us"), &cpu);
    match (contender, measurement.median()) {
        (Contender::Standard, Some(median)) => {
            measurement.with_target(Target::at_most("KiB per connection", median, GOAL))
        }
        _ => measurement,
    }
}

/// What it is called where tunnels are all alike.
fn name(contender: Contender) -> String {
    match contender {
        Contender::TokioSocks(_) => "tokio-tungstenite, as shipped".to_owned(),
        _ => contender.name(Opens::Stream),
    }
}
