//! What a client is asked to do, and what it answers.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::contender::{Contender, Opens};
use super::prepared_route::PreparedRoute;

/// What a client is asked to do, as a line of JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Task {
    /// Connect to an address and hang up, again and again.
    Connect { address: SocketAddr, times: usize },
    /// Dial and hang up, again and again.
    Open(Open),
    /// Wait for the messages of bursts.
    Listen(Listen),
    /// Keep sending requests.
    Request(Request),
    /// Open WebSockets, wait for the messages of each, and keep them.
    Hold(Hold),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Open {
    pub(crate) contender: Contender,
    pub(crate) way: PreparedRoute,
    pub(crate) opens: Opens,
    pub(crate) times: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Listen {
    pub(crate) contender: Contender,
    pub(crate) way: PreparedRoute,
    pub(crate) messages: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) contender: Contender,
    pub(crate) way: PreparedRoute,
    /// How many at a time.
    pub(crate) concurrency: usize,
    pub(crate) milliseconds: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Hold {
    pub(crate) contender: Contender,
    pub(crate) way: PreparedRoute,
    pub(crate) connections: usize,
}

/// What a client answers, as a line of JSON: figures, or why there are none.
pub(crate) type Answer<T> = Result<T, String>;

/// How long each of some dials took.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Dials {
    pub(crate) milliseconds: Vec<f64>,
    /// The client's CPU time for one of them.
    pub(crate) cpu_microseconds: f64,
}

/// How many milliseconds each message was under way.
pub(crate) type Latencies = Vec<f64>;

/// How many requests were answered.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Rate {
    pub(crate) per_second: f64,
    /// The client's CPU time for one of them.
    pub(crate) cpu_microseconds: f64,
}

/// What it takes to hold connections.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Held {
    /// Resident memory per connection.
    pub(crate) kibibytes: f64,
    /// The client's CPU time for dialing one of them.
    pub(crate) cpu_microseconds: f64,
}
