//! Finding the buckets of a fleet.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream;
use async_nats::{Client, ConnectOptions, ServerAddr};
use transport::BoxError;

use super::Stores;
use super::agreed::Agreed;
use super::nats::NatsStore;
use crate::advice::LONGEST;
use crate::shard::ShardCount;
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
    /// The first collector decides into how many `shards` the symbols are divided, and on what `terms`.
    ///
    /// # Errors
    /// [`JoinError`].
    pub async fn connect(
        url: &str,
        name: &str,
        shards: ShardCount,
        terms: Terms,
    ) -> Result<Self, JoinError> {
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
        Self::over(client, name, shards, terms).await
    }

    /// The buckets of the fleet `name` at the server that `client` is connected to, by the login and the
    /// authorities that it has. Creates them if there are none yet.
    ///
    /// # Errors
    /// [`JoinError`].
    pub async fn over(
        client: Client,
        name: &str,
        shards: ShardCount,
        terms: Terms,
    ) -> Result<Self, JoinError> {
        let mut context = jetstream::new(client);
        context.set_timeout(TIMEOUT);
        let open = |kind: &str, agreed: Agreed| {
            let bucket = format!("{name}_{kind}");
            NatsStore::open(&context, bucket, agreed, terms.look())
        };
        // Where a lease is, there is also what all who have one agree about.
        let leases = open("leases", Agreed::leases(shards, terms)).await?;
        let budgets = open("budgets", Agreed::max_age(Duration::ZERO)).await?;
        let advice = open("advice", Agreed::max_age(LONGEST)).await?;
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
    /// A bucket has the name of one of the fleet, and is none.
    #[error("the bucket {0} is there, and is none of a fleet")]
    OtherBucket(String),
}

impl JoinError {
    pub(super) fn reach(error: impl Into<BoxError>) -> Self {
        Self::Unreachable(error.into())
    }
}
