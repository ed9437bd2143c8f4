//! Several collectors of market data that share symbols, and one budget per exit.
//!
//! Above `feeds`: it knows symbols, keys and leases, and nothing of proxies. It opens no sockets but those
//! of its engine's client.
//!
//! Symbols belong to [shards](ShardCount::shard_of), and shards to the collectors that are there. Who has
//! a shard says the server, by leases; [`Assignment`] is what one collector does about it. A [`Slice`] is
//! what one collector has borrowed of the budget of an exchange at one exit. Both are state machines
//! without I/O: the time is passed in, and what they want to ask comes out. A [`Fleet`] drives them over a
//! [`Store`]: the [buckets of a server](Stores::connect), or a [`MemoryStore`] in tests.
//!
//! ```
//! use std::time::Instant;
//!
//! use feeds::Symbol;
//! use fleet::{Action, Assignment, CollectorId, Presence, ShardCount, Terms};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let shards = ShardCount::default();
//! let shard = shards.shard_of("binance", &Symbol::parse("BTC-USDT")?);
//! assert!(shard.index() < 64);
//!
//! let own = CollectorId::new_run_of("host");
//! let mut assignment = Assignment::new(own.clone(), shards, Terms::default());
//! let now = Instant::now();
//! let actions = assignment.poll(now);
//! let [Action::Present(presence)] = actions.as_slice() else { panic!("{actions:?}") };
//!
//! // Once it hears of itself, it knows who else is there, and asks for what belongs to it.
//! assignment.hear(&own, Some(presence.clone()), now);
//! assert_eq!(assignment.poll(now).len(), 64);
//! # Ok(())
//! # }
//! ```

mod advice;
mod assignment;
mod bucket;
mod budget;
mod collector;
mod fleet;
mod gate;
mod members;
mod presence;
mod reliance;
mod rendezvous;
mod shard;
#[cfg(test)]
mod simulation;
mod store;
mod terms;

pub use advice::{InvalidMarks, Marks};
pub use assignment::{Action, Answer, Ask, Assignment, Fence, Holder, Role};
pub use budget::{Company, Demand, InvalidLedger, Ledger, LedgerAnswer, LedgerAsk, Missing, Slice};
pub use collector::{CollectorId, InvalidCollectorId};
pub use fleet::{Fleet, FleetAdvice, FleetBudgets, Sharing, Standing};
pub use gate::{Gate, GateLimits, Opening, Passage};
pub use presence::Presence;
pub use reliance::{Reliance, Relied};
pub use shard::{Shard, ShardCount};
pub use store::{Change, Entry, JoinError, MemoryStore, Store, StoreError, Stores};
pub use terms::Terms;

/// Runs the code of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
