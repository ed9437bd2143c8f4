//! The head of an answer, before anybody parses it.

use crate::secrets::Secrets;

/// The most bytes that the heads of an answer may have, the interim ones included.
const MAX_HEAD: usize = 64 * 1024;

/// Why the head of an answer is refused, whatever its other lines say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadHead {
    /// This line makes the whole answer invalid. It is not shown, since it may hold a secret.
    #[error("a header is malformed")]
    Line(Vec<u8>),
    /// It is too long.
    #[error("its head has more than {} KiB", MAX_HEAD / 1024)]
    TooLong,
}

impl BadHead {
    /// The reason, with the beginning of the line, but without any of `secrets`.
    #[must_use]
    pub fn quoted(&self, secrets: &Secrets) -> String {
        match self {
            Self::Line(line) => format!("malformed header \"{}\"", secrets.quote(line)),
            Self::TooLong => self.to_string(),
        }
    }
}

/// Collects what arrives until the final head of an answer is complete. In front of it, there may be
/// interim ones (RFC 9110, section 15.2).
///
/// Of a malformed header, a tolerant parser like that of hyper or httparse can do without the one line,
/// as browsers and curl do. Two kinds of lines are an error here:
/// - with NUL, or with CR and no LF, which readers take for different things (RFC 9110, section 5.5);
/// - one that looks like `Content-Length` or `Transfer-Encoding` and is not well-formed, or is another
///   length than the one before: who passes over it finds another end of the body than the sender.
#[derive(Debug, Default)]
pub struct HeadReader {
    bytes: Vec<u8>,
    /// Where the last head begins.
    head: usize,
    /// Where the last line begins.
    line: usize,
    /// How far the last line has been looked through for its end.
    seen: usize,
}

impl HeadReader {
    /// Adds what has arrived, and returns whether the final head is complete.
    ///
    /// # Errors
    /// [`BadHead`] if the head is too long or has a line that makes it invalid.
    pub fn add(&mut self, bytes: &[u8]) -> Result<bool, BadHead> {
        self.bytes.extend_from_slice(bytes);
        let is_complete = self.find_end();
        let end = if is_complete {
            self.line
        } else {
            self.bytes.len()
        };
        if end > MAX_HEAD {
            return Err(BadHead::TooLong);
        }
        if !is_complete {
            return Ok(false);
        }
        match malformed_line(self.bytes.get(..end).unwrap_or_default()) {
            Some(line) => Err(BadHead::Line(line.to_vec())),
            None => Ok(true),
        }
    }

    /// Whether nothing has arrived.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The final head, once it is complete, and what stands behind it.
    #[must_use]
    pub fn parts(&self) -> (&[u8], &[u8]) {
        let heads = self.bytes.split_at_checked(self.line).unwrap_or_default();
        (heads.0.get(self.head..).unwrap_or_default(), heads.1)
    }

    /// The last head, as far as it has arrived.
    #[must_use]
    pub fn begun(&self) -> &[u8] {
        self.bytes.get(self.head..).unwrap_or_default()
    }

    /// Whether there is the empty line that ends the final head. Looks at no byte twice.
    fn find_end(&mut self) -> bool {
        loop {
            let rest = self.bytes.get(self.seen..).unwrap_or_default();
            let Some(length) = rest.iter().position(|byte| *byte == b'\n') else {
                self.seen = self.bytes.len();
                return false;
            };
            let end = self.seen + length;
            let is_empty = matches!(self.bytes.get(self.line..end), Some(b"" | b"\r"));
            let is_first = self.line == self.head;
            self.seen = end + 1;
            self.line = self.seen;
            // An empty line in front of a head is passed over (RFC 9112, section 2.2).
            if is_empty && (is_first || self.is_interim()) {
                self.head = self.line;
            } else if is_empty {
                return true;
            }
        }
    }

    /// Whether the last head announces another one.
    fn is_interim(&self) -> bool {
        //     HTTP/1.1 103 Early Hints
        //
        // Not a byte behind it, which may not have arrived.
        let head = self.bytes.get(self.head..self.line).unwrap_or_default();
        let status = head.get(9..).unwrap_or_default();
        head.starts_with(b"HTTP/") && status.starts_with(b"1") && !status.starts_with(b"101")
    }
}

/// The fields that tell where a body ends (RFC 9112, section 6).
const FRAMING: [&str; 2] = ["content-length", "transfer-encoding"];

