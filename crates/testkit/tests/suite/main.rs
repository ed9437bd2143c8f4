//! The test kit tested from outside, over real sockets.
#![cfg(test)]

mod ca;
mod exchange_client;
mod faults;
mod limits;
mod links;
mod proxies;
mod raw_client;
mod rest;
mod streams;
mod ticks;
