//! Buckets of JetStream.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::kv::{self, Operation, UpdateErrorKind};
use async_nats::jetstream::stream::{Config, DiscardPolicy, StorageType};
use async_nats::jetstream::{self, Context};
use async_nats::{Client, ConnectOptions, ServerAddr};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use transport::BoxError;

use super::{Change, Entry, Store, StoreError, Stores};
use crate::advice::LONGEST;
use crate::terms::Terms;

/// For how long a server knows duplicates, by default.
const DUPLICATES: Duration = Duration::from_secs(120);

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
        let leases = bucket(&context, format!("{name}_leases"), terms.lease()).await?;
        let budgets = bucket(&context, format!("{name}_budgets"), Duration::ZERO).await?;
        let advice = bucket(&context, format!("{name}_advice"), LONGEST).await?;
        Ok(Self {
            leases: Arc::new(NatsStore(leases)),
            budgets: Arc::new(NatsStore(budgets)),
            advice: Arc::new(NatsStore(advice)),
        })
    }
}

/// The bucket of this name, whose entries are removed at this age, or never for 0.
async fn bucket(
    context: &Context,
    bucket: String,
    max_age: Duration,
) -> Result<kv::Store, JoinError> {
    let config = Config {
        name: format!("KV_{bucket}"),
        subjects: vec![format!("$KV.{bucket}.>")],
        max_messages_per_subject: 1,
        max_age,
        // Revisions go on after a restart of the server.
        storage: StorageType::File,
        discard: DiscardPolicy::New,
        duplicate_window: match max_age {
            Duration::ZERO => DUPLICATES,
            age => age.min(DUPLICATES),
        },
        deny_delete: true,
        allow_rollup: true,
        allow_direct: true,
        ..Config::default()
    };
    // As a stream: the client's own way asks for the account first, and does not understand what version
    // 2.9 answers. The server refuses only a bucket that has another configuration.
    let created = context.create_stream(config).await;
    let found = context.get_key_value(&bucket).await;
    let store = found.map_err(|error| match created {
        Ok(_) => JoinError::reach(error),
        Err(refusal) => JoinError::reach(refusal),
    })?;
    let status = store.status().await.map_err(JoinError::reach)?;
    match status.max_age() == max_age {
        true => Ok(store),
        false => Err(JoinError::OtherLease(status.max_age())),
    }
}

/// One bucket.
#[derive(Debug)]
struct NatsStore(kv::Store);

#[async_trait]
impl Store for NatsStore {
    async fn put(&self, key: &str, value: Bytes) -> Result<u64, StoreError> {
        self.0.put(key, value).await.map_err(unreachable)
    }

    async fn update(&self, key: &str, value: Bytes, expected: u64) -> Result<u64, StoreError> {
        let expected = match expected {
            0 => self.removed(key).await?,
            revision => revision,
        };
        let updated = self.0.update(key, value, expected).await;
        updated.map_err(|error| match error.kind() {
            UpdateErrorKind::WrongLastRevision => StoreError::Conflict,
            _ => unreachable(error),
        })
    }

    async fn remove(&self, key: &str, expected: u64) -> Result<(), StoreError> {
        let removed = self.0.delete_expect_revision(key, Some(expected)).await;
        match removed {
            Ok(()) => Ok(()),
            Err(error) => match self.entry(key).await? {
                Some(entry) if entry.revision == expected => Err(unreachable(error)),
                _ => Err(StoreError::Conflict),
            },
        }
    }

    async fn entry(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        let entry = self.0.entry(key).await.map_err(unreachable)?;
        let entry = entry.filter(|it| it.operation == Operation::Put);
        Ok(entry.map(|it| Entry {
            value: it.value,
            revision: it.revision,
        }))
    }

    async fn watch(&self, prefix: &str) -> Result<BoxStream<'static, Change>, StoreError> {
        let watch = self.0.watch_with_history(format!("{prefix}.>")).await;
        let changes = watch.map_err(unreachable)?;
        // Whoever watches begins anew after an error.
        let changes = changes.scan((), |(), entry| ready(entry.ok()));
        let changes = changes.map(|entry| Change {
            value: (entry.operation == Operation::Put).then_some(entry.value),
            key: entry.key,
        });
        Ok(changes.boxed())
    }
}

impl NatsStore {
    /// The revision of the mark that an entry was removed, or 0 without one.
    async fn removed(&self, key: &str) -> Result<u64, StoreError> {
        let entry = self.0.entry(key).await.map_err(unreachable)?;
        match entry {
            None => Ok(0),
            Some(entry) if entry.operation == Operation::Put => Err(StoreError::Conflict),
            Some(mark) => Ok(mark.revision),
        }
    }
}

fn unreachable(error: impl Into<BoxError>) -> StoreError {
    StoreError::Unreachable(error.into())
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
