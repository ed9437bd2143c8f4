//! What a contender writes to its pipe.

use std::io::Read;
use std::process::ChildStdout;
use std::time::Duration;

use super::market::Stamp;
use crate::error::Result;

/// More than a pipe holds.
const CHUNK: usize = 128 * 1024;

/// The lines of a contender.
#[derive(Debug)]
pub(super) struct Lines {
    pipe: ChildStdout,
    chunk: Vec<u8>,
    /// How much of the chunk is text.
    length: usize,
}

impl Lines {
    pub(super) fn of(pipe: ChildStdout) -> Self {
        Self {
            pipe,
            chunk: vec![0; CHUNK],
            length: 0,
        }
    }

    /// Reads what is there; it is all whole lines.
    pub(super) fn skip(&mut self) -> Result<()> {
        self.more()?;
        self.length = 0;
        Ok(())
    }

    /// Reads lines until one shows the stamp `last`, and tells how many they are.
    pub(super) fn read_until(&mut self, last: Stamp) -> Result<u64> {
        let mut count = 0;
        loop {
            self.more()?;
            let text = self.text();
            count += text.iter().filter(|byte| **byte == b'\n').count() as u64;
            let end = text.iter().rposition(|byte| *byte == b'\n');
            let whole = end.and_then(|end| text.get(..end)).unwrap_or_default();
            let line = whole.rsplit(|byte| *byte == b'\n').next();
            let is_last = line.and_then(Stamp::of_line) == Some(last);
            self.keep_from(end.map_or(0, |end| end + 1));
            if is_last {
                return Ok(count);
            }
        }
    }

    /// Reads so many lines, and tells how old the stamp of each is.
    pub(super) fn ages(&mut self, count: u64) -> Result<Vec<Duration>> {
        let mut ages = Vec::new();
        while (ages.len() as u64) < count {
            self.more()?;
            let now = Stamp::now()?;
            let text = self.text();
            let end = text.iter().rposition(|byte| *byte == b'\n');
            let whole = end.and_then(|end| text.get(..end)).unwrap_or_default();
            let lines = whole.split(|byte| *byte == b'\n');
            for line in lines.filter(|line| !line.is_empty()) {
                let stamp = Stamp::of_line(line).ok_or("a line without a stamp")?;
                ages.push(Duration::from_nanos(now.0.saturating_sub(stamp.0)));
            }
            self.keep_from(end.map_or(0, |end| end + 1));
        }
        Ok(ages)
    }

    fn text(&self) -> &[u8] {
        self.chunk.get(..self.length).unwrap_or_default()
    }

    fn more(&mut self) -> Result<()> {
        let room = self.chunk.get_mut(self.length..).unwrap_or_default();
        match self.pipe.read(room)? {
            0 => Err("the contender has ended, or a line has no end".into()),
            read => {
                self.length += read;
                Ok(())
            }
        }
    }

    /// The beginning of a line stays for the next time.
    fn keep_from(&mut self, end: usize) {
        self.chunk.copy_within(end..self.length, 0);
        self.length -= end;
    }
}
