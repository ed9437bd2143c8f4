//! Everything that a text may say if parts of it are escapes.
//!
//! Whoever repeats a login may have escaped it for a URL, a page or a log, wholly or in part, once
//! or again. A text is therefore not decoded in one way, but read in all of them at once. At each
//! place may begin several characters, and each of them says where the next one begins:
//!
//! ```text
//! a   %   2   5   4   1   z
//! |-a-|-%-|-2-|-5-|-4-|-1-|-z-|      as it is
//!     |-----%-----|                  %25 is an escaped %,
//!     |---------A---------|          which escapes an A together with the 41 behind it
//! ```
//!
//! Every way through such a net is a reading of the text.

use std::cell::Cell;
use std::ops::{Range, RangeInclusive};

/// No escape has more characters than this behind its first: `\u{10ffff}`.
const LONGEST_ESCAPE: usize = 9;

/// How many characters may be looked at for each place of a text. A text that needs more is made to
/// be ambiguous.
// Escapes of escapes can be read in so many ways that a proxy could keep a client busy with one
// page. Such a text is hidden.
const EFFORT: usize = 256;

const NAMED: [(&str, char); 5] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
];

/// A character that may begin at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) is: char,
    /// Where the next character begins.
    pub(super) end: usize,
}

/// All readings of a text. In the plainest of them, each byte is a character of Latin-1.
pub(super) struct Readings {
    all: Vec<Reading>,
    /// Those that begin at each place.
    places: Vec<Range<usize>>,
    /// The least number of characters that are left at each place, and at the end.
    left: Vec<usize>,
    /// How many characters may still be looked at.
    effort: Cell<usize>,
}

impl Readings {
    /// The readings of `text`; `None` if it has too many.
    pub(super) fn of(text: &[u8]) -> Option<Self> {
        let mut readings = Self {
            all: Vec::with_capacity(text.len()),
            places: vec![0..0; text.len()],
            left: vec![0; text.len() + 1],
            effort: Cell::new(EFFORT * text.len().max(EFFORT)),
        };
        // An escape consists of what begins behind its first character.
        // From the end to the beginning, for what begins behind a place is known by then.
        for (place, byte) in text.iter().enumerate().rev() {
            let first = readings.all.len();
            readings.all.push(Reading {
                is: char::from(*byte),
                end: place + 1,
            });
            let mut next = first;
            // What is found may open an escape itself (`%25` is a `%`), so the list grows as it is
            // read.
            while let Some(reading) = readings.all.get(next).copied() {
                for found in readings.escapes(reading) {
                    let known = readings.all.get(first..).unwrap_or_default();
                    readings.spend(known.len());
                    if !known.contains(&found) {
                        readings.all.push(found);
                    }
                }
                next += 1;
            }
            if let Some(at) = readings.places.get_mut(place) {
                *at = first..readings.all.len();
            }
            let left = readings.count_left(place);
            if let Some(at) = readings.left.get_mut(place) {
                *at = left;
            }
        }
        (readings.effort.get() > 0).then_some(readings)
    }

    /// How many places the text has.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// What may begin at `place`.
    pub(super) fn at(&self, place: usize) -> &[Reading] {
        let range = self.places.get(place).cloned().unwrap_or_default();
        self.all.get(range).unwrap_or_default()
    }

    /// Whether the text ends at `place`, or in the middle of an escape that begins there.
    pub(super) fn is_cut(&self, place: usize) -> bool {
        place == self.len() || self.at(place).iter().any(|reading| self.is_open(*reading))
    }

    /// Whether `opening` may be the first character of an escape that the end of the text cuts off.
    fn is_open(&self, opening: Reading) -> bool {
        let is_opening = matches!(opening.is, '%' | '&' | '\\' | '\u{c2}'..='\u{f4}');
        is_opening && self.left_at(opening.end) <= LONGEST_ESCAPE
    }

    /// An escape that is cut off is one character as well.
    fn count_left(&self, place: usize) -> usize {
        let left = self
            .at(place)
            .iter()
            .map(|reading| match self.is_open(*reading) {
                true => 1,
                false => 1 + self.left_at(reading.end),
            });
        left.min().unwrap_or_default()
    }

    fn left_at(&self, place: usize) -> usize {
        self.left.get(place).copied().unwrap_or_default()
    }

    /// The characters that `opening` stands for together with what follows it.
    fn escapes(&self, opening: Reading) -> Vec<Reading> {
        match opening.is {
            // A space in a form or a query. `+` itself is there already, as the plain reading.
            '+' => vec![Reading { is: ' ', ..opening }],
            // RFC 3986, section 2.1.
            '%' => characters(self.digits(opening.end, 16, 2..=2)),
            '&' => self.entities(opening.end),
            '\\' => self.backslashed(opening.end),
            // Bytes, as characters of Latin-1, that can begin a sequence of UTF-8 (RFC 3629,
            // section 4).
            '\u{c2}'..='\u{f4}' => self.utf8(opening),
            _ => Vec::new(),
        }
    }

