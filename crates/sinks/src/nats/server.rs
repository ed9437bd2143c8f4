//! Where a NATS server is, and how to log in.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use async_nats::{Auth, Client, ServerAddr};

use super::connection::{Life, connect};
use crate::sink::SinkError;

/// The addresses of a NATS server, or of several of a cluster: `nats://host:4222`, or `tls://host:4222`, which
/// demands TLS; with commas between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsUrl(Vec<(bool, String, u16)>);

impl NatsUrl {
    /// Parses addresses.
    ///
    /// # Errors
    /// [`InvalidNatsUrl`], which does not show the text.
    pub fn parse(text: &str) -> Result<Self, InvalidNatsUrl> {
        let addresses: Result<Vec<_>, _> = text.split(',').map(Self::parse_one).collect();
        addresses.map(Self)
    }

    fn parse_one(text: &str) -> Result<(bool, String, u16), InvalidNatsUrl> {
        if !text.contains("://") {
            return Err(InvalidNatsUrl::Form);
        }
        let address = ServerAddr::from_str(text).map_err(|_| InvalidNatsUrl::Form)?;
        let is_tls = match address.scheme() {
            "nats" => false,
            "tls" => true,
            _ => return Err(InvalidNatsUrl::Form),
        };
        if address.username().is_some() || address.password().is_some() || text.contains('@') {
            return Err(InvalidNatsUrl::Login);
        }
        let (host, port) = (address.host().to_owned(), address.port());
        let url = address.into_inner();
        let has_more =
            !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some();
        if host.is_empty() || has_more {
            return Err(InvalidNatsUrl::Form);
        }
        Ok((is_tls, host, port))
    }

    pub(super) fn addresses(&self) -> Vec<ServerAddr> {
        let parse = |one: &(bool, String, u16)| show(one).parse().ok();
        self.0.iter().filter_map(parse).collect()
    }
}

impl fmt::Display for NatsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<_> = self.0.iter().map(show).collect();
        f.write_str(&shown.join(","))
    }
}

fn show((is_tls, host, port): &(bool, String, u16)) -> String {
    let scheme = if *is_tls { "tls" } else { "nats" };
    match host.contains(':') {
        true => format!("{scheme}://[{host}]:{port}"),
        false => format!("{scheme}://{host}:{port}"),
    }
}

/// Text that is no [`NatsUrl`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidNatsUrl {
    /// It has another form.
    #[error("expected an address like nats://broker.example:4222 or tls://broker.example:4222")]
    Form,
    /// It holds a login, which everybody who sees the command line or a log would see.
    #[error(
        "a login does not belong into the address; set `username` and `password_file`, or `token_file`"
    )]
    Login,
}

/// How to log in. `Debug` shows no secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum NatsLogin {
    /// Not at all.
    #[default]
    None,
    /// By user name and password.
    Password {
        /// The user name.
        username: String,
        /// The password.
        password: String,
    },
    /// By a token.
    Token(String),
}

impl NatsLogin {
    pub(super) fn auth(&self) -> Auth {
        let mut auth = Auth::new();
        match self {
            Self::None => {}
            Self::Password { username, password } => {
                auth.username = Some(username.clone());
                auth.password = Some(password.clone());
            }
            Self::Token(token) => auth.token = Some(token.clone()),
        }
        auth
    }
}

impl fmt::Debug for NatsLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Password { .. } => "Password(***)",
            Self::Token(_) => "Token(***)",
        })
    }
}

/// A NATS server of the user's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsServer {
    /// Where it is.
    pub url: NatsUrl,
    /// How to log in.
    pub login: NatsLogin,
    /// A PEM file of the certificate authorities to trust, instead of the platform's.
    pub ca_file: Option<PathBuf>,
}

impl NatsServer {
    /// A client of it, which connects again by itself whenever the connection is lost. Not through a proxy:
    /// the server is the user's own, and never an exchange.
    ///
    /// # Errors
    /// [`SinkError`] if it is not there, or refuses the login.
    pub async fn connect(&self) -> Result<Client, SinkError> {
        let (client, _) = connect(self, Life::Many).await?;
        Ok(client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_and_a_login_is_not() {
        for (text, shown) in [
            ("nats://h", "nats://h:4222"),
            ("tls://h:1,nats://[::1]:2", "tls://h:1,nats://[::1]:2"),
        ] {
            let url = NatsUrl::parse(text).unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(url.addresses().len(), text.split(',').count());
        }
        for text in [
            "h:4222",
            "ws://h",
            "http://h",
            "nats://",
            "nats://h/x",
            "nats://h?x=1",
            "",
        ] {
            assert_eq!(NatsUrl::parse(text), Err(InvalidNatsUrl::Form), "{text}");
        }
        for text in [
            "nats://u:p@h",
            "nats://t@h",
            "nats://@h",
            "nats://h,nats://u:p@h",
        ] {
            assert_eq!(NatsUrl::parse(text), Err(InvalidNatsUrl::Login), "{text}");
        }
        let login = NatsLogin::Password {
            username: "alice".to_owned(),
            password: "s3cret".to_owned(),
        };
        let shown = format!("{login:?} {:?}", NatsLogin::Token("t0ken".to_owned()));
        assert!(!shown.contains("alice") && !shown.contains("s3cret") && !shown.contains("t0ken"));
    }
}
