//! The interface of a sink.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::record::Record;

/// Records in their order.
pub type Records = VecDeque<Arc<Record>>;

/// Stores events.
///
/// A [`Fanout`](crate::Fanout) runs each sink in a task of its own, and calls one method at a time. What a
/// sink waits for keeps neither a socket nor another sink waiting. After an error, the same is tried
/// again, so that an error is for what may pass: a full disk, a server that is not there. What never will
/// is the sink's to leave out, to count and to tell.
#[async_trait]
pub trait Sink: Send + 'static {
    /// Takes records from the front of `records`, as many as there is room for and at least one. Those that
    /// it leaves are offered again.
    ///
    /// # Errors
    /// [`SinkError`] if it cannot store for now. A record that is taken nevertheless must not be lost.
    async fn write(&mut self, records: &mut Records) -> Result<(), SinkError>;

    /// Stores what was taken. It is called when no record waits, and every second.
    ///
    /// # Errors
    /// [`SinkError`] if it cannot store for now.
    async fn flush(&mut self) -> Result<(), SinkError>;

    /// Ends what can be ended, such as open files, and goes on with new ones.
    ///
    /// # Errors
    /// [`SinkError`] if that cannot be done for now.
    async fn reopen(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    /// Stores what was taken, and ends.
    ///
    /// # Errors
    /// [`SinkError`] if it cannot store for now.
    async fn close(&mut self) -> Result<(), SinkError> {
        self.flush().await
    }

    /// How many records it has taken and not stored yet.
    fn unstored(&self) -> usize;
}

/// Why a sink cannot store for now.
#[derive(Debug)]
pub struct SinkError {
    doing: String,
    cause: Box<dyn Error + Send + Sync>,
}

impl SinkError {
    /// What `doing` says, behind "failed to", is not possible because of `cause`.
    #[must_use]
    pub fn new(doing: impl Into<String>, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            doing: doing.into(),
            cause: cause.into(),
        }
    }

    /// The same with a cause of the cause.
    #[cfg(feature = "nats")]
    pub(crate) fn because(self, reason: &str) -> Self {
        let cause = format!("{}: {reason}", self.cause);
        Self::new(self.doing, cause)
    }
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.doing)
    }
}

impl Error for SinkError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.cause)
    }
}
