//! The built command, run as its users run it.
#![cfg(test)]

mod backpressure;
mod browser;
mod check;
mod check_routes;
mod child;
mod collectors;
mod demo;
mod deploy;
mod documentation;
mod failures;
mod farewell;
mod fleet;
mod flood;
mod gathered;
mod generated;
mod incident;
mod learning;
mod live_metrics;
mod log_fields;
mod metrics;
#[path = "../../../../tests/mirror.rs"]
mod mirror;
mod mock;
mod nats;
mod nats_server;
mod output;
mod page;
#[path = "../../../../tests/parting.rs"]
mod parting;
mod probe;
mod probe_egress;
mod reload;
mod reload_feeds;
mod run;
mod schema;
mod secrets;
mod service_manager;
mod sinks;
mod sinks_full;
#[path = "../../../../tests/skip.rs"]
mod skip;
mod status;
mod stored;
mod usage;
mod workspace;
mod world;
