//! No connection goes past its proxy: as a property of every configuration, and as packets.

mod chain;
mod fault;
mod kept;
mod namespaces;
mod network;
mod obliging;
mod plan;
mod property;
mod role;
mod stage;
mod texts;
