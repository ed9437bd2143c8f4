//! The secret that a reader must know.

use std::fmt;

use http::HeaderValue;
use subtle::ConstantTimeEq;

/// How many characters a token has at least.
const SHORTEST: usize = 16;

/// The secret that a reader of the status must know. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Box<str>);

impl Token {
    /// The token in `text`, without the white space around it.
    ///
    /// # Errors
    /// [`InvalidToken`] if it has fewer than 16 characters, or some that a header does not carry: it may have
    /// all that ASCII shows, but the space.
    pub fn parse(text: &str) -> Result<Self, InvalidToken> {
        let token = text.trim();
        if token.len() < SHORTEST {
            return Err(InvalidToken::Short);
        }
        match token.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(Self(token.into())),
            false => Err(InvalidToken::Unsendable),
        }
    }

    /// The token as the value of `Authorization`, which is not printed either.
    #[must_use]
    pub fn bearer(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.0)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Whether `given` is the token. How long this takes tells no more than its length.
    #[must_use]
    pub fn is(&self, given: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(given).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

/// Text that is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidToken {
    /// Others could guess it.
    #[error("expected 16 characters or more")]
    Short,
    /// A header does not carry all of its characters.
    #[error("expected letters, digits and punctuation of ASCII, on one line and without spaces")]
    Unsendable,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_and_can_be_sent() {
        assert_eq!(Token::parse(" short \n"), Err(InvalidToken::Short));
        let with_space = Token::parse("sixteen letters and");
        assert_eq!(with_space, Err(InvalidToken::Unsendable));
        let token = Token::parse("0123456789abcdef\n").unwrap();
        assert!(token.is(b"0123456789abcdef"));
        assert!(!token.is(b"0123456789abcdeg"));
        assert!(!token.is(b"0123456789abcdef0") && !token.is(b""));
        assert_eq!(format!("{token:?}"), "Token(***)");
    }
}
