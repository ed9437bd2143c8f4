//! An open file, and what waits to be written to it.

use std::io;
use std::path::PathBuf;

use super::encoder::Encoder;
use super::name::Compression;
use super::part::PartFile;
use crate::run::RunId;

/// The size in bytes from which on the lines are written, even if more follow.
const FULL: usize = 64 * 1024;

/// How long lines wait to be written, in nanoseconds.
const FLUSH_NS: i64 = 1_000_000_000;

/// How long after the end of its period a file is complete: events of before may still come.
const GRACE_NS: i64 = 5_000_000_000;

/// When a file is complete.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rotation {
    pub(super) age_ns: Option<i64>,
    pub(super) bytes: Option<u64>,
}

#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) run: RunId,
    /// The period that it is for.
    pub(super) period: i64,
    part: PartFile,
    encoder: Encoder,
    opened_ns: i64,
    flushed_ns: i64,
    /// How many lines a kill now would lose.
    pub(super) unstored: usize,
    is_ending: bool,
}

impl OpenFile {
    /// Creates the file that will be at `path`.
    pub(super) fn create(
        path: PathBuf,
        compression: Compression,
        run: RunId,
        period: i64,
        now_ns: i64,
    ) -> io::Result<Self> {
        Ok(Self {
            run,
            period,
            encoder: Encoder::new(compression)?,
            part: PartFile::create(path)?,
            opened_ns: now_ns,
            flushed_ns: now_ns,
            unstored: 0,
            is_ending: false,
        })
    }

    /// Takes a line, unless there is no room for more.
    pub(super) fn push(&mut self, line: &[u8]) -> io::Result<()> {
        if self.encoder.bytes().len() >= FULL {
            self.drain()?;
        }
        self.encoder.push(line)?;
        self.unstored += 1;
        Ok(())
    }

    fn drain(&mut self) -> io::Result<()> {
        let bytes = self.encoder.bytes();
        if !bytes.is_empty() {
            self.part.append(bytes)?;
            bytes.clear();
            // After a line of megabytes.
            bytes.shrink_to(FULL * 2);
        }
        if self.encoder.is_plain() {
            self.unstored = 0;
        }
        Ok(())
    }

    /// Writes every line, if that is due.
    pub(super) fn flush(&mut self, now_ns: i64) -> io::Result<()> {
        // A clock that was set back must not keep lines.
        let is_early = (0..FLUSH_NS).contains(&(now_ns - self.flushed_ns));
        if self.unstored == 0 || is_early {
            return Ok(());
        }
        self.encoder.flush()?;
        self.drain()?;
        self.unstored = 0;
        self.flushed_ns = now_ns;
        Ok(())
    }

    /// Whether the file is complete now, of a pattern by which now is the time of `period`.
    pub(super) fn is_due(
        &self,
        rotation: Rotation,
        period: impl Fn(i64) -> i64,
        now_ns: i64,
    ) -> bool {
        self.is_ending
            || period(now_ns.saturating_sub(GRACE_NS)) > self.period
            || rotation
                .age_ns
                .is_some_and(|age| now_ns.saturating_sub(self.opened_ns) >= age)
            || rotation.bytes.is_some_and(|most| self.part.len() >= most)
    }

    /// Writes everything, and gives the file its final name. If it fails, it can be tried again.
    pub(super) fn complete(&mut self) -> io::Result<()> {
        if !self.is_ending {
            self.encoder.flush()?;
            self.encoder.finish()?;
            self.is_ending = true;
        }
        self.drain()?;
        self.unstored = 0;
        self.part.complete()
    }
}
