//! A store in memory.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Change, Entry, Store, StoreError};
use crate::bucket::{Bucket, Conflict};

/// A store in the memory of this process, for tests. Clones are the same store.
#[derive(Debug, Clone)]
pub struct MemoryStore(Arc<Mutex<Shared>>);

#[derive(Debug)]
struct Shared {
    bucket: Bucket,
    watchers: Vec<(String, mpsc::UnboundedSender<Change>)>,
    is_reachable: bool,
}

impl MemoryStore {
    /// An empty store, whose entries are removed at this age, if there is one.
    #[must_use]
    pub fn new(max_age: Option<Duration>) -> Self {
        Self(Arc::new(Mutex::new(Shared {
            bucket: Bucket::new(max_age),
            watchers: Vec::new(),
            is_reachable: true,
        })))
    }

    /// From now on, it answers, or does not.
    pub fn set_reachable(&self, is_reachable: bool) {
        let mut shared = self.0.lock();
        shared.is_reachable = is_reachable;
        if !is_reachable {
            shared.watchers.clear();
        }
    }

    fn with<T>(
        &self,
        ask: impl FnOnce(&mut Shared) -> Result<T, Conflict>,
    ) -> Result<T, StoreError> {
        let mut shared = self.0.lock();
        match shared.is_reachable {
            true => ask(&mut shared).map_err(|Conflict| StoreError::Conflict),
            false => Err(StoreError::Unreachable("it was told so".into())),
        }
    }
}

impl Shared {
    fn tell(&mut self, key: &str, value: Option<&Bytes>) {
        self.watchers.retain(|(prefix, watcher)| {
            let is_watched = key.strip_prefix(prefix.as_str());
            let is_watched = is_watched.is_some_and(|rest| rest.starts_with('.'));
            let (key, value) = (key.to_owned(), value.cloned());
            !is_watched || watcher.send(Change { key, value }).is_ok()
        });
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn put(&self, key: &str, value: Bytes) -> Result<u64, StoreError> {
        self.with(|it| {
            let revision = it.bucket.put(key, value.clone(), Instant::now().into_std());
            it.tell(key, Some(&value));
            Ok(revision)
        })
    }

    async fn update(&self, key: &str, value: Bytes, expected: u64) -> Result<u64, StoreError> {
        self.with(|it| {
            let now = Instant::now().into_std();
            let revision = it.bucket.update(key, value.clone(), expected, now)?;
            it.tell(key, Some(&value));
            Ok(revision)
        })
    }

    async fn remove(&self, key: &str, expected: u64) -> Result<(), StoreError> {
        self.with(|it| {
            it.bucket.delete(key, expected, Instant::now().into_std())?;
            it.tell(key, None);
            Ok(())
        })
    }

    async fn entry(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        self.with(|it| {
            let entry = it.bucket.entry(key, Instant::now().into_std());
            Ok(entry.map(|(value, revision)| Entry { value, revision }))
        })
    }

    async fn watch(&self, prefix: &str) -> Result<BoxStream<'static, Change>, StoreError> {
        let changes = self.with(|it| {
            let (watcher, changes) = mpsc::unbounded_channel();
            let now = Instant::now().into_std();
            for key in it.bucket.keys(now) {
                let value = it.bucket.entry(&key, now).map(|(value, _)| value);
                let rest = key.strip_prefix(prefix);
                if rest.is_some_and(|rest| rest.starts_with('.')) {
                    let _ = watcher.send(Change { key, value });
                }
            }
            it.watchers.push((prefix.to_owned(), watcher));
            Ok(changes)
        })?;
        let next = |mut changes: mpsc::UnboundedReceiver<Change>| async {
            changes.recv().await.map(|change| (change, changes))
        };
        Ok(stream::unfold(changes, next).boxed())
    }
}
