//! In the client: many open connections.

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::dial::{Dialer, Held, Hold, Messages, PreparedRoute, TWICE, dialer};
use crate::error::Result;
use crate::measure::Cpu;

/// How many dials are under way at a time.
const DIALING: usize = 8;

/// Opens WebSockets and keeps them.
pub(crate) async fn hold(task: &Hold) -> Result<Held> {
    let dialer = dialer(task.contender, &task.way)?;
    // Whatever is allocated once, at the first dial, is no cost of a connection.
    drop(used(&dialer, &task.way).await?);
    let (before, cpu) = (resident()?, Cpu::now());
    let connections: Vec<Messages> = stream::iter(0..task.connections)
        .map(|_| used(&dialer, &task.way))
        .buffer_unordered(DIALING)
        .try_collect()
        .await?;
    let (after, cpu) = (resident()?, cpu.elapsed());
    let count = connections.len() as f64;
    Ok(Held {
        kibibytes: (after - before) / 1024.0 / count,
        cpu_microseconds: cpu.as_secs_f64() * 1e6 / count,
    })
}

/// A WebSocket that has been read from: what it needs for that, it has by now.
///
/// The first message may arrive together with the answer to the upgrade; the next one does not.
async fn used(dialer: &Dialer, way: &PreparedRoute) -> Result<Messages> {
    let uri = format!("{}{TWICE}", way.stream_uri());
    let mut messages = dialer(uri.parse()?).await?;
    for _ in 0..2 {
        let greeting = messages.next().await.ok_or("closed before the greeting")?;
        way.check(&greeting?)?;
    }
    Ok(messages)
}

/// The resident memory of this process, in bytes.
fn resident() -> Result<f64> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages = statm.split_whitespace().nth(1).ok_or("no resident size")?;
    Ok(pages.parse::<f64>()? * rustix::param::page_size() as f64)
}
