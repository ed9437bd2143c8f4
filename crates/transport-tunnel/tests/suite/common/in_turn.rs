//! Peers that take turns.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use transport::{Connection, DialError, Dialer, Target};

use super::Scripted;

/// Dials these peers, one after the other, and no further one.
#[derive(Debug, Clone)]
pub(crate) struct InTurn(Arc<Mutex<VecDeque<Scripted>>>);

impl InTurn {
    pub(crate) fn new<const N: usize>(peers: [&Scripted; N]) -> Self {
        let peers = peers.into_iter().cloned().collect();
        Self(Arc::new(Mutex::new(peers)))
    }

    /// How many have not been dialed.
    pub(crate) fn left(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

#[async_trait]
impl Dialer for InTurn {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        let peer = self.0.lock().unwrap().pop_front().unwrap();
        peer.dial(target).await
    }
}
