//! How long messages are under way, through proxies that leave Nagle's algorithm on.

use futures_util::StreamExt;

use super::exchange::{BURSTS, Sent, monotonic};
use super::stream;
use super::task::{Latencies, Listen};
use crate::error::Result;

/// Waits for the messages of bursts.
pub(super) async fn listen(task: &Listen) -> Result<Latencies> {
    let dialer = stream::dialer(task.contender, &task.way)?;
    let mut messages = dialer(format!("{}{BURSTS}", task.way.stream_uri()).parse()?).await?;
    let greeting = messages.next().await.ok_or("closed before the greeting")?;
    task.way.check(&greeting?)?;
    let mut latencies = Vec::with_capacity(task.messages);
    while latencies.len() < task.messages {
        let message = messages.next().await.ok_or("closed between bursts")??;
        let now = monotonic();
        let sent: Sent = serde_json::from_slice(&message)?;
        latencies.push(now.saturating_sub(sent.at) as f64 / 1e6);
    }
    Ok(latencies)
}
