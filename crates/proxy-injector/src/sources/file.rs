//! A list of proxies in a file.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use parking_lot::Mutex;
use proxy_config::ProxyList;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};
use transport::BoxError;

use super::MOST_BYTES;
use crate::proxy_source::ProxySource;

/// How long a file must not have changed before it is read: whoever writes it may not be done.
const SETTLED: Duration = Duration::from_secs(1);

/// How long one look may take. A mount may hang for ever.
const LIMIT: Duration = Duration::from_secs(10);

/// A file, which is read when its metadata has changed.
//
//     stamp as of the list in use ----------------> unchanged
//     other, younger than a second ---------------> look again in a second
//     other, the same for a second, and after -----> read it
//     other, and again another one ---------------> look again in a second, for 10 s at most
#[derive(Debug)]
pub(crate) struct FileSource {
    path: PathBuf,
    /// The stamp of the list in use.
    used: Mutex<Option<Stamp>>,
}

/// What distinguishes one content of a file from another. A file that replaces it by a rename, as
/// Kubernetes does with the link above it, has another inode; one that is copied over it with its time, as by
/// `cp -p`, was changed at another time, which nobody can set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: Option<u64>,
    changed: Option<(i64, i64)>,
}

impl FileSource {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            used: Mutex::default(),
        }
    }

    /// Runs `look` at the file where it may block.
    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let path = self.path.clone();
        spawn_blocking(move || look(&path)).await?
    }

    /// The list, if its stamp is not the one in use.
    async fn changed(&self) -> Result<Option<ProxyList>, BoxError> {
        let used = *self.used.lock();
        let mut last = None;
        loop {
            let stamp = self.look(stamp).await?;
            if Some(stamp) == used {
                return Ok(None);
            }
            if (last == Some(stamp) || stamp.is_settled())
                && let Some(content) = self.look(move |path| content(path, stamp)).await?
            {
                let list = ProxyList::parse(&content);
                // An empty one is read again, and told of again if that has another reason.
                *self.used.lock() = (!list.is_empty()).then_some(stamp);
                return Ok(Some(list));
            }
            last = Some(stamp);
            sleep(SETTLED).await;
        }
    }
}

#[async_trait]
impl ProxySource for FileSource {
    async fn list(&self) -> Result<Option<ProxyList>, BoxError> {
        timeout(LIMIT, self.changed())
            .await
            .unwrap_or_else(|_| Err("it keeps changing, or does not answer (10 s)".into()))
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            modified: metadata.modified().ok(),
            length: metadata.len(),
            inode: inode(metadata),
            changed: changed(metadata),
        }
    }

    /// Whether the file has not been written to for a while.
    fn is_settled(&self) -> bool {
        let age = self.modified.map(|modified| modified.elapsed());
        // An error: it was modified in the future, so nothing is known.
        age.is_some_and(|age| age.is_ok_and(|age| age >= SETTLED))
    }
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    Some(metadata.ino())
}

#[cfg(not(unix))]
fn inode(_metadata: &Metadata) -> Option<u64> {
    None
}

/// When the file or what is known of it was changed: seconds and nanoseconds.
#[cfg(unix)]
fn changed(metadata: &Metadata) -> Option<(i64, i64)> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.ctime(), metadata.ctime_nsec()))
}

#[cfg(not(unix))]
fn changed(_metadata: &Metadata) -> Option<(i64, i64)> {
    None
}

fn stamp(path: &Path) -> io::Result<Stamp> {
    let metadata = fs::metadata(path)?;
    // To open a pipe waits for its writer.
    match metadata.is_file() {
        true => Ok(Stamp::of(&metadata)),
        false => Err(io::Error::other("it is not a file")),
    }
}

/// The content, unless the file is not, or is no longer, the one of `stamp`.
fn content(path: &Path, stamp: Stamp) -> io::Result<Option<Vec<u8>>> {
    let mut content = Vec::new();
    let mut file = File::open(path)?;
    let is_same = |file: &File| Ok::<_, io::Error>(Stamp::of(&file.metadata()?) == stamp);
    if !is_same(&file)? {
        return Ok(None);
    }
    let most = MOST_BYTES as u64;
    file.by_ref().take(most + 1).read_to_end(&mut content)?;
    if content.len() as u64 > most {
        return Err(io::Error::other("it has more than 1 MiB"));
    }
    Ok(is_same(&file)?.then_some(content))
}
