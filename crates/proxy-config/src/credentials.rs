//! User names and passwords.

use std::fmt;

use crate::Scheme;

/// A user name and perhaps a password, as the bytes that go to the proxy.
///
/// What a scheme cannot carry is refused by [`ProxyUrl`](crate::ProxyUrl), so that the credentials
/// of a proxy URL can be sent as they are. `Debug` shows neither part.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Credentials {
    // Bytes, because the protocols carry bytes and a URL can encode any of them.
    username: Vec<u8>,
    password: Option<Vec<u8>>,
}

impl Credentials {
    /// Credentials of the given bytes, which are not percent-decoded.
    #[must_use]
    pub fn new(username: impl Into<Vec<u8>>, password: Option<impl Into<Vec<u8>>>) -> Self {
        Self {
            username: username.into(),
            password: password.map(Into::into),
        }
    }

    /// The user name.
    #[must_use]
    pub fn username(&self) -> &[u8] {
        &self.username
    }

    /// The password; an empty one is not the same as none.
    #[must_use]
    pub fn password(&self) -> Option<&[u8]> {
        self.password.as_deref()
    }

    /// Checks that the protocol of `scheme` can carry the credentials.
    pub(crate) fn check(&self, scheme: Scheme) -> Result<(), CredentialsError> {
        let username = self.username();
        let password = self.password().unwrap_or_default();
        match scheme {
            Scheme::Http | Scheme::Https => {
                if username.contains(&b':') {
                    return Err(CredentialsError::ColonInUsername);
                }
                if username.iter().chain(password).any(u8::is_ascii_control) {
                    return Err(CredentialsError::ControlCharacter);
                }
            }
            // An empty user name is valid: many servers ignore it.
            Scheme::Socks4 | Scheme::Socks4a => {
                if self.password.is_some() {
                    return Err(CredentialsError::Socks4Password);
                }
                if username.len() > 255 || username.contains(&0) {
                    return Err(CredentialsError::Socks4Username);
                }
            }
            Scheme::Socks5 | Scheme::Socks5h => {
                if !(1..=255).contains(&username.len()) {
                    return Err(CredentialsError::Socks5Username);
                }
                if password.len() > 255 {
                    return Err(CredentialsError::Socks5Password);
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(***)")
    }
}

/// Credentials that the proxy's protocol cannot carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The user name of HTTP's Basic scheme ends at the first colon (RFC 7617, section 2).
    #[error("the user name for an http or https proxy must not contain a colon")]
    ColonInUsername,
    /// HTTP's Basic scheme excludes control characters (RFC 7617, section 2).
    #[error("credentials for an http or https proxy must not contain control characters")]
    ControlCharacter,
    /// SOCKS 4 has no passwords.
    #[error("socks4 and socks4a have a user name only, no password")]
    Socks4Password,
    /// A SOCKS 4 user name ends at the first NUL.
    #[error("the user name for socks4 or socks4a must be at most 255 bytes, without NUL")]
    Socks4Username,
    /// One byte holds the length of a SOCKS 5 user name, and it is not 0 (RFC 1929, section 2).
    #[error("the user name for socks5 or socks5h must be 1 to 255 bytes long")]
    Socks5Username,
    /// One byte holds the length of a SOCKS 5 password (RFC 1929, section 2).
    #[error("the password for socks5 or socks5h must be at most 255 bytes long")]
    Socks5Password,
}
