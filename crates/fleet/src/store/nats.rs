//! A bucket of JetStream.

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::kv::{self, Operation, UpdateErrorKind};
use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, StorageType};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::sync::watch;
use tokio::time::timeout;
use transport::BoxError;

use super::agreed::Agreed;
use super::{Change, Entry, JoinError, Store, StoreError};

/// For how long a server knows duplicates, by default.
const DUPLICATES: Duration = Duration::from_secs(120);

/// One bucket, and whichever replaces it after somebody has deleted it, or the server has lost its files.
///
/// The server counts the writes of each bucket from one. A revision is the time at which the bucket was
/// created, in microseconds since 1970, and that number: so those of a new bucket are higher than all of the
/// one before, unless the clock of the server goes back for as long as that one has lived.
#[derive(Debug)]
pub(super) struct NatsStore {
    context: Context,
    config: Config,
    agreed: Agreed,
    bucket: kv::Store,
    /// When the bucket was created.
    created: watch::Sender<u64>,
    /// The highest number that the server has given to a write of this collector.
    highest: AtomicU64,
    /// Something was not as expected: it may be another bucket, or none.
    is_doubtful: Arc<AtomicBool>,
    /// It was told that the bucket is that of others.
    is_refused: AtomicBool,
    /// How often whoever watches looks whether it is the same bucket.
    look: Duration,
}

#[async_trait]
impl Store for NatsStore {
    async fn put(&self, key: &str, value: Bytes) -> Result<u64, StoreError> {
        self.ascertain().await?;
        let unanswered = self.unanswered();
        let written = self.bucket.put(key, value).await;
        unanswered.end();
        self.written(written.map_err(|error| self.doubt(error))?)
            .await
    }

    async fn update(&self, key: &str, value: Bytes, expected: u64) -> Result<u64, StoreError> {
        self.ascertain().await?;
        let number = match expected {
            0 => self.removed(key).await?,
            revision => self.number(revision)?,
        };
        let unanswered = self.unanswered();
        let updated = self.bucket.update(key, value, number).await;
        unanswered.end();
        let updated = updated.map_err(|error| match error.kind() {
            UpdateErrorKind::WrongLastRevision => StoreError::Conflict,
            _ => self.doubt(error),
        });
        self.written(updated?).await
    }

    async fn remove(&self, key: &str, expected: u64) -> Result<(), StoreError> {
        self.ascertain().await?;
        let number = self.number(expected)?;
        let removed = self.bucket.delete_expect_revision(key, Some(number)).await;
        match removed {
            Ok(()) => Ok(()),
            Err(error) => match self.entry(key).await? {
                Some(entry) if entry.revision == expected => Err(self.doubt(error)),
                _ => Err(StoreError::Conflict),
            },
        }
    }

    async fn entry(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        self.ascertain().await?;
        let entry = self.bucket.entry(key).await;
        let entry = entry.map_err(|error| self.doubt(error))?;
        let entry = entry.filter(|it| it.operation == Operation::Put);
        Ok(entry.map(|it| Entry {
            value: it.value,
            revision: self.revision(it.revision),
        }))
    }

    async fn watch(&self, prefix: &str) -> Result<BoxStream<'static, Change>, StoreError> {
        self.ascertain().await?;
        let mut created = self.created.subscribe();
        let watch = self.bucket.watch_with_history(format!("{prefix}.>")).await;
        let changes = watch.map_err(|error| self.doubt(error))?;
        // Whoever watches begins anew after an error.
        let changes = changes.scan((), |(), entry| ready(entry.ok()));
        let changes = changes.map(|entry| Change {
            value: (entry.operation == Operation::Put).then_some(entry.value),
            key: entry.key,
        });
        // In another bucket, the client would go on behind the number that it has come to in this one. Who only
        // listens would not find out.
        let (stream, look) = (self.bucket.stream.clone(), self.look);
        let is_doubtful = Arc::clone(&self.is_doubtful);
        let known = *created.borrow_and_update();
        let is_replaced = async move {
            while timeout(look, created.changed()).await.is_err() {
                let found = stream.get_info().await;
                if !found.is_ok_and(|info| self::created(&info) == known) {
                    is_doubtful.store(true, Ordering::Relaxed);
                    break;
                }
            }
        };
        Ok(changes.take_until(is_replaced).boxed())
    }
}

