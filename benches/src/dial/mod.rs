//! From nothing to the first frame or byte.
//!
//! Three looks at the same dials: over a slow wire, where only round trips count; through real
//! proxies without a delay, where stalls show; and as system calls. The figures of `rest` and
//! `scale` come from the same clients, exchange and proxies.

mod client;
mod clients;
mod connector;
mod contender;
mod delayed;
mod delayer;
mod exchange;
mod fetch;
mod latency;
mod loopback;
mod network;
mod ours;
mod peer;
mod prepared_route;
mod real;
mod stream;
mod system_calls;
mod task;
mod world;

use clap::Subcommand;

pub(crate) use clients::Clients;
pub(crate) use contender::{Contender, Opens, Socket};
pub(crate) use exchange::TWICE;
pub(crate) use fetch::fetcher;
pub(crate) use prepared_route::{PreparedRoute, Route};
pub(crate) use stream::{Dialer, Messages, dialer};
pub(crate) use task::{Held, Hold, Rate, Request, Task};
pub(crate) use world::World;

use crate::error::{Result, chain};
use crate::report::Measurement;
use crate::settings::Settings;

pub(crate) fn run(settings: &Settings) -> Result<Vec<Measurement>> {
    let parts = [
        ("round trips", delayed::run(settings)),
        ("real proxies", loopback::run(settings)),
        ("system calls", system_calls::run()),
    ];
    let tell = |(part, result): (&str, Result<Vec<Measurement>>)| {
        let missing =
            |reason: &str| vec![Measurement::missing(part, "everybody", ("", ""), reason)];
        result.unwrap_or_else(|error| missing(&chain(&error)))
    };
    Ok(parts.into_iter().flat_map(tell).collect())
}

/// A process of its own that this benchmark needs.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// The exchange and its proxies.
    World(world::Serve),
    /// The slow wire.
    Wire(network::Delay),
    /// The clients that are written in Rust.
    Client,
}

impl Role {
    pub(crate) fn run(self) -> Result<()> {
        match self {
            Self::World(serve) => serve.run(),
            Self::Wire(delay) => delay.run(),
            Self::Client => client::run(),
        }
    }
}
