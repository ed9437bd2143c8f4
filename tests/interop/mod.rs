//! Real proxy servers: REST and WebSocket of both exchanges through each of them.
//!
//! A module per server starts it as a child process, with a configuration of its own and ports
//! that are free, and says what it offers; [`visit`] goes through all of it. `.ci/install-test-tools`
//! installs the servers. What is not installed is skipped, or a failure if `INTEROP=required`.
//!
//! Targets are `localhost`, which a server that resolves names finds in the hosts file, perhaps
//! with an IPv6 address beside the one where the exchanges listen.

mod arrivals;
mod certificate;
mod dante;
mod door;
mod microsocks;
mod outage;
mod server;
mod simple_socks;
mod squid;
mod ssh;
mod stunnel;
mod tinyproxy;
mod v2ray;
mod visit;