impl NatsStore {
    /// The bucket of this name.
    pub(super) async fn open(
        context: &Context,
        bucket: String,
        agreed: Agreed,
        look: Duration,
    ) -> Result<Self, JoinError> {
        let max_age = agreed.max_age;
        let config = Config {
            name: format!("KV_{bucket}"),
            description: agreed.description(),
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
        let created = context.create_stream(config.clone()).await;
        let found = context.get_key_value(&bucket).await;
        let store = found.map_err(|error| match created {
            Ok(_) => JoinError::reach(error),
            Err(refusal) => JoinError::reach(refusal),
        })?;
        let info = store.stream.cached_info();
        agreed.expect(&info.config)?;
        Ok(Self {
            context: context.clone(),
            config,
            agreed,
            created: watch::Sender::new(self::created(info)),
            bucket: store,
            highest: AtomicU64::new(0),
            is_doubtful: Arc::default(),
            look,
            is_refused: AtomicBool::new(false),
        })
    }

    fn revision(&self, number: u64) -> u64 {
        self.created.borrow().saturating_add(number)
    }

    /// The number of a write in this bucket, which none in an earlier one has.
    fn number(&self, revision: u64) -> Result<u64, StoreError> {
        let number = revision.checked_sub(*self.created.borrow());
        number.filter(|it| *it > 0).ok_or(StoreError::Conflict)
    }

    /// The revision of what the server has written as this number.
    async fn written(&self, number: u64) -> Result<u64, StoreError> {
        let highest = self.highest.fetch_max(number, Ordering::Relaxed);
        // One bucket gives no number twice.
        if number <= highest {
            self.is_doubtful.store(true, Ordering::Relaxed);
            self.ascertain().await?;
        }
        Ok(self.revision(number))
    }

    /// Whoever has made the bucket anew may be of another fleet: it is told once, and then there is none.
    fn expect(&self, found: &Info) -> Result<(), StoreError> {
        let expected = self.agreed.expect(&found.config);
        let is_refused = expected.is_err();
        if let Err(problem) = &expected
            && !self.is_refused.load(Ordering::Relaxed)
        {
            let bucket = &self.bucket.name;
            tracing::error!(target: "fleet", bucket, %problem, "the bucket was deleted, and one for other settings is there; \
                 this collector goes on without the fleet");
        }
        self.is_refused.store(is_refused, Ordering::Relaxed);
        expected.map_err(unreachable)
    }

    /// The number of the mark that an entry was removed, or 0 without one.
    async fn removed(&self, key: &str) -> Result<u64, StoreError> {
        let entry = self.bucket.entry(key).await;
        match entry.map_err(|error| self.doubt(error))? {
            None => Ok(0),
            Some(entry) if entry.operation == Operation::Put => Err(StoreError::Conflict),
            Some(mark) => Ok(mark.revision),
        }
    }

    fn unanswered(&self) -> Unanswered<'_> {
        Unanswered(Some(&self.is_doubtful))
    }

    fn doubt(&self, error: impl Into<BoxError>) -> StoreError {
        self.is_doubtful.store(true, Ordering::Relaxed);
        unreachable(error)
    }

    /// Looks at the bucket, if there is a doubt, and creates it if there is none any longer.
    async fn ascertain(&self) -> Result<(), StoreError> {
        if !self.is_doubtful.load(Ordering::Relaxed) {
            return Ok(());
        }
        let found = match self.bucket.stream.get_info().await {
            Ok(info) => info,
            Err(_) => {
                let stream = self.context.create_stream(self.config.clone()).await;
                stream.map_err(unreachable)?.cached_info().clone()
            }
        };
        self.expect(&found)?;
        let created = created(&found);
        let is_other = self.created.send_if_modified(|known| {
            let is_other = *known != created;
            *known = created;
            is_other
        });
        if is_other {
            self.highest.store(0, Ordering::Relaxed);
            let bucket = &self.bucket.name;
            tracing::warn!(target: "fleet", bucket, "the bucket was deleted, and is another one now");
        }
        self.is_doubtful.store(false, Ordering::Relaxed);
        Ok(())
    }
}

/// A write whose answer nobody has waited for makes a doubt: without a bucket, there is none.
struct Unanswered<'a>(Option<&'a AtomicBool>);

impl Unanswered<'_> {
    fn end(mut self) {
        self.0 = None;
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if let Some(is_doubtful) = self.0 {
            is_doubtful.store(true, Ordering::Relaxed);
        }
    }
}

/// When a bucket was created, in microseconds since 1970.
fn created(info: &Info) -> u64 {
    let micros = info.created.unix_timestamp_nanos() / 1_000;
    u64::try_from(micros).unwrap_or_default()
}

fn unreachable(error: impl Into<BoxError>) -> StoreError {
    StoreError::Unreachable(error.into())
}
