//! A file that is being written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::name;

/// A file under the name that it has until it is complete. Nobody else takes it for one that was left.
#[derive(Debug)]
pub(super) struct PartFile {
    file: File,
    path: PathBuf,
    /// The bytes of it that are whole.
    good: u64,
    /// There may be more.
    is_torn: bool,
}

impl PartFile {
    /// Creates the file that will be at `path` when it is complete, and its folder.
    pub(super) fn create(path: PathBuf) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create_new(true)
            .open(name::part(&path))?;
        if lock(&file) == Lock::Taken {
            // Somebody who looks for files that were left was faster.
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Self {
            file,
            path,
            good: 0,
            is_torn: false,
        })
    }

    pub(super) fn len(&self) -> u64 {
        self.good
    }

    /// Appends all of `bytes`, or nothing.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.have_name()?;
        if self.is_torn {
            self.file.set_len(self.good)?;
        }
        self.is_torn = true;
        if let Err(error) = self.file.write_all(bytes) {
            // As soon as possible: a reader, or the end of this process, may come first.
            self.is_torn = self.file.set_len(self.good).is_err();
            return Err(error);
        }
        self.is_torn = false;
        self.good += bytes.len() as u64;
        Ok(())
    }

    /// Has the file there under its name. Whoever has removed it, or its folder, may not know that it is being
    /// written; until it is closed, the system still has what was in it.
    fn have_name(&mut self) -> io::Result<()> {
        let part = name::part(&self.path);
        if is_still_there(&self.file, &part) {
            return Ok(());
        }
        if let Some(folder) = part.parent() {
            fs::create_dir_all(folder)?;
        }
        let copy = name::with_suffix(&part, name::COPY);
        let _ = fs::remove_file(&copy);
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create_new(true)
            .open(&copy)?;
        lock(&file);
        self.file.seek(SeekFrom::Start(0))?;
        io::copy(&mut (&self.file).take(self.good), &mut file)?;
        fs::rename(&copy, &part)?;
        (self.file, self.is_torn) = (file, false);
        let (file, bytes) = (part.display(), self.good);
        tracing::warn!(%file, bytes, "a file was removed while it was being written; it is there again");
        Ok(())
    }

    /// Gives the file its final name.
    pub(super) fn complete(&mut self) -> io::Result<()> {
        self.append(b"")?;
        finish(&self.file, &name::part(&self.path), &self.path)
    }
}

/// Has the content of `file` on the disk, and then its final name.
pub(super) fn finish(file: &File, part: &Path, path: &Path) -> io::Result<()> {
    file.sync_all()?;
    fs::rename(part, path)?;
    match path.parent() {
        // Not every system can sync a folder; the file is there for every reader already.
        Some(folder) => File::open(folder)
            .and_then(|folder| folder.sync_all())
            .or(Ok(())),
        None => Ok(()),
    }
}

/// Whether files can be created in `folder`.
#[cfg(unix)]
pub(super) fn may_write(folder: &Path) -> io::Result<()> {
    use rustix::fs::{Access, access};

    Ok(access(folder, Access::WRITE_OK | Access::EXEC_OK)?)
}

#[cfg(not(unix))]
pub(super) fn may_write(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Whether `part` is the file that was opened: somebody may have completed, removed or replaced it.
#[cfg(unix)]
pub(super) fn is_still_there(file: &File, part: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    let inode = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), fs::metadata(part)) {
        (Ok(opened), Ok(there)) => inode(opened) == inode(there),
        _ => false,
    }
}

#[cfg(not(unix))]
pub(super) fn is_still_there(_: &File, part: &Path) -> bool {
    part.exists()
}

/// What came of locking a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lock {
    Ours,
    /// Another process has it.
    Taken,
    /// The file system has no locks.
    Unknown,
}

/// Locks `file` for as long as it is open.
#[cfg(unix)]
pub(super) fn lock(file: &File) -> Lock {
    use rustix::fs::{FlockOperation, flock};
    use rustix::io::Errno;

    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Lock::Ours,
        Err(Errno::WOULDBLOCK) => Lock::Taken,
        Err(_) => Lock::Unknown,
    }
}

#[cfg(not(unix))]
pub(super) fn lock(_: &File) -> Lock {
    Lock::Unknown
}
