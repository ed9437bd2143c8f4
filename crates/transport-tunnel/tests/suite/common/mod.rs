//! Peers to dial, and clients to dial with.

mod scripted;

pub(crate) use scripted::Scripted;
