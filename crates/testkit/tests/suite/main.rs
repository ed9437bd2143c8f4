//! The test kit tested from outside, over real sockets.
#![cfg(test)]

mod ca;
mod exchange_client;
mod faults;
mod links;
mod limits;
mod proxies;
mod raw_client;
mod rest;
mod streams;
mod ticks;
