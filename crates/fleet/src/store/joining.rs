//! Finding the buckets of a fleet.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream;
use async_nats::{Client, ConnectOptions, ServerAddr};
use transport::BoxError;

use super::Stores;
use super::nats::NatsStore;
use crate::advice::LONGEST;
use crate::terms::Terms;

/// How long an answer may take, beside the limits of whoever asks.
const TIMEOUT: Duration = Duration::from_secs(5);

impl Stores {
    /// The buckets of the fleet `name` at a NATS server with JetStream, from version 2.9 on.
    ///
    /// Connects to the servers at `url`, one or several addresses with commas between them, and creates
    /// the buckets of the fleet `name` if there are none yet. The client connects again by itself
    /// whenever the connection is lost.
    ///
    /// # Errors
    /// [`JoinError`].
    pub async fn connect(url: &str, name: &str, terms: Terms) -> Result<Self, JoinError> {
        let addresses = url.split(',').map(|it| it.trim().parse());
        let addresses: Vec<ServerAddr> = addresses
            .collect::<Result<_, _>>()
            .map_err(|_| JoinError::Address)?;
        let options = ConnectOptions::new()
            .name(format!("fleet {name}"))
            .connection_timeout(TIMEOUT)
            .request_timeout(Some(TIMEOUT));
        #[expect(
            clippy::disallowed_methods,
            reason = "it connects to the user's own server, and never to an exchange"
        )]
        let client = options.connect(addresses).await.map_err(JoinError::reach)?;
        Self::over(client, name, terms).await
    }

    /// The buckets of the fleet `name` at the server that `client` is connected to, by the login and the
    /// authorities that it has. Creates them if there are none yet.
    ///
    /// # Errors
    /// [`JoinError`].
    pub async fn over(client: Client, name: &str, terms: Terms) -> Result<Self, JoinError> {
        let mut context = jetstream::new(client);
        context.set_timeout(TIMEOUT);
        let leases = NatsStore::open(&context, format!("{name}_leases"), terms.lease()).await?;
        let budgets = NatsStore::open(&context, format!("{name}_budgets"), Duration::ZERO).await?;
        let advice = NatsStore::open(&context, format!("{name}_advice"), LONGEST).await?;
        Ok(Self {
            leases: Arc::new(leases),
            budgets: Arc::new(budgets),
            advice: Arc::new(advice),
        })
    }
}

/// Why a fleet cannot be joined.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// It is no address of a server, such as `nats://host:4222`.
    #[error("expected addresses such as nats://host:4222")]
    Address,
    /// The servers do not answer, or have no JetStream.
    #[error("the server does not answer as one with JetStream")]
    Unreachable(#[source] BoxError),
    /// The fleet has leases of another length.
    #[error("the fleet has leases of {0:?}")]
    OtherLease(Duration),
    /// The fleet has another number of shards.
    #[error("the fleet has {0} shards")]
    OtherShards(u16),
}

impl JoinError {
    pub(super) fn reach(error: impl Into<BoxError>) -> Self {
        Self::Unreachable(error.into())
    }
}
