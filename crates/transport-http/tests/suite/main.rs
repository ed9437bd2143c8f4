//! The REST client against exchanges that misbehave, and dialers that do.
#![cfg(test)]

mod common;
mod connections;
mod encodings;
mod errors;
mod headers;
mod idle;
mod limits;
mod own_stack;
mod requests;
mod responses;
