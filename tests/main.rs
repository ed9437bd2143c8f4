//! The integration suite: real sockets, real TLS and real proxies, all on this machine.
//!
//! One binary, one module per behaviour. What the exchange saw counts, not what we claim: each
//! proxy leaves by a loopback address of its own, and the mock exchanges record who connected.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

mod budgets;
mod capture;
mod chains;
mod dial_spans;
mod documentation;
mod egresses;
mod environment;
mod every_scheme;
mod exhaustion;
mod farewells;
mod firehose;
mod fleet_advice;
mod fleet_budgets;
mod interop;
mod learned_egresses;
mod local_addresses;
mod log_lines;
mod mirror;
#[path = "../crates/fleet/tests/suite/nats_server.rs"]
#[expect(dead_code, reason = "other suites use more of it")]
mod nats_server;
mod no_leak;
mod own_tls;
mod parity;
mod parrot;
mod parting;
mod pool_faults;
mod pool_sources;
mod pools;
mod process_wide;
mod proxy_headers;
mod recordings;
mod reload;
mod repeated_logins;
mod reroute;
mod routing;
mod running;
mod runtimes;
mod secrets;
mod seeds;
mod sessions;
mod skip;
mod snapshots;
mod streaming;
mod tidemark;
mod two_lines;
mod versions;
mod world;
