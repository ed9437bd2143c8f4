//! Each sink beside a plain pipe: events per CPU second of the process that stores them.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ::sinks::{
    Compression, Fanout, FileSettings, FileSink, Lines, NatsSettings, NatsSink, NatsUrl,
    OutletSettings,
};
use clap::Args;
use feeds::{FeedEvent, FeedEventKind, L2Delta, Level, Symbol, Ticker};
use rust_decimal::Decimal;
use tempfile::TempDir;

use crate::error::Result;
use crate::measure::Cpu;

/// What is pushed before the sinks are told.
const BATCH: usize = 256;

/// What is stored, and how often.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many events.
    #[arg(long, default_value_t = 300_000)]
    events: u64,
    /// How often each sink takes its turn.
    #[arg(long = "turns", default_value_t = 3)]
    turns: usize,
}

#[derive(Debug, Clone, Copy)]
enum Contender {
    LinesAlone,
    Pipe,
    Files,
    CompressedFiles,
    Nats,
}

impl Contender {
    const ALL: [(Self, &'static str); 5] = [
        (Self::LinesAlone, "lines formed, and thrown away"),
        (Self::Pipe, "a pipe"),
        (Self::Files, "files"),
        (Self::CompressedFiles, "files, zstd"),
        (Self::Nats, "NATS JetStream, acknowledged"),
    ];
}

#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
pub(crate) fn run(options: &Options) -> Result<()> {
    let events: Result<Vec<_>> = (1..=options.events).map(event).collect();
    let events = events?;
    let mut figures = Contender::ALL.map(|_| Vec::new());
    for _ in 0..options.turns.max(1) {
        for ((contender, _), figures) in Contender::ALL.iter().zip(&mut figures) {
            figures.push(turn(*contender, &events)?);
        }
    }
    println!("| sink | events per CPU second, thousands | events per second, thousands |");
    println!("|---|---:|---:|");
    for ((_, name), figures) in Contender::ALL.iter().zip(&mut figures) {
        figures.sort_by(|one, other| one.0.total_cmp(&other.0));
        let Some((per_cpu, per_second)) = figures.get(figures.len() / 2) else {
            continue;
        };
        println!("| {name} | {per_cpu:.0} | {per_second:.0} |");
    }
    Ok(())
}

/// Thousands of events per CPU second, and per second.
fn turn(contender: Contender, events: &[FeedEvent]) -> Result<(f64, f64)> {
    let runtime = tokio::runtime::Runtime::new()?;
    let folder = TempDir::new()?;
    // What others do is not measured.
    let mut server = match contender {
        Contender::Nats => Some(Server::start(folder.path())?),
        _ => None,
    };
    let (cpu, start) = (Cpu::now(), Instant::now());
    if let Contender::LinesAlone = contender {
        let mut line = Vec::new();
        for event in events {
            line.clear();
            event.write_json(&mut line)?;
        }
    } else {
        let url = server.as_mut().map(Server::url).transpose()?;
        runtime.block_on(store(contender, events, folder.path(), url))?;
    }
    let count = events.len() as f64 / 1000.0;
    let figures = (
        count / cpu.elapsed().as_secs_f64(),
        count / start.elapsed().as_secs_f64(),
    );
    Ok(figures)
}

async fn store(
    contender: Contender,
    events: &[FeedEvent],
    folder: &Path,
    url: Option<NatsUrl>,
) -> Result<()> {
    let mut fanout = Fanout::default();
    let settings = OutletSettings::default();
    let mut reader = None;
    match (contender, url) {
        (Contender::Nats, Some(url)) => {
            fanout.add("nats", NatsSink::new(NatsSettings::new(url)), settings);
        }
        (Contender::Files | Contender::CompressedFiles, _) => {
            let mut files = FileSettings::new(folder);
            if let Contender::CompressedFiles = contender {
                files.compression = Compression::Zstd;
            }
            fanout.add("files", FileSink::open(files)?, settings);
        }
        _ => {
            let mut child = tokio::process::Command::new("cat")
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .spawn()?;
            let pipe = child.stdin.take().ok_or("cat has no standard input")?;
            fanout.add("pipe", Lines::new(pipe), settings);
            reader = Some(child);
        }
    }
    for batch in events.chunks(BATCH) {
        batch.iter().for_each(|event| fanout.push_event(event));
        fanout.send().await?;
    }
    let unstored = fanout.close(Duration::from_secs(120)).await;
    if let Some(mut reader) = reader {
        reader.wait().await?;
    }
    match unstored.is_empty() {
        true => Ok(()),
        false => Err(format!("not everything was stored: {unstored:?}").into()),
    }
}

/// Quotes and changes of three levels, by turns.
fn event(sequence: u64) -> Result<FeedEvent> {
    let symbol = match sequence / 2 % 4 {
        0 => "BTC-USDT",
        1 => "ETH-USDT",
        2 => "SOL-USDT",
        _ => "XRP-USDT",
    };
    let symbol = Symbol::parse(symbol)?;
    let price = Decimal::new(6_183_763 + (sequence % 997) as i64, 2);
    let size = Decimal::new(1 + (sequence % 89) as i64, 5);
    let timestamp_ns = Some(1_723_161_254_024_000_000 + sequence as i64 * 1000);
    let level = |ticks: i64| Level {
        price: price + Decimal::new(ticks, 2),
        size,
    };
    let kind = match sequence % 2 {
        0 => FeedEventKind::Ticker(Ticker {
            symbol,
            bid: Some(price),
            bid_size: Some(size),
            ask: Some(price + Decimal::ONE),
            ask_size: Some(size),
            last_id: Some(sequence),
            timestamp_ns,
        }),
        _ => FeedEventKind::L2Delta(L2Delta {
            symbol,
            epoch: 1,
            first_id: Some(sequence),
            last_id: Some(sequence),
            bids: vec![level(-1), level(-2)],
            asks: vec![level(100)],
            timestamp_ns,
        }),
    };
    Ok(FeedEvent {
        sequence,
        exchange: "binance".into(),
        connection: Some(1),
        received_ns: 1_723_161_254_024_619_568 + sequence as i64 * 1000,
        kind,
    })
}

/// A NATS server. It is killed when this is dropped.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(folder: &Path) -> Result<Self> {
        let free = TcpListener::bind("127.0.0.1:0")?;
        let port = free.local_addr()?.port();
        drop(free);
        let configuration: PathBuf = folder.join("nats.conf");
        let store = folder.join("jetstream").display().to_string();
        let text = format!("listen: 127.0.0.1:{port}\njetstream: {{store_dir: \"{store}\"}}\n");
        fs::write(&configuration, text)?;
        let child = Command::new("/usr/sbin/nats-server")
            .arg("-c")
            .arg(configuration)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { child, port })
    }

    fn url(&mut self) -> Result<NatsUrl> {
        Ok(NatsUrl::parse(&format!("nats://127.0.0.1:{}", self.port))?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
