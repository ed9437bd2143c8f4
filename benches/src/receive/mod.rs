//! From socket to text message, and to normalised event.

mod bytes;
mod cell;
mod check;
mod client;
mod contender;
mod ours;
mod peers;
mod server;
mod targets;

use crate::child::Child;
use crate::error::Result;
use crate::measure::{Outcome, Pinned, interleave};
use crate::report::Measurement;
use crate::settings::Settings;

use self::cell::Cell;
use self::client::Throughput;
use self::contender::{Contender, Stage};
use self::server::Addresses;
pub(crate) use self::server::Serve;

const PER_CPU_SECOND: (&str, &str) = ("messages per CPU second", "thousands");
const PER_SECOND: (&str, &str) = ("messages per second", "thousands");

pub(crate) fn run(settings: &Settings) -> Result<Vec<Measurement>> {
    let mut server = Child::of_this_program(&["receive"])?;
    let addresses: Addresses = server.hear()?;
    let _pinned = Pinned::to(0);
    let mut stage = Stage::new(&addresses, settings.window)?;
    let contenders = Contender::all();
    let mut measurements = Vec::new();
    for cell in Cell::all() {
        let outcomes = interleave(settings.rounds, &contenders, |contender| {
            stage.measure(*contender, cell)
        });
        let mut rows: Vec<_> = contenders
            .iter()
            .zip(outcomes)
            .map(|(contender, outcome)| row(cell, *contender, outcome))
            .collect();
        targets::judge(cell, &contenders, &mut rows);
        measurements.extend(rows);
    }
    Ok(measurements)
}

fn row(cell: Cell, contender: Contender, outcome: Outcome<Throughput>) -> Measurement {
    let (group, name) = (cell.to_string(), contender.to_string());
    match outcome {
        Ok(runs) => {
            let thousands = |figure: fn(&Throughput) -> f64| -> Vec<f64> {
                runs.iter().map(|run| figure(run) / 1000.0).collect()
            };
            let per_cpu_second = thousands(Throughput::per_cpu_second);
            Measurement::new(group, name, PER_CPU_SECOND, per_cpu_second)
                .with_extra(PER_SECOND, &thousands(Throughput::per_second))
        }
        Err(reason) => Measurement::missing(group, name, PER_CPU_SECOND, &reason),
    }
}
