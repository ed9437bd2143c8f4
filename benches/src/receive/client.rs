//! What every client has in common.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use serde::Deserialize;

use super::cell::{Cell, Relay};
use super::check::Check;
use super::server::Addresses;
use crate::error::Result;
use crate::measure::Cpu;

/// Looks at the clock after so many messages.
const BATCH: u64 = 32;

/// An open WebSocket of some library.
pub(super) trait Receive {
    /// Waits for the next message and hands its text to `check`.
    async fn receive(&mut self, check: &mut Check) -> Result<()>;
}

/// Where a client finds what it shall receive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link<'a> {
    pub(super) cell: Cell,
    pub(super) addresses: &'a Addresses,
    pub(super) way: Relay,
    /// Trusts the server.
    pub(super) tls: &'a Arc<ClientConfig>,
}

impl Link<'_> {
    /// What the client believes to be the server.
    pub(super) fn target(&self) -> SocketAddr {
        let Addresses { plain, secure, .. } = self.addresses;
        match (self.way, self.cell.is_secure) {
            (Relay::Direct | Relay::Socks5, false) => *plain,
            (Relay::Direct | Relay::Socks5, true) => *secure,
            (Relay::Forwarded, false) => self.addresses.forwarded_plain,
            (Relay::Forwarded, true) => self.addresses.forwarded_secure,
        }
    }

    pub(super) fn uri(&self) -> String {
        let scheme = if self.cell.is_secure { "wss" } else { "ws" };
        format!("{scheme}://{}{}", self.target(), self.cell.path())
    }
}

/// What was received in how much time.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Throughput {
    messages: f64,
    seconds: f64,
    cpu_seconds: f64,
}

impl Throughput {
    pub(super) fn per_second(&self) -> f64 {
        self.messages / self.seconds
    }

    pub(super) fn per_cpu_second(&self) -> f64 {
        self.messages / self.cpu_seconds
    }
}

/// Receives for `window`, after a while to warm up.
pub(super) async fn drain(
    mut client: impl Receive,
    cell: Cell,
    window: Duration,
) -> Result<Throughput> {
    let mut check = Check::new(cell.payload)?;
    receive_for(&mut client, &mut check, window / 5).await?;
    let cpu = Cpu::now();
    let start = Instant::now();
    let messages = receive_for(&mut client, &mut check, window).await?;
    Ok(Throughput {
        messages: messages as f64,
        seconds: start.elapsed().as_secs_f64(),
        cpu_seconds: cpu.elapsed().as_secs_f64(),
    })
}

async fn receive_for(
    client: &mut impl Receive,
    check: &mut Check,
    duration: Duration,
) -> Result<u64> {
    let start = Instant::now();
    let mut messages = 0;
    while start.elapsed() < duration {
        for _ in 0..BATCH {
            client.receive(check).await?;
        }
        messages += BATCH;
    }
    Ok(messages)
}
