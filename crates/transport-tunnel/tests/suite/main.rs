//! The dialers against proxies, exchanges and networks that misbehave.
#![cfg(test)]

mod common;
mod segmentation;
