//! From text message to normalised event.

mod contender;
mod wire;
mod worker;

use std::time::{Duration, Instant};

use self::contender::{Contender, Decoder};
use self::worker::Worker;
use crate::error::Result;
use crate::measure::{Cpu, Outcome, Pinned, allocations, interleave, uncounted};
use crate::messages::Kind;
use crate::report::{Measurement, Target};
use crate::settings::Settings;

const TIME: (&str, &str) = ("CPU time per message", "ns");
const ALLOCATIONS: (&str, &str) = ("allocations per message", "");

/// What one run of a contender cost, per message.
#[derive(Debug, Clone, Copy)]
struct Cost {
    nanoseconds: f64,
    /// Python does not tell.
    allocations: Option<f64>,
}

pub(crate) fn run(settings: &Settings) -> Result<Vec<Measurement>> {
    let _pinned = Pinned::to(0);
    let mut python = Worker::default();
    let mut measurements = Vec::new();
    for kind in Kind::ALL {
        let messages = kind.recorded()?;
        let (levels, window) = (kind.levels(), settings.window);
        let outcomes = interleave(
            settings.rounds,
            &Contender::ALL,
            |contender| match contender.decoder(kind)? {
                Decoder::Rust(decode) => measure(decode, &messages, levels, window),
                Decoder::Python(name) => python.measure(name, &messages, levels, window),
            },
        );
        let rows = Contender::ALL.into_iter().zip(outcomes);
        let mut rows: Vec<_> = rows
            .map(|(contender, outcome)| row(kind, contender, outcome))
            .collect();
        judge(kind, &mut rows);
        measurements.extend(rows);
    }
    Ok(measurements)
}

/// Decodes `messages` over and over for `window`; each must have so many levels.
fn measure(
    mut decode: impl FnMut(&str) -> Result<usize>,
    messages: &[String],
    levels: usize,
    window: Duration,
) -> Result<Cost> {
    let mut pass = || -> Result<()> {
        for text in messages {
            if decode(text)? != levels {
                return Err("another number of levels than was sent".into());
            }
        }
        Ok(())
    };
    // The first pass also makes buffers grow.
    pass()?;
    let (allocations, counted) = allocations(&mut pass);
    counted?;
    let (cpu, passes) = uncounted(|| -> Result<_> {
        let (start, cpu) = (Instant::now(), Cpu::of_thread());
        let mut passes = 0_u32;
        while start.elapsed() < window {
            pass()?;
            passes += 1;
        }
        Ok((cpu.elapsed(), passes))
    })?;
    let count = messages.len() as f64;
    Ok(Cost {
        nanoseconds: cpu.as_secs_f64() * 1e9 / (f64::from(passes) * count),
        allocations: Some(allocations as f64 / count),
    })
}

fn row(kind: Kind, contender: Contender, outcome: Outcome<Cost>) -> Measurement {
    let (group, name) = (kind.name(), contender.name());
    match outcome {
        Ok(costs) => {
            let nanoseconds = costs.iter().map(|cost| cost.nanoseconds).collect();
            let allocations: Vec<_> = costs.iter().filter_map(|cost| cost.allocations).collect();
            Measurement::new(group, name, TIME, nanoseconds)
                .with_extra(ALLOCATIONS, &allocations)
                .with_note(contender.result())
        }
        Err(reason) => Measurement::missing(group, name, TIME, &reason),
    }
}

/// What the figures should be: the event's own lists of levels are all that is allocated, and a
/// change of a book takes at most half the time of owned strings.
fn judge(kind: Kind, rows: &mut [Measurement]) {
    let median = |contender: Contender| {
        let name = contender.name();
        rows.iter().find(|row| row.contender == name)?.median()
    };
    let twice = median(Contender::SerdeOwned)
        .zip(median(Contender::Feeds))
        .map(|(theirs, ours)| {
            Target::at_least("serde_json into owned strings / feeds", theirs / ours, 2.0)
        });
    let own_lists = if kind == Kind::Depth { 2.0 } else { 0.0 };
    for row in rows {
        if row.contender == Contender::Feeds.name() {
            let counted = row.extras.iter().find(|extra| extra.what == ALLOCATIONS.0);
            let counted = counted.map(|extra| extra.value);
            let target = |count| Target::at_most(ALLOCATIONS.0, count, own_lists);
            row.targets.extend(counted.map(target));
            if kind == Kind::Depth {
                row.targets.extend(twice.clone());
            }
        }
    }
}
