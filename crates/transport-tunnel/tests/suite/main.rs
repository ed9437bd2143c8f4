//! The dialers against proxies, exchanges and networks that misbehave.
#![cfg(test)]

mod catalogue;
mod common;
mod connect_replies;
mod deadlines;
mod errors;
mod headers;
mod local_addresses;
mod name_lookup;
mod optimistic_flight;
mod optimistic_redial;
mod segmentation;
mod sockets;
mod socks4_replies;
mod socks5_replies;
mod tls;
