//! Certificate authorities that may vouch for a proxy.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::files::{Files, Unread};

/// A PEM file of certificate authorities, and its content when it was read. Both count in
/// comparisons, so a file that has changed is another one after a reload.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct CaFile {
    path: PathBuf,
    pem: Arc<[u8]>,
}

impl CaFile {
    pub(crate) fn new(path: PathBuf, pem: Arc<[u8]>) -> Self {
        Self { path, pem }
    }

    pub(crate) fn read(path: PathBuf) -> Result<Self, UnreadableFile> {
        match Files::default().read(&path) {
            Ok(pem) => Ok(Self::new(path, pem)),
            Err(unread) => Err(UnreadableFile::new(&path, unread)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn pem(&self) -> &[u8] {
        &self.pem
    }
}

impl Hash for CaFile {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Equal files have equal paths, so the path is enough; the content may be long.
        self.path.hash(state);
    }
}

impl fmt::Debug for CaFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.fmt(f)
    }
}

/// A file that could not be read: it does not exist, access is denied, or it does not answer in
/// time.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{path:?} {unread}")]
pub struct UnreadableFile {
    path: PathBuf,
    unread: Unread,
}

impl UnreadableFile {
    pub(crate) fn new(path: &Path, unread: Unread) -> Self {
        let path = path.to_owned();
        Self { path, unread }
    }

    /// The path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}
