//! Lines and columns of a text.

/// The places at which the lines of a text begin.
pub(super) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text,
            starts: [0].into_iter().chain(ends).collect(),
        }
    }

    /// The line and the column, in characters, of a byte of the text. Both are counted from 1.
    pub(super) fn at(&self, offset: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = line.checked_sub(1).and_then(|line| self.starts.get(line));
        let before = start.and_then(|start| self.text.get(*start..offset));
        (line, before.map_or(0, |before| before.chars().count()) + 1)
    }

    /// The text of a line. Lines are counted from 1.
    pub(super) fn line(&self, line: usize) -> &'a str {
        let line = self.text.get(self.start(line)..self.start(line + 1));
        line.unwrap_or_default()
    }

    /// The byte that a line begins at. Lines are counted from 1.
    pub(super) fn start(&self, line: usize) -> usize {
        let start = line.checked_sub(1).and_then(|line| self.starts.get(line));
        start.copied().unwrap_or(self.text.len())
    }
}
