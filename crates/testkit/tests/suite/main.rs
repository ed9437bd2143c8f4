//! The test kit tested from outside, over real sockets.
#![cfg(test)]

mod ca;
mod proxies;
mod raw_client;
