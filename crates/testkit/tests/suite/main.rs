//! The test kit tested from outside, over real sockets.
#![cfg(test)]

mod books;
mod ca;
mod exchange_client;
mod faults;
mod kraken;
mod okx;
mod proxies;
mod raw_client;
mod rest;
mod streams;
