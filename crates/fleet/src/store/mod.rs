//! Where a fleet keeps what its collectors share.

mod agreed;
mod joining;
mod memory;
mod nats;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use transport::BoxError;

pub use self::joining::JoinError;
pub use self::memory::MemoryStore;

/// A key-value bucket: what a fleet asks of its engine. Keys are letters of ASCII, digits, `-`, `_`, `=`
/// and `.`.
///
/// Every write has a higher revision than all before it in the bucket. A store may have a maximum age,
/// after which it removes entries by its own clock, without telling it.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync {
    /// Writes an entry, whatever there was, and returns its revision.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`].
    async fn put(&self, key: &str, value: Bytes) -> Result<u64, StoreError>;

    /// Writes an entry if it has the revision `expected`, or if there is none for 0, and returns its
    /// revision.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if there is another; [`StoreError::Unreachable`].
    async fn update(&self, key: &str, value: Bytes, expected: u64) -> Result<u64, StoreError>;

    /// Removes an entry if it has the revision `expected`.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if there is another; [`StoreError::Unreachable`].
    async fn remove(&self, key: &str, expected: u64) -> Result<(), StoreError>;

    /// An entry.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`].
    async fn entry(&self, key: &str) -> Result<Option<Entry>, StoreError>;

    /// The entries whose keys begin with `prefix` and a `.`, as they are now, and then as they change.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`].
    async fn watch(&self, prefix: &str) -> Result<BoxStream<'static, Change>, StoreError>;
}

/// Where a fleet keeps what its collectors share.
#[derive(Debug, Clone)]
pub struct Stores {
    /// Leases, and who is there: a store whose maximum age is the length of a lease.
    pub leases: Arc<dyn Store>,
    /// Budgets and bans: a store that keeps its entries.
    pub budgets: Arc<dyn Store>,
    /// What collectors advise each other against: a store whose maximum age is five minutes.
    pub advice: Arc<dyn Store>,
}

/// An entry of a [`Store`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What was written.
    pub value: Bytes,
    /// Its revision.
    pub revision: u64,
}

/// A change in a [`Store`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub key: String,
    /// What was written, or `None` if the entry was removed.
    pub value: Option<Bytes>,
}

/// Why something was not done, or may not have been.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The entry has another revision than expected. Nothing is changed.
    #[error("the entry has another revision")]
    Conflict,
    /// There was no answer, or not the expected one. It may have been done.
    #[error("the store does not answer")]
    Unreachable(#[source] BoxError),
}
