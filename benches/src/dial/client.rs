//! The clients that are written in Rust: a process that does what it is told, on one thread.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::contender::Opens;
use super::task::{Dials, Open, Task};
use super::{fetch, latency, stream};
use crate::child::say;
use crate::error::{Result, chain};
use crate::measure::Cpu;
use crate::{rest, scale};

/// Longer than any dial may take, and any task.
const PATIENCE: Duration = Duration::from_secs(5);
const PATIENCE_WITH_TASK: Duration = Duration::from_secs(60);

/// Does what its standard input says, until that ends.
pub(super) fn run() -> Result<()> {
    scale::raise_file_limit()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    for line in std::io::stdin().lines() {
        runtime.block_on(perform(serde_json::from_str(&line?)?))?;
    }
    Ok(())
}

async fn perform(task: Task) -> Result<()> {
    match task {
        Task::Connect { address, times } => answer(connect(address, times)).await,
        Task::Open(task) => answer(open(&task)).await,
        Task::Listen(task) => answer(latency::listen(&task)).await,
        Task::Request(task) => answer(rest::request(&task)).await,
        Task::Hold(task) => answer(scale::hold(&task)).await,
    }
}

async fn answer<T: Serialize>(task: impl Future<Output = Result<T>>) -> Result<()> {
    let result = match timeout(PATIENCE_WITH_TASK, task).await {
        Ok(result) => result,
        Err(late) => Err(late.into()),
    };
    say(&result.map_err(|error| chain(&error)))
}

#[expect(
    clippy::disallowed_methods,
    reason = "this measures the wire, and is no client that must use a proxy"
)]
async fn connect(address: SocketAddr, times: usize) -> Result<Dials> {
    time(times, async || Ok(TcpStream::connect(address).await?)).await
}

async fn open(task: &Open) -> Result<Dials> {
    let way = &task.way;
    match task.opens {
        Opens::Stream => {
            let dialer = stream::dialer(task.contender, way)?;
            time(task.times, async || stream::greeted(&dialer, way).await).await
        }
        Opens::Rest => {
            let fetch = fetch::fetcher(task.contender, way, false)?;
            time(task.times, async || way.check(&fetch().await?)).await
        }
    }
}

/// How long `open` takes. What it opens is closed before it is called again.
async fn time<T>(times: usize, open: impl AsyncFn() -> Result<T>) -> Result<Dials> {
    let mut milliseconds = Vec::with_capacity(times);
    let cpu = Cpu::now();
    for _ in 0..times {
        let start = Instant::now();
        let opened = timeout(PATIENCE, open()).await??;
        milliseconds.push(start.elapsed().as_secs_f64() * 1e3);
        drop(opened);
    }
    let cpu = cpu.elapsed().as_secs_f64() * 1e6;
    Ok(Dials {
        milliseconds,
        cpu_microseconds: cpu / times as f64,
    })
}
