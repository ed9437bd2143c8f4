//! REST requests over connections that stay open.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;

use crate::dial::{Clients, Contender, Opens, Rate, Request, Route, Socket, Task, World, fetcher};
use crate::error::Result;
use crate::measure::{Cpu, Pinned, interleave};
use crate::report::Measurement;
use crate::settings::Settings;

const CONTENDERS: [Contender; 5] = [
    Contender::Standard,
    Contender::Injected,
    Contender::HyperUtil(Socket::NoDelay),
    Contender::Reqwest,
    Contender::PythonAiohttp,
];

const ROUTES: [Route; 3] = [Route::Direct, Route::Connect, Route::Socks5h];

/// How many requests are under way at a time.
const CONCURRENCY: [usize; 2] = [1, 16];

const FIGURE: (&str, &str) = ("requests per second", "1/s");

pub(crate) fn run(settings: &Settings) -> Result<Vec<Measurement>> {
    let _pinned = Pinned::to(0);
    let directory = tempfile::tempdir()?;
    let (_exchange, world) = World::start(&directory.path().join("ca.pem"))?;
    let mut clients = Clients::here();
    let mut measurements = Vec::new();
    for route in ROUTES {
        for concurrency in CONCURRENCY {
            let group = format!(
                "answers of 130 B, {}, {concurrency} at a time",
                route.name()
            );
            let outcomes = interleave(settings.rounds, &CONTENDERS, |contender| {
                let task = Task::Request(Request {
                    contender: *contender,
                    way: world.way(route)?.clone(),
                    concurrency,
                    milliseconds: u64::try_from(settings.window.as_millis())?,
                });
                clients.ask::<Rate>(*contender, &task)
            });
            for (contender, outcome) in CONTENDERS.into_iter().zip(outcomes) {
                let name = contender.name(Opens::Rest);
                measurements.push(match outcome {
                    Ok(rates) => measurement(&group, name, &rates),
                    Err(reason) => Measurement::missing(&group, name, FIGURE, &reason),
                });
            }
        }
    }
    Ok(measurements)
}

fn measurement(group: &str, name: String, rates: &[Rate]) -> Measurement {
    let samples = rates.iter().map(|rate| rate.per_second).collect();
    let cpu: Vec<f64> = rates.iter().map(|rate| rate.cpu_microseconds).collect();
    let per_cpu_second: Vec<f64> = cpu.iter().map(|cpu| 1e6 / cpu).collect();
    Measurement::new(group, name, FIGURE, samples)
        .with_extra(("requests per CPU second", "1/s"), &per_cpu_second)
        .with_extra(("client CPU", "us"), &cpu)
}

/// In the client: keeps sending requests, and checks every answer.
pub(crate) async fn request(task: &Request) -> Result<Rate> {
    let fetch = fetcher(task.contender, &task.way, true)?;
    let lane = async |until: Instant| -> Result<usize> {
        let mut answers = 0;
        while answers == 0 || Instant::now() < until {
            task.way.check(&fetch().await?)?;
            answers += 1;
        }
        Ok(answers)
    };
    let lanes = async |until| try_join_all((0..task.concurrency).map(|_| lane(until))).await;
    // Every lane has its connection before the clock starts.
    lanes(Instant::now()).await?;
    let window = Duration::from_millis(task.milliseconds);
    let (start, cpu) = (Instant::now(), Cpu::now());
    let answers: usize = lanes(start + window).await?.into_iter().sum();
    let (elapsed, cpu) = (start.elapsed(), cpu.elapsed());
    Ok(Rate {
        per_second: answers as f64 / elapsed.as_secs_f64(),
        cpu_microseconds: cpu.as_secs_f64() * 1e6 / answers as f64,
    })
}
