//! Text from outside on a line of its own.

use std::fmt::{self, Write};

/// Displays `text` on one line: characters that cannot be seen are escaped as in Rust, all others stay
/// as they are. What was escaped before is not escaped again.
///
/// Escaped are control characters, line and paragraph separators, marks that reorder text (Unicode
/// Standard Annex 9) and other invisible ones. Otherwise what an exchange or a proxy sends could add
/// lines to a log, move the cursor of a terminal, or show a line in another order than it is.
///
/// ```
/// let sent = "busy\n2026-01-01 INFO all is well\u{202e}";
/// let shown = transport::printable(sent).to_string();
/// assert_eq!(shown, r"busy\n2026-01-01 INFO all is well\u{202e}");
/// assert_eq!(transport::printable(&shown).to_string(), shown);
/// ```
pub fn printable(text: impl fmt::Display) -> impl fmt::Display {
    Printable(text)
}

/// Whether `character` can be seen, so that [`printable`] leaves it as it is.
#[must_use]
pub fn is_printable(character: char) -> bool {
    // `escape_debug` escapes these three as well, for its own use in quotes.
    matches!(character, '"' | '\'' | '\\') || character.escape_debug().len() == 1
}

struct Printable<T>(T);

impl<T: fmt::Display> fmt::Display for Printable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

/// Escapes what is written through it.
struct Escaping<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive(|character| !is_printable(character)) {
            let last = part.chars().next_back().filter(|last| !is_printable(*last));
            let Some(last) = last else {
                self.0.write_str(part)?;
                continue;
            };
            self.0.write_str(part.strip_suffix(last).unwrap_or(part))?;
            write!(self.0, "{}", last.escape_debug())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_that_cannot_be_seen_is_left() {
        for (sent, shown) in [
            ("a\nb\r\n", r"a\nb\r\n"),
            ("\t\0\x07\x1b[2J\x7f", r"\t\0\u{7}\u{1b}[2J\u{7f}"),
            // C1: one character that terminals take for ESC [.
            ("\u{9b}31m\u{85}", r"\u{9b}31m\u{85}"),
            ("\u{2028}\u{2029}", r"\u{2028}\u{2029}"),
            (
                "\u{202a}\u{202e}\u{2066}\u{2069}\u{200f}\u{61c}",
                r"\u{202a}\u{202e}\u{2066}\u{2069}\u{200f}\u{61c}",
            ),
            (
                "\u{200b}\u{feff}\u{e0041}\u{ad}",
                r"\u{200b}\u{feff}\u{e0041}\u{ad}",
            ),
        ] {
            assert_eq!(printable(sent).to_string(), shown);
        }
    }

    #[test]
    fn what_can_be_seen_stays_as_it_is() {
        for text in ["", r#"{"msg":"I'm a \"teapot\"\n"}"#, "größer 币安 🚀"] {
            assert_eq!(printable(text).to_string(), text);
        }
    }
}
