//! Peers to dial, and clients to dial with.

mod clients;
mod exchange;
mod head;
mod in_turn;
mod listener;
mod names;
mod piped;
mod proxy;
mod route;
mod scripted;

pub(crate) use clients::{Client, failure, opens, secure_failure};
pub(crate) use exchange::answer;
pub(crate) use head::read_head;
pub(crate) use in_turn::InTurn;
pub(crate) use listener::listen;
pub(crate) use names::{Names, NoDns, long_name};
pub(crate) use piped::Piped;
pub(crate) use proxy::{Step, dialogue, owned, play};
pub(crate) use route::{LONG, Route, tcp, through, trust};
pub(crate) use scripted::{Ending, Scripted};
