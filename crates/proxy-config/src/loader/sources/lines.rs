//! Lines and columns of a text.

/// The bytes between two counts of the characters before them.
// Without these, the column of every value of a long line would be counted from its beginning.
const BLOCK: usize = 1024;

/// The places at which the lines of a text begin.
pub(super) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
    /// The number of characters before each block.
    counts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        let blocks = text.as_bytes().chunks(BLOCK);
        let counts = blocks.scan(0, |before, block| {
            let count = *before;
            *before += characters(block);
            Some(count)
        });
        Self {
            text,
            starts: [0].into_iter().chain(ends).collect(),
            counts: counts.collect(),
        }
    }

    /// The line and the column, in characters, of a byte of the text. Both are counted from 1.
    pub(super) fn at(&self, offset: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= offset);
        let before_line = self.characters_before(self.start(line));
        (line, self.characters_before(offset) - before_line + 1)
    }

    /// The rest of a line from a column on. Lines are counted from 1, columns from 0.
    pub(super) fn behind(&self, line: usize, column: usize) -> &'a str {
        let start = self.offset(self.characters_before(self.start(line)) + column);
        let rest = self.text.get(start..self.start(line + 1));
        rest.unwrap_or_default()
    }

    /// The byte that a line begins at. Lines are counted from 1.
    pub(super) fn start(&self, line: usize) -> usize {
        let start = line.checked_sub(1).and_then(|line| self.starts.get(line));
        start.copied().unwrap_or(self.text.len())
    }

    fn characters_before(&self, offset: usize) -> usize {
        let block = offset / BLOCK;
        let count = self.counts.get(block).copied().unwrap_or_default();
        let bytes = self.text.as_bytes().get(block * BLOCK..offset);
        count + bytes.map_or(0, characters)
    }

    /// The byte that a character begins at, which is counted from 0.
    fn offset(&self, character: usize) -> usize {
        let blocks = self.counts.partition_point(|count| *count <= character);
        let block = blocks.saturating_sub(1);
        let before = self.counts.get(block).copied().unwrap_or_default();
        let bytes = self.text.as_bytes().iter().enumerate().skip(block * BLOCK);
        let mut beginnings = bytes.filter(|(_, byte)| is_beginning(**byte));
        let found = beginnings.nth(character - before);
        found.map_or(self.text.len(), |(offset, _)| offset)
    }
}

/// The number of characters that begin in a part of a text.
fn characters(part: &[u8]) -> usize {
    part.iter().filter(|byte| is_beginning(**byte)).count()
}

/// Whether a byte of UTF-8 is the first of a character.
fn is_beginning(byte: u8) -> bool {
    byte & 0b1100_0000 != 0b1000_0000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_a_text_is_found_in_both_directions() {
        let long = "äß😀x".repeat(BLOCK);
        let text = format!("a\n\n{long}\nü{long}#rest\nend");
        let lines = Lines::new(&text);
        let (mut line, mut column) = (1, 1);
        for (offset, character) in text.char_indices() {
            assert_eq!(lines.at(offset), (line, column));
            let end = text[offset..]
                .find('\n')
                .map_or(text.len(), |end| offset + end + 1);
            if column % 97 == 1 {
                assert_eq!(lines.behind(line, column - 1), &text[offset..end]);
            }
            (line, column) = match character {
                '\n' => (line + 1, 1),
                _ => (line, column + 1),
            };
        }
        assert_eq!(lines.at(text.len()), (line, column));
        assert_eq!(lines.behind(line, 3), "");
        assert_eq!(lines.behind(line + 1, 0), "");
    }
}
