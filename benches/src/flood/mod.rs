//! What a hostile exchange costs: memory, log, and the time to stop.

mod exchange;
mod kind;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use self::kind::Kind;
use crate::command;
use crate::error::Result;
use crate::measure::Process;
use crate::report::{Measurement, Target};
use crate::settings::Settings;

const FIGURE: (&str, &str) = ("peak memory", "MiB");

/// What the program may take: its two limits of 64 MiB, and as much again.
const MOST_MEMORY: f64 = 256.0;

/// How much log there may be, in KiB/s: some hundred lines.
const MOST_LOG: f64 = 64.0;

/// How long SIGTERM may take, in seconds.
const LONGEST_END: f64 = 2.0;

/// Whoever has not ended by then is ended.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn run(settings: &Settings) -> Result<Vec<Measurement>> {
    let command = command::build()?;
    let duration = if settings.rounds > 1 { 15 } else { 5 };
    Kind::ALL
        .into_iter()
        .map(|kind| {
            let flooded = flood(&command, kind, Duration::from_secs(duration))?;
            let memory = Target::at_most("MiB", flooded.peak_mib, MOST_MEMORY);
            let end = Target::at_most("s to end", flooded.seconds_to_end, LONGEST_END);
            let log = flooded.log_bytes as f64 / 1024.0 / duration as f64;
            let little = Target::at_most("KiB/s of log", log, MOST_LOG);
            Ok(Measurement::new(
                "a hostile exchange",
                kind.name(),
                FIGURE,
                vec![flooded.peak_mib],
            )
            .with_extra(("log", "KiB/s"), &[log])
            .with_extra(("SIGTERM to end", "s"), &[flooded.seconds_to_end])
            .with_target(memory)
            .with_target(little)
            .with_target(end))
        })
        .collect()
}

struct Flooded {
    peak_mib: f64,
    log_bytes: u64,
    seconds_to_end: f64,
}

fn flood(command: &Path, kind: Kind, duration: Duration) -> Result<Flooded> {
    let runtime = Runtime::new()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    runtime.spawn(exchange::serve(listener, kind));
    let folder = tempfile::tempdir()?;
    let configuration = folder.path().join("flood.json");
    fs::write(
        &configuration,
        format!(
            r#"{{"feeds":{{"binance":{{"symbols":["BTC-USDT"],"rest_url":"http://{address}","ws_url":"ws://{address}"}}}}}}"#
        ),
    )?;
    let mut process = Command::new(command)
        .args(["run", "--config"])
        .arg(&configuration)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut output = process.stdout.take();
    let reading = if kind.is_output_read() {
        output.take().map(count)
    } else {
        None
    };
    let log = process.stderr.take().map(count).ok_or("no log")?;
    thread::sleep(duration);
    let before_the_end = Process(process.id()).peak_mib()?;
    let (seconds_to_end, in_the_end) = end(&mut process)?;
    let peak_mib = in_the_end.unwrap_or(before_the_end);
    drop(output);
    runtime.shutdown_background();
    if let Some(reading) = reading {
        reading
            .join()
            .map_err(|_| "the reader of the output panicked")?;
    }
    Ok(Flooded {
        peak_mib,
        log_bytes: log.join().map_err(|_| "the reader of the log panicked")?,
        seconds_to_end,
    })
}

/// Counts what is read until the end.
fn count(mut pipe: impl Read + Send + 'static) -> JoinHandle<u64> {
    thread::spawn(move || std::io::copy(&mut pipe, &mut std::io::sink()).unwrap_or_default())
}

/// Asks the process to end, and tells how many seconds that took, and the peak of its memory then, unless
/// it was too quick.
fn end(process: &mut Child) -> Result<(f64, Option<f64>)> {
    let pid = Pid::from_child(process);
    let asked_at = Instant::now();
    kill_process(pid, Signal::TERM)?;
    let mut peak = None;
    while process.try_wait()?.is_none() {
        if asked_at.elapsed() > PATIENCE {
            process.kill()?;
            process.wait()?;
            break;
        }
        peak = Process(process.id()).peak_mib().ok().or(peak);
        thread::sleep(Duration::from_millis(5));
    }
    Ok((asked_at.elapsed().as_secs_f64(), peak))
}
