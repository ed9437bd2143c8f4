//! Lines of outside bytes.

use std::io::{self, BufRead, Read};

/// The longest line in bytes, with its newline: that of a book with 100,000 levels a side is a tenth of it.
const LONGEST: usize = 64 << 20;

/// Lines, one at a time.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: R,
    line: Vec<u8>,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// A line, without its newline.
    Whole(&'a [u8]),
    /// So many bytes at the end that no newline follows.
    Torn(usize),
    /// A line that is longer than any that is written. It is left out.
    TooLong,
    End,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            line: Vec::new(),
        }
    }

    /// The next line. What is read before an error is a torn line.
    pub(super) fn next(&mut self) -> io::Result<Line<'_>> {
        self.line.clear();
        let most = LONGEST as u64;
        (&mut self.reader)
            .take(most)
            .read_until(b'\n', &mut self.line)?;
        if self.line.is_empty() {
            return Ok(Line::End);
        }
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
            return Ok(Line::Whole(&self.line));
        }
        if self.line.len() < LONGEST {
            return Ok(Line::Torn(self.line.len()));
        }
        while self.line.last() != Some(&b'\n') {
            self.line.clear();
            let read = (&mut self.reader)
                .take(most)
                .read_until(b'\n', &mut self.line)?;
            if read == 0 {
                break;
            }
        }
        self.line = Vec::new();
        Ok(Line::TooLong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_may_be_torn() {
        let mut lines = Lines::new(&b"one\n\ntwo\nthr"[..]);
        for line in ["one", "", "two"] {
            assert_eq!(lines.next().unwrap(), Line::Whole(line.as_bytes()));
        }
        assert_eq!(lines.next().unwrap(), Line::Torn(3));
        assert_eq!(lines.next().unwrap(), Line::End);
    }

    #[test]
    fn a_line_that_is_too_long_is_left_out() {
        let text = [vec![b'x'; LONGEST + 5], b"\nnext\n".to_vec()].concat();
        let mut lines = Lines::new(&text[..]);
        assert_eq!(lines.next().unwrap(), Line::TooLong);
        assert_eq!(lines.next().unwrap(), Line::Whole(b"next"));
    }
}
