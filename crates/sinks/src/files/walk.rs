//! The files below a folder.

use std::collections::HashSet;
use std::fs::{self, FileType};
use std::io;
use std::path::{Path, PathBuf};

/// How deep below the folder files are looked for.
const DEPTH: usize = 16;

/// What a file system keeps at its root for itself, and nobody else may read.
const OF_THE_SYSTEM: &str = "lost+found";

/// What is below a folder.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// The files, each once, in any order. Links are followed: a part of the data may be on another disk.
    pub(crate) files: Vec<PathBuf>,
    /// What could not be looked into.
    pub(crate) unread: Vec<(PathBuf, io::Error)>,
    seen: HashSet<PathBuf>,
}

/// Looks for the files below `folder`.
///
/// # Errors
/// If the folder itself cannot be read.
pub(crate) fn walk(folder: &Path) -> io::Result<Walk> {
    let mut walk = Walk::default();
    walk.enter(folder, DEPTH)?;
    Ok(walk)
}

impl Walk {
    fn enter(&mut self, folder: &Path, depth: usize) -> io::Result<()> {
        let real = fs::canonicalize(folder)?;
        if !self.seen.insert(real.clone()) {
            return Ok(());
        }
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name() == OF_THE_SYSTEM {
                continue;
            }
            let (path, real) = (entry.path(), real.join(entry.file_name()));
            let taken = entry.file_type();
            match taken.and_then(|kind| self.take(&path, real, kind, depth)) {
                Ok(()) => {}
                Err(error) if is_gone(&error, &path) => {}
                Err(error) => self.unread.push((path, error)),
            }
        }
        Ok(())
    }

    fn take(&mut self, path: &Path, real: PathBuf, kind: FileType, depth: usize) -> io::Result<()> {
        if kind.is_symlink() {
            // Under its own name, which tells what it is.
            let real = fs::canonicalize(path)?;
            return match fs::metadata(&real)?.file_type() {
                kind if kind.is_dir() => self.take(path, real, kind, depth),
                kind => self.take(&real.clone(), real, kind, depth),
            };
        }
        if kind.is_dir() && depth > 0 {
            self.enter(path, depth - 1)?;
        } else if kind.is_file() && self.seen.insert(real) {
            self.files.push(path.to_owned());
        }
        Ok(())
    }
}

/// Whether it is not there any longer, and not a link to what is not there.
fn is_gone(error: &io::Error, path: &Path) -> bool {
    error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(path).is_err()
}
