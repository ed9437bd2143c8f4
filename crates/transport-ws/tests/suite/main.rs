//! The WebSocket client against exchanges that misbehave, and dialers and hooks that do.
#![cfg(test)]

mod agreement;
mod closing;
mod common;
mod errors;
mod frames;
mod hooks;
mod limits;
mod liveness;
mod upgrades;
mod wakeups;
