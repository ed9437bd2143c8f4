//! The WebSocket client against exchanges that misbehave, and dialers and hooks that do.
#![cfg(test)]

mod agreement;
mod common;
mod errors;
mod frames;
mod hooks;
mod limits;
mod upgrades;
