//! Ways to write to standard output.

use std::fs;
use std::io;

use tokio::io::AsyncWriteExt;
#[cfg(target_os = "linux")]
use tokio::io::Interest;
#[cfg(target_os = "linux")]
use tokio::net::unix::pipe;

/// The most bytes that a pipe takes as a whole or not at all (`PIPE_BUF` of Linux and of POSIX, `man 7
/// pipe`).
const ATOMIC: usize = if cfg!(target_os = "linux") { 4096 } else { 512 };

/// The most bytes that are written to a file at once.
const LARGE: usize = 64 * 1024;

/// This process's standard output.
#[cfg(target_os = "linux")]
const STDOUT: &str = "/proc/self/fd/1";
#[cfg(not(target_os = "linux"))]
const STDOUT: &str = "/dev/fd/1";

/// Where data goes.
#[derive(Debug)]
pub(super) enum Sink {
    /// A pipe, opened anew: other processes may share the one that was inherited, which is why it must
    /// stay as it is and cannot be told not to block.
    #[cfg(target_os = "linux")]
    Pipe(pipe::Sender),
    /// Anything else, or a pipe that may not be opened. A thread waits for it.
    Blocking {
        stdout: tokio::io::Stdout,
        largest: usize,
        /// What the thread has been given and not confirmed.
        in_flight: usize,
    },
}

impl Sink {
    pub(super) fn new() -> Self {
        #[cfg(target_os = "linux")]
        if let Ok(pipe) = pipe::OpenOptions::new().open_sender(STDOUT) {
            return Self::Pipe(pipe);
        }
        let is_file = fs::metadata(STDOUT).is_ok_and(|it| it.is_file());
        Self::Blocking {
            stdout: tokio::io::stdout(),
            largest: if is_file { LARGE } else { ATOMIC },
            in_flight: 0,
        }
    }

    /// The most bytes of one write.
    pub(super) fn largest(&self) -> usize {
        match self {
            #[cfg(target_os = "linux")]
            Self::Pipe(_) => ATOMIC,
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
        std::future::pending().await
    }

    /// Writes some of `text`, and returns how much. If the future is dropped before its end, the next
    /// call must be for a text that begins with the same.
    pub(super) async fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Pipe(pipe) => pipe.write(text).await,
            Self::Blocking {
                stdout, in_flight, ..
            } => {
                if *in_flight == 0 {
                    *in_flight = stdout.write(text).await?;
                }
                stdout.flush().await?;
                Ok(std::mem::take(in_flight))
            }
        }
    }
}
