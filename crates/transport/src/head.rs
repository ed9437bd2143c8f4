//! The lines of a response's head that no reader may pass over.

/// The fields that tell where a body ends (RFC 9112, section 6).
const FRAMING: [&str; 2] = ["content-length", "transfer-encoding"];

/// The first line of `head`, the head of a response with its status line, that makes the whole response
/// invalid. Any other malformed line can be passed over, as browsers and curl do.
///
/// These are invalid: NUL and a CR without LF, which readers take for different things (RFC 9110, section
/// 5.5), and whatever looks like `Content-Length` or `Transfer-Encoding` without being well-formed: who
/// passes over them finds another end of the body than the sender.
#[must_use]
pub fn malformed_line(head: &[u8]) -> Option<&[u8]> {
    let mut lines = head
        .split_inclusive(|byte| *byte == b'\n')
        .map(without_end)
        .skip(1)
        .peekable();
    while let Some(line) = lines.next() {
        // The obsolete way to go on with a value (RFC 9112, section 5.2).
        let is_folded = lines
            .peek()
            .is_some_and(|next| next.starts_with(b" ") || next.starts_with(b"\t"));
        let is_torn = line.iter().any(|byte| matches!(byte, b'\0' | b'\r'));
        if is_torn || (is_framing(line) && (is_folded || !is_well_formed(line))) {
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
    let name = end.and_then(|end| line.get(..end)).unwrap_or(line);
    name.trim_ascii_end()
}

/// RFC 9110, section 5.6.2.
fn is_token(name: &[u8]) -> bool {
    let is_sign = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !name.is_empty() && name.iter().all(is_sign)
}

/// Whether a framing field has a name and a value that all readers understand alike.
fn is_well_formed(line: &[u8]) -> bool {
    let name = name(line);
    let Some(at) = line.iter().position(|byte| *byte == b':') else {
        return false;
    };
    let value = line.get(at + 1..).unwrap_or_default().trim_ascii();
    is_token(name)
        && match name.first() {
            // The same number several times is one (RFC 9110, section 8.6).
            Some(b'c' | b'C') => value.split(|byte| *byte == b',').all(|length| {
                let length = length.trim_ascii();
                !length.is_empty() && length.iter().all(u8::is_ascii_digit)
            }),
            _ => !value.is_empty() && value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~')),
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn malformed(fields: &str) -> Option<String> {
        let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n");
        malformed_line(head.as_bytes()).map(|line| String::from_utf8_lossy(line).into_owned())
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
            "Transfer-Encoding: gzip, chunked",
            "X-Content-Length: five",
            "Content_Length: five",
            "Content-Length-Hint: five",
            "Contentlength: five",
            "",
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
            "Content-Length 5",
            "Content-Length\u{1}: 5",
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
