//! Events in files.

mod encoder;
mod folder;
pub(crate) mod name;
mod open_file;
mod part;
mod pattern;
mod recovery;
pub(crate) mod walk;

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::task::spawn_blocking;

use self::folder::Folder;
pub use self::name::Compression;
pub use self::pattern::{FilePattern, InvalidFilePattern};
use crate::sink::{Records, Sink, SinkError};

/// Where and how files are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSettings {
    /// The folder. It is created if it is not there.
    pub folder: PathBuf,
    /// Where the files are below it.
    pub pattern: FilePattern,
    /// Whether they are compressed.
    pub compression: Compression,
    /// After how long a file is complete and another one follows, if not by the pattern.
    pub rotate_after: Option<Duration>,
    /// The size in bytes, as it is on the disk, from which on it is.
    pub rotate_bytes: Option<u64>,
}

impl FileSettings {
    /// Files in `folder` by the default pattern, not compressed, one an hour.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            pattern: FilePattern::default(),
            compression: Compression::default(),
            rotate_after: None,
            rotate_bytes: None,
        }
    }
}

/// Stores events as JSON Lines in files.
///
/// A file is written under a name that ends with `.part`, and has its final name when it is complete and on
/// the disk. It has whole lines of one run in their order, whatever happens: of a write that fails nothing
/// stays, and what a process that was killed has left is cut after the last whole line by the next one.
/// Lines are written within a second.
#[derive(Debug)]
pub struct FileSink {
    folder: Arc<Mutex<Folder>>,
}

impl FileSink {
    /// Completes what a process has left in the folder, which is logged, and writes new files there. It
    /// blocks.
    ///
    /// # Errors
    /// If the folder is not there and cannot be created, or cannot be read or written, or the program is built without
    /// the compression.
    pub fn open(settings: FileSettings) -> io::Result<Self> {
        encoder::Encoder::new(settings.compression)?;
        fs::create_dir_all(&settings.folder)?;
        part::may_write(&settings.folder)?;
        recovery::recover(&settings.folder)?;
        Ok(Self {
            folder: Arc::new(Mutex::new(Folder::new(settings))),
        })
    }

    /// Does something with the files on a thread that may wait for the disk.
    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Folder, i64) -> (T, io::Result<()>) + Send + 'static,
    ) -> (Option<T>, Result<(), SinkError>) {
        let folder = Arc::clone(&self.folder);
        let done = spawn_blocking(move || work(&mut folder.lock(), now_ns())).await;
        match done {
            Ok((value, outcome)) => (
                Some(value),
                outcome.map_err(|error| SinkError::new("write files", error)),
            ),
            Err(error) => (None, Err(SinkError::new("write files", error))),
        }
    }
}

/// Nanoseconds since 1970, UTC.
fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |it| i64::try_from(it.as_nanos()).unwrap_or(i64::MAX))
}

#[async_trait]
impl Sink for FileSink {
    async fn write(&mut self, records: &mut Records) -> Result<(), SinkError> {
        let mut taken = std::mem::take(records);
        let writing = self.on_disk(move |folder, now_ns| {
            let outcome = folder.write(&mut taken, now_ns);
            (taken, outcome)
        });
        let (left, outcome) = writing.await;
        *records = left.unwrap_or_default();
        outcome
    }

    async fn flush(&mut self) -> Result<(), SinkError> {
        self.on_disk(|folder, now_ns| ((), folder.flush(now_ns)))
            .await
            .1
    }

    async fn reopen(&mut self) -> Result<(), SinkError> {
        self.on_disk(|folder, _| ((), folder.complete())).await.1
    }

    async fn close(&mut self) -> Result<(), SinkError> {
        self.reopen().await
    }

    fn unstored(&self) -> usize {
        self.folder.lock().unstored()
    }
}

#[cfg(test)]
mod tests;
