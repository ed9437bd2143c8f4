//! Whom a proxy lets in.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// Everything but the unreserved characters of RFC 3986, section 2.3.
const USERINFO: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A user name and a password, as bytes.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    user: Vec<u8>,
    password: Vec<u8>,
}

impl Credentials {
    pub(super) fn new(user: Vec<u8>, password: Vec<u8>) -> Self {
        Self { user, password }
    }

    pub(super) fn is_user(&self, user: &[u8]) -> bool {
        self.user == user
    }

    pub(super) fn is(&self, user: &[u8], password: &[u8]) -> bool {
        self.user == user && self.password == password
    }

    /// Whether `header` is `Basic` with these credentials (RFC 7617, section 2).
    pub(super) fn is_basic(&self, header: &[u8]) -> bool {
        // `Basic dXNlcjpwYXNz` is user, colon, pass. Compared decoded, for the user may hold any
        // byte.
        let Some((scheme, token)) = header.split_at_checked(6) else {
            return false;
        };
        scheme.eq_ignore_ascii_case(b"basic ")
            && BASE64_STANDARD
                .decode(token.trim_ascii())
                .is_ok_and(|pair| pair == [&*self.user, b":", &*self.password].concat())
    }

    /// The part of a URL before the host, percent-encoded.
    pub(super) fn userinfo(&self, with_password: bool) -> String {
        let user = percent_encode(&self.user, USERINFO);
        if with_password {
            format!("{user}:{}@", percent_encode(&self.password, USERINFO))
        } else {
            format!("{user}@")
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        Credentials::new(b"us@er".to_vec(), b"p:\xff w".to_vec())
    }

    #[test]
    fn userinfo_is_percent_encoded() {
        assert_eq!(credentials().userinfo(true), "us%40er:p%3A%FF%20w@");
        assert_eq!(credentials().userinfo(false), "us%40er@");
    }

    #[test]
    fn basic_is_matched_by_its_bytes_and_its_scheme_in_any_case() {
        let token = BASE64_STANDARD.encode(b"us@er:p:\xff w");
        assert!(credentials().is_basic(format!("Basic {token}").as_bytes()));
        assert!(credentials().is_basic(format!("BASIC {token}").as_bytes()));
        assert!(!credentials().is_basic(format!("Bearer {token}").as_bytes()));
        assert!(!credentials().is_basic(b"Basic dXNlcjpwYXNz"));
        assert!(!credentials().is_basic(b"Basic"));
    }

    #[test]
    fn debug_output_names_nobody() {
        assert_eq!(format!("{:?}", credentials()), "Credentials(***)");
    }
}
