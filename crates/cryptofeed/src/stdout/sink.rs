//! Ways to write to standard output.

use std::fs::File;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::{JoinHandle, spawn_blocking};
#[cfg(target_os = "linux")]
use tokio::{io::AsyncWriteExt, io::Interest, net::unix::pipe};

use crate::stderr::write_some;

/// The most bytes that a pipe takes as a whole or not at all (`PIPE_BUF` of Linux and of POSIX, `man 7
/// pipe`).
const ATOMIC: usize = if cfg!(target_os = "linux") { 4096 } else { 512 };

/// The most bytes that are written at once to a file, or to a pipe of this size.
// A write wakes whoever waits on the other side of a pipe, which takes as long as to make twenty lines.
pub(super) const LARGE: usize = 256 * 1024;

/// This process's standard output, for another opening of it.
#[cfg(target_os = "linux")]
const STDOUT: &str = "/proc/self/fd/1";

/// Where data goes.
#[derive(Debug)]
pub(super) enum Sink {
    /// Nowhere: the lines are for somebody else.
    Nowhere,
    /// A pipe, opened anew: other processes may share the one that was inherited, which is why it must
    /// stay as it is and cannot be told not to block.
    #[cfg(target_os = "linux")]
    Pipe(pipe::Sender),
    /// Anything else, or a pipe that may not be opened. A thread waits for it.
    Blocking {
        stdout: Arc<File>,
        largest: usize,
        /// A write that has begun.
        writing: Option<JoinHandle<io::Result<usize>>>,
    },
}

impl Sink {
    pub(super) fn new() -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        if let Ok(pipe) = pipe::OpenOptions::new().open_sender(STDOUT) {
            widen(&pipe);
            return Ok(Self::Pipe(pipe));
        }
        // Not the one of the standard library, which has a buffer of its own.
        let stdout = duplicate()?;
        let is_file = stdout.metadata()?.is_file();
        Ok(Self::Blocking {
            stdout: Arc::new(stdout),
            largest: if is_file { LARGE } else { ATOMIC },
            writing: None,
        })
    }

    /// The most bytes of one write that are written as a whole or not at all.
    pub(super) fn largest(&self) -> usize {
        match self {
            #[cfg(target_os = "linux")]
            Self::Pipe(pipe) => room(pipe).max(ATOMIC),
            Self::Nowhere => usize::MAX,
            Self::Blocking { largest, .. } => *largest,
        }
    }

    /// Waits until nobody can read any more, where the system tells without a write: for a pipe of Linux.
    pub(super) async fn closed(&self) {
        #[cfg(target_os = "linux")]
        if let Self::Pipe(pipe) = self
            && pipe.ready(Interest::ERROR).await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    }

    /// Writes some of `text`, and returns how much. If the future is dropped before its end, the next
    /// call must be for a text that begins with the same.
    pub(super) async fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        match self {
            Self::Nowhere => Ok(text.len()),
            #[cfg(target_os = "linux")]
            Self::Pipe(pipe) => pipe.write(text).await,
            Self::Blocking {
                stdout, writing, ..
            } => {
                let begun = writing.get_or_insert_with(|| {
                    let (stdout, text) = (Arc::clone(stdout), Bytes::copy_from_slice(text));
                    spawn_blocking(move || write_some(&*stdout, &text))
                });
                let written = begun.await;
                *writing = None;
                written.map_err(io::Error::other)?
            }
        }
    }
}

/// Makes a pipe [`LARGE`], unless it is larger. Where that is not allowed, as to a user who has many of them
/// (`man 7 pipe`), it stays as it is.
#[cfg(target_os = "linux")]
fn widen(pipe: &pipe::Sender) {
    if rustix::pipe::fcntl_getpipe_size(pipe).is_ok_and(|size| size < LARGE) {
        let _ = rustix::pipe::fcntl_setpipe_size(pipe, LARGE);
    }
}

/// The size of an empty pipe, which takes as much for certain: one that is read as fast as it is written
/// needs a tenth of the writes then. How much one with something in it takes depends on how its pages are
/// filled.
#[cfg(target_os = "linux")]
fn room(pipe: &pipe::Sender) -> usize {
    match rustix::io::ioctl_fionread(pipe) {
        Ok(0) => rustix::pipe::fcntl_getpipe_size(pipe).unwrap_or_default(),
        _ => 0,
    }
}

#[cfg(unix)]
fn duplicate() -> io::Result<File> {
    use std::os::fd::AsFd;
    io::stdout().as_fd().try_clone_to_owned().map(File::from)
}

#[cfg(windows)]
fn duplicate() -> io::Result<File> {
    use std::os::windows::io::AsHandle;
    io::stdout()
        .as_handle()
        .try_clone_to_owned()
        .map(File::from)
}