/// The first line of `heads`, after the status line, that makes all of it invalid.
fn malformed_line(heads: &[u8]) -> Option<&[u8]> {
    let mut lines = heads
        .split_inclusive(|byte| *byte == b'\n')
        .map(without_end)
        .skip(1)
        .peekable();
    let mut length = None;
    while let Some(line) = lines.next() {
        // The obsolete way to go on with a value (RFC 9112, section 5.2).
        let is_folded = lines
            .peek()
            .is_some_and(|next| next.starts_with(b" ") || next.starts_with(b"\t"));
        let is_torn = line.iter().any(|byte| matches!(byte, b'\0' | b'\r'));
        if is_torn {
            return Some(line);
        }
        if line.is_empty() {
            // The next head has lengths of its own.
            length = None;
        } else if is_framing(line) && (is_folded || !is_well_formed(line, &mut length)) {
            return Some(line);
        }
    }
    None
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Whether a line is one of [`FRAMING`], or is no field and begins with the letters of one.
fn is_framing(line: &[u8]) -> bool {
    let is_letter = |byte: &&u8| byte.is_ascii_alphanumeric();
    // Most lines begin with another letter, and need no closer look.
    let first = line.iter().find(is_letter);
    if !first.is_some_and(|first| b"cCtT".contains(first)) {
        return false;
    }
    let name = name(line);
    FRAMING.iter().any(|framing| {
        if is_token(name) {
            return name.eq_ignore_ascii_case(framing.as_bytes());
        }
        let mut letters = name.iter().filter(is_letter);
        let mut wanted = framing.as_bytes().iter().filter(is_letter);
        wanted.all(|wanted| {
            letters
                .next()
                .is_some_and(|it| it.eq_ignore_ascii_case(wanted))
        })
    })
}

/// What is in front of the colon, without the white space there; all of it if there is none.
fn name(line: &[u8]) -> &[u8] {
    let end = line.iter().position(|byte| *byte == b':');
    trimmed(end.and_then(|end| line.get(..end)).unwrap_or(line)).0
}

/// Without the spaces and tabs at the end, and without those at either end.
fn trimmed(text: &[u8]) -> (&[u8], &[u8]) {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let end = text.iter().rposition(is_text).map_or(0, |last| last + 1);
    let start = text.iter().position(is_text).unwrap_or(end);
    let text = text.get(..end).unwrap_or_default();
    (text, text.get(start..).unwrap_or_default())
}

/// RFC 9110, section 5.6.2.
fn is_token(name: &[u8]) -> bool {
    let is_sign = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !name.is_empty() && name.iter().all(is_sign)
}

/// Whether a framing field has a name and a value that all readers understand alike. All lengths have to
/// be the same one: `length`, once there is one.
fn is_well_formed(line: &[u8], length: &mut Option<u64>) -> bool {
    let name = name(line);
    let Some(at) = line.iter().position(|byte| *byte == b':') else {
        return false;
    };
    let (_, value) = trimmed(line.get(at + 1..).unwrap_or_default());
    is_token(name)
        && match name.first() {
            // The same number several times is one (RFC 9110, section 8.6).
            Some(b'c' | b'C') => value.split(|byte| *byte == b',').all(|member| {
                let (_, member) = trimmed(member);
                number(member).is_some_and(|it| *length.get_or_insert(it) == it)
            }),
            _ => !value.is_empty() && value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~')),
        }
}

/// The number that `digits` are, if they are some.
fn number(digits: &[u8]) -> Option<u64> {
    // `u64::from_str` takes a leading plus.
    let digits = Some(digits).filter(|it| it.iter().all(u8::is_ascii_digit))?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of an answer that arrives in pieces of `size`.
    fn read(answer: &str, size: usize) -> Result<HeadReader, BadHead> {
        let mut reader = HeadReader::default();
        for (index, piece) in answer.as_bytes().chunks(size).enumerate() {
            if reader.add(piece)? {
                let rest = answer.as_bytes().get((index + 1) * size..);
                reader.bytes.extend(rest.unwrap_or_default());
                break;
            }
        }
        Ok(reader)
    }

    fn malformed(fields: &str) -> Option<String> {
        let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n");
        match read(&head, head.len()) {
            Ok(reader) => {
                assert_eq!(reader.parts(), (head.as_bytes(), &b""[..]));
                None
            }
            Err(BadHead::Line(line)) => Some(String::from_utf8(line).unwrap()),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn the_final_head_is_found_however_it_is_cut_and_nothing_behind_it_is_judged() {
        for (before, head, behind) in [
            (
                "",
                "HTTP/1.1 200 OK\r\nA: b\r\n\r\n",
                "Content-Length: 5O\r\n\r\n",
            ),
            ("", "HTTP/1.1 200 OK\nA: b\n\n", "\0"),
            // What stands behind it looks like the status of an interim one.
            ("", "HTT\n\n", "\n\nP/1.1"),
            ("\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "\r\n\r\n"),
            ("HTTP/1.1 100 C\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "\0"),
            ("", "HTTP/1.1 101 Switching\r\n\r\n", "\u{1}\u{4}\r\n\r\n"),
            ("HTTP/1.1 103 Early\r\nA: b\r\n\r\n", "", ""),
            ("", "", "HTTP/1.1 200 OK\r\nA: b\r\n"),
        ] {
            let answer = [before, head, behind].concat();
            for size in 1..=answer.len() {
                let reader = read(&answer, size).unwrap();
                if !head.is_empty() {
                    let parts = (head.as_bytes(), behind.as_bytes());
                    assert_eq!(reader.parts(), parts, "{answer:?} {size}");
                }
            }
        }
    }

    #[test]
    fn heads_without_end_are_cut_off() {
        for piece in ["HTTP/1.1 100 Continue\r\n\r\n", "X: y\r\n", "x"] {
            let endless = piece.repeat(MAX_HEAD + 1);
            for size in [1, 4096, endless.len()] {
                assert_eq!(read(&endless, size).unwrap_err(), BadHead::TooLong);
            }
        }
    }

    #[test]
    fn a_quoted_line_shows_no_secret() {
        let secrets = Secrets::of_login(b"alice", b"s3cret");
        let line = |text: &[u8]| BadHead::Line(text.to_vec()).quoted(&secrets);
        assert_eq!(
            line(b"Content-Length: 5\x01"),
            "malformed header \"Content-Length: 5\\u{1}\""
        );
        assert_eq!(line(b"Content-Length: s3cret"), "malformed header \"***\"");
    }

    #[test]
    fn what_a_reader_can_pass_over_is_no_reason_to_refuse_an_answer() {
        for fields in [
            "X: y",
            "Set-Cookie: ___utmvaPRuXKscZ=dmo\u{1}OZPF; path=/",
            "Set-Cookie: domain=\u{7f}wwom",
            "Set-Cookie: ___utmvb=iZK\r\n    XSaOzalA: ctu; path=/",
            "X-Content-Type-Options : nosniff",
            "Secured by Excellent Serv",
            "Content-Type text/html",
            "Content-Length: 5",
            "CONTENT-LENGTH : 5",
            "Content-Length: 5, 5",
            "Content-Length: 5\r\nA: b\r\nContent-Length: 05",
            "Content-Length: 18446744073709551615",
            "Transfer-Encoding: gzip, chunked",
            "X-Content-Length: five",
            "Content_Length: five",
            "Content-Length-Hint: five",
            "Contentlength: five",
        ] {
            assert_eq!(malformed(fields), None, "{fields:?}");
        }
    }

    #[test]
    fn a_malformed_end_of_the_body_is_one() {
        for line in [
            "Content-Length: 5O",
            "Content-Length: -5",
            "Content-Length: +5",
            "Content-Length:",
            "Content-Length: 5,",
            "Content-Length: 5, 6",
            "Content-Length: 18446744073709551616",
            "Content-Length 5",
            "Content-Length\u{1}: 5",
            "Content-Length\u{c}: 5",
            "Content-Length: 5\u{c}",
            " Content-Length: 5",
            "Content-\u{1}Length: 5",
            "Content Length: 5",
            "Transfer-Encoding: chun\u{1}ked",
            "Transfer-Encoding chunked",
            "Transfer\u{b}-Encoding: chunked",
            "transfer-encoding:",
        ] {
            assert_eq!(malformed(line), Some(line.to_owned()));
            assert_eq!(malformed(&format!("A: b\r\n{line}")), Some(line.to_owned()));
        }
        let other = malformed("Content-Length: 5\r\nContent-Length: 6");
        assert_eq!(other, Some("Content-Length: 6".to_owned()));
        let early = "HTTP/1.1 103 Early Hints\r\nContent-Length: 0\r\n\r\n";
        let reader = read(
            &format!("{early}HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
            9,
        );
        assert!(reader.is_ok());
        assert!(malformed("Content-Length:\r\n 5").is_some());
        assert!(malformed("Content-Length: 5\r\n\t6").is_some());
    }

    #[test]
    fn so_is_what_ends_a_line_for_some_readers_only() {
        assert_eq!(malformed("X: a\0b"), Some("X: a\0b".to_owned()));
        assert_eq!(malformed("X: a\rY: b"), Some("X: a\rY: b".to_owned()));
        assert_eq!(malformed("X: a\nY: b"), None);
    }
}
