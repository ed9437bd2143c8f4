//! Collectors at a store in memory, and at a real server.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

mod advice;
mod budgets;
mod joining;
mod nats;
mod nats_server;
mod processes;
mod store;
