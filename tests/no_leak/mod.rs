//! No connection goes past its proxy: as a property of every configuration, and as packets.

mod fault;
mod plan;
mod property;