    /// What follows the `&` of HTML: `#65;`, `#x41;`, `amp;`. The semicolon may be missing.
    fn entities(&self, place: usize) -> Vec<Reading> {
        let mut found = Vec::new();
        for hash in self.literal(place, '#') {
            found.extend(characters(self.digits(hash, 10, 1..=7)));
            for x in self.literal(hash, 'x') {
                found.extend(characters(self.digits(x, 16, 1..=6)));
            }
        }
        for (name, is) in NAMED {
            let mut ends = vec![place];
            for letter in name.chars() {
                ends = each(&ends, |place| self.literal(place, letter));
            }
            found.extend(ends.into_iter().map(|end| Reading { is, end }));
        }
        let closed = found.iter().flat_map(|reading| {
            let ends = self.literal(reading.end, ';');
            ends.into_iter().map(|end| Reading { end, ..*reading })
        });
        let closed: Vec<_> = closed.collect();
        found.extend(closed);
        found
    }

    /// What follows a backslash: `x41`, `u0041`, `u{41}`, `n`, or a character that would mean
    /// something without it.
    fn backslashed(&self, place: usize) -> Vec<Reading> {
        let mut found = Vec::new();
        for next in self.look_at(place) {
            match next.is {
                'x' => found.extend(characters(self.digits(next.end, 16, 2..=2))),
                'u' => {
                    found.extend(self.utf16(next.end));
                    found.extend(self.in_braces(next.end));
                }
                _ => found.extend(unescaped(next.is).map(|is| Reading { is, ..*next })),
            }
        }
        found
    }

    /// What follows the `\u` of Rust and JavaScript: up to six digits in braces.
    fn in_braces(&self, place: usize) -> Vec<Reading> {
        let numbers = each(&self.literal(place, '{'), |open| {
            self.digits(open, 16, 1..=6)
        });
        let mut found = Vec::new();
        for reading in characters(numbers) {
            let ends = self.literal(reading.end, '}');
            found.extend(ends.into_iter().map(|end| Reading { end, ..reading }));
        }
        found
    }

    /// What follows `\u`: four digits, and as many behind another `\u` for the second half of a
    /// pair.
    fn utf16(&self, place: usize) -> Vec<Reading> {
        let units = self.digits(place, 16, 4..=4);
        let mut found = characters(units.clone());
        for (first, end) in units {
            if !matches!(first, 0xD800..=0xDBFF) {
                continue;
            }
            let backslash = self.literal(end, '\\');
            let second = each(&backslash, |place| self.literal(place, 'u'));
            for (second, end) in each(&second, |place| self.digits(place, 16, 4..=4)) {
                let pair = [first, second].map(|unit| u16::try_from(unit).unwrap_or_default());
                if let Some(Ok(is)) = char::decode_utf16(pair).next() {
                    found.push(Reading { is, end });
                }
            }
        }
        found
    }

    /// The character of which `lead` is the first byte in UTF-8.
    fn utf8(&self, lead: Reading) -> Vec<Reading> {
        let lead_byte = u8::try_from(lead.is).unwrap_or_default();
        let length = match lead_byte {
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            _ => 4,
        };
        let mut sequences = vec![(vec![lead_byte], lead.end)];
        for _ in 1..length {
            let mut longer = Vec::new();
            for (bytes, end) in sequences {
                for next in self.look_at(end) {
                    if let '\u{80}'..='\u{bf}' = next.is {
                        let byte = u8::try_from(next.is).unwrap_or_default();
                        longer.push(([&bytes[..], &[byte]].concat(), next.end));
                    }
                }
            }
            sequences = longer;
        }
        let mut found = Vec::new();
        for (bytes, end) in sequences {
            let text = std::str::from_utf8(&bytes).unwrap_or_default();
            found.extend(text.chars().map(|is| Reading { is, end }));
        }
        found
    }

    /// The numbers of so many digits that begin at `place`, and where they end.
    fn digits(
        &self,
        place: usize,
        radix: u32,
        lengths: RangeInclusive<usize>,
    ) -> Vec<(u32, usize)> {
        let (mut found, mut numbers) = (Vec::new(), vec![(0, place)]);
        for length in 1..=*lengths.end() {
            let mut longer = Vec::new();
            for (number, end) in numbers {
                for next in self.look_at(end) {
                    if let Some(digit) = next.is.to_digit(radix) {
                        longer.push((number * radix + digit, next.end));
                    }
                }
            }
            numbers = longer;
            if lengths.contains(&length) {
                found.extend(&numbers);
            }
        }
        found
    }

    /// Where `c`, in any case, that begins at `place` ends.
    fn literal(&self, place: usize, c: char) -> Vec<usize> {
        let found = self.look_at(place).iter();
        let found = found.filter(|reading| reading.is.eq_ignore_ascii_case(&c));
        found.map(|reading| reading.end).collect()
    }

    /// What may begin at `place`, or nothing any more if too much has been looked at.
    fn look_at(&self, place: usize) -> &[Reading] {
        let readings = self.at(place);
        self.spend(readings.len());
        match self.effort.get() {
            0 => &[],
            _ => readings,
        }
    }

    fn spend(&self, effort: usize) {
        self.effort.set(self.effort.get().saturating_sub(effort));
    }
}

/// What a single character behind a backslash stands for.
fn unescaped(c: char) -> Option<char> {
    match c {
        'b' => Some('\u{8}'),
        'f' => Some('\u{c}'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        c => c.is_ascii_punctuation().then_some(c),
    }
}

fn each<T>(places: &[usize], next: impl Fn(usize) -> Vec<T>) -> Vec<T> {
    places.iter().flat_map(|place| next(*place)).collect()
}

fn characters(numbers: Vec<(u32, usize)>) -> Vec<Reading> {
    let known = numbers.into_iter().filter_map(|(number, end)| {
        let is = char::from_u32(number)?;
        Some(Reading { is, end })
    });
    known.collect()
}
