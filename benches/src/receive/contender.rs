//! Who takes part.

use std::fmt;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use tokio::runtime::Runtime;
use transport_tls::TlsTrust;

use super::cell::{Cell, Payload, Relay};
use super::client::{Link, Throughput};
use super::ours;
use super::peers::Peer;
use super::server::Addresses;
use crate::child::Child;
use crate::error::Result;
use crate::python;

/// Long enough for the slowest client; a server that falls silent ends the measurement.
const LIMIT: Duration = Duration::from_secs(10);

/// A client, and its way to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Contender {
    pub(super) client: Client,
    pub(super) way: Relay,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Client {
    Ours,
    Peer(Peer),
    /// A module of Python.
    Python(&'static str),
}

impl Contender {
    /// Everybody directly; the other ways we, and the library that we are made of.
    pub(super) fn all() -> Vec<Self> {
        let both = [Client::Ours, Client::Peer(Peer::Tungstenite)];
        let direct = std::iter::once(Client::Ours)
            .chain(Peer::ALL.map(Client::Peer))
            .chain(["websockets", "aiohttp"].map(Client::Python));
        let by = |way| move |client| Self { client, way };
        direct
            .map(by(Relay::Direct))
            .chain(both.map(by(Relay::Forwarded)))
            .chain(both.map(by(Relay::Socks5)))
            .collect()
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.client {
            Client::Ours => f.write_str("transport-ws")?,
            Client::Peer(peer) => f.write_str(peer.name())?,
            Client::Python(module) => write!(f, "Python {module}")?,
        }
        match self.way {
            Relay::Direct => Ok(()),
            way => write!(f, ", {way}"),
        }
    }
}

/// What the clients need.
pub(super) struct Stage<'a> {
    addresses: &'a Addresses,
    window: Duration,
    runtime: Runtime,
    tls: Arc<ClientConfig>,
    ca_file: NamedTempFile,
    /// Runs the clients of Python; started when the first of them has its turn.
    worker: Option<Child>,
}

impl<'a> Stage<'a> {
    pub(super) fn new(addresses: &'a Addresses, window: Duration) -> Result<Self> {
        let trust = TlsTrust::platform().with_ca_pem(addresses.ca_pem.as_bytes())?;
        let mut ca_file = NamedTempFile::new()?;
        ca_file.write_all(addresses.ca_pem.as_bytes())?;
        Ok(Self {
            addresses,
            window,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
            tls: trust.client_config(&[b"http/1.1"]),
            ca_file,
            worker: None,
        })
    }

    pub(super) fn measure(&mut self, contender: Contender, cell: Cell) -> Result<Throughput> {
        let Contender { client, way } = contender;
        let link = Link {
            cell,
            addresses: self.addresses,
            way,
            tls: &self.tls,
        };
        match client {
            Client::Ours => self.block_on(ours::measure(link, self.window)),
            Client::Peer(peer) => self.block_on(peer.measure(link, self.window)),
            Client::Python(module) => {
                let task = Task {
                    module,
                    uri: link.uri(),
                    proxy: (way == Relay::Socks5)
                        .then(|| format!("socks5h://{}", self.addresses.proxy)),
                    ca_file: self.ca_file.path(),
                    window: self.window.as_secs_f64(),
                    expected: Expected::of(cell.payload)?,
                };
                let mut worker = match self.worker.take() {
                    Some(worker) => worker,
                    None => python::start("receive.py", &[])?,
                };
                worker.tell(&task)?;
                let answer: Answer = worker.hear()?;
                self.worker = Some(worker);
                match answer {
                    Answer::Throughput(throughput) => Ok(throughput),
                    Answer::Error { error } => Err(error.into()),
                }
            }
        }
    }

    fn block_on<T>(&self, measure: impl Future<Output = Result<T>>) -> Result<T> {
        let limited = async { tokio::time::timeout(LIMIT, measure).await? };
        self.runtime.block_on(limited)
    }
}

/// What a client of Python shall do.
#[derive(Debug, Serialize)]
struct Task<'a> {
    module: &'static str,
    uri: String,
    proxy: Option<String>,
    ca_file: &'a Path,
    window: f64,
    expected: Expected,
}

/// What a client of Python shall make of the messages.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Expected {
    /// Text of so many characters.
    Characters(usize),
    /// Events of this kind.
    Event(&'static str),
}

impl Expected {
    fn of(payload: Payload) -> Result<Self> {
        Ok(match payload {
            Payload::Text(_) => Self::Characters(payload.messages()?.concat().chars().count()),
            Payload::Recorded(kind) => Self::Event(kind.stream()),
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Answer {
    Throughput(Throughput),
    Error { error: String },
}
