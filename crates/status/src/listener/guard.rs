//! Who may read.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HOST, HeaderName, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, Uri};

use super::token::Token;

/// Decides who may read, by the headers of a request.
///
/// The name that is asked for must be an address, `localhost`, or one that is expected. A page of somebody
/// else, whose name is made to lead to this machine (DNS rebinding), is refused by its own name, and one that
/// asks across origins by its `Origin`.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    token: Option<Token>,
    hosts: Vec<String>,
}

/// What may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everything.
    Whole,
    /// Whether the program lives and is ready, and no more: the token is missing or wrong.
    Verdicts,
}

/// Why nothing may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The `Host` is missing, is there twice, or is none.
    #[error("the request has no valid Host")]
    NoHost,
    /// The `Host` is a name that is not expected.
    #[error("the name of the Host is not expected; add it to the hosts of the status")]
    ForeignHost,
    /// The request comes from the page of somebody else.
    #[error("the Origin is another one than the Host")]
    ForeignOrigin,
}

impl Guard {
    /// Everybody who reaches the listener may read.
    #[must_use]
    pub fn open() -> Self {
        Self::default()
    }

    /// Only who knows `token` may read.
    #[must_use]
    pub fn with_token(self, token: Token) -> Self {
        Self {
            token: Some(token),
            ..self
        }
    }

    /// Names of this machine that readers use, beside its addresses and `localhost`.
    #[must_use]
    pub fn with_hosts(self, hosts: impl IntoIterator<Item = String>) -> Self {
        Self {
            hosts: hosts.into_iter().collect(),
            ..self
        }
    }

    /// Whether a token is asked for.
    #[must_use]
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// What a request with `headers` may read. The token is that of `Authorization: Bearer`, or the password
    /// of `Authorization: Basic` with any user name, which is how browsers ask for it (RFC 7617).
    ///
    /// # Errors
    /// [`Refused`] if it may read nothing at all.
    pub fn admit(&self, headers: &HeaderMap) -> Result<Access, Refused> {
        let host = only(headers, &HOST).ok_or(Refused::NoHost)?;
        let host = host.parse::<Authority>().map_err(|_| Refused::NoHost)?;
        if host.as_str().contains('@') {
            return Err(Refused::NoHost);
        }
        if !self.expects(host.host()) {
            return Err(Refused::ForeignHost);
        }
        if headers.contains_key(ORIGIN) {
            let origin = only(headers, &ORIGIN).and_then(|it| it.parse::<Uri>().ok());
            let is_own = origin.is_some_and(|it| it.authority() == Some(&host));
            if !is_own {
                return Err(Refused::ForeignOrigin);
            }
        }
        Ok(match &self.token {
            Some(token) if !knows(headers, token) => Access::Verdicts,
            _ => Access::Whole,
        })
    }

    fn expects(&self, host: &str) -> bool {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let mut names = self.hosts.iter().map(String::as_str).chain(["localhost"]);
        bare.parse::<IpAddr>().is_ok() || names.any(|name| name.eq_ignore_ascii_case(host))
    }
}

/// The value of a header that is there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    match values.next() {
        None => value.to_str().ok(),
        Some(_) => None,
    }
}

fn knows(headers: &HeaderMap, token: &Token) -> bool {
    let Some((scheme, credentials)) =
        only(headers, &AUTHORIZATION).and_then(|it| it.split_once(' '))
    else {
        return false;
    };
    let credentials = credentials.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return token.is(credentials.as_bytes());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return false;
    }
    let Ok(login) = STANDARD.decode(credentials) else {
        return false;
    };
    let colon = login.iter().position(|byte| *byte == b':');
    let password = colon.and_then(|colon| login.get(colon + 1..));
    password.is_some_and(|password| token.is(password))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let lines = lines.iter();
        lines
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    fn admit(guard: &Guard, lines: &[(&'static str, &str)]) -> Result<Access, Refused> {
        guard.admit(&headers(lines))
    }

    #[test]
    fn addresses_and_expected_names_are_admitted_and_no_others() {
        let guard = Guard::open().with_hosts(["cryptofeed".to_owned()]);
        for host in [
            "127.0.0.1:9464",
            "10.1.2.3",
            "[::1]:9464",
            "localhost:9464",
            "LOCALHOST",
            "cryptofeed:9464",
        ] {
            assert_eq!(
                admit(&guard, &[("host", host)]),
                Ok(Access::Whole),
                "{host}"
            );
        }
        for host in [
            "attacker.example",
            "localhost.attacker.example",
            "127.0.0.1.attacker.example:9464",
            "cryptofeed.attacker.example",
        ] {
            let refused = Err(Refused::ForeignHost);
            assert_eq!(admit(&guard, &[("host", host)]), refused, "{host}");
        }
        for host in ["", "a b", "attacker@127.0.0.1", "http://127.0.0.1"] {
            assert_eq!(
                admit(&guard, &[("host", host)]),
                Err(Refused::NoHost),
                "{host}"
            );
        }
        assert_eq!(admit(&guard, &[]), Err(Refused::NoHost));
        let mut twice = headers(&[("host", "127.0.0.1")]);
        twice.append(HOST, "attacker.example".parse().unwrap());
        assert_eq!(guard.admit(&twice), Err(Refused::NoHost));
    }

    #[test]
    fn another_origin_is_refused() {
        let of = |origin| {
            let lines = [("host", "127.0.0.1:9464"), ("origin", origin)];
            admit(&Guard::open(), &lines)
        };
        assert_eq!(of("http://127.0.0.1:9464"), Ok(Access::Whole));
        // A proxy in front may add TLS.
        assert_eq!(of("https://127.0.0.1:9464"), Ok(Access::Whole));
        for origin in [
            "http://attacker.example",
            "http://127.0.0.1",
            "http://127.0.0.1:80",
            "http://localhost:9464",
            "null",
            "",
        ] {
            assert_eq!(of(origin), Err(Refused::ForeignOrigin), "{origin}");
        }
    }

    #[test]
    fn the_token_is_a_bearer_or_the_password_of_any_user() {
        let guard = Guard::open().with_token(Token::parse(TOKEN).unwrap());
        let of = |authorization: &str| {
            let lines = [("host", "127.0.0.1"), ("authorization", authorization)];
            admit(&guard, &lines).unwrap()
        };
        let basic = |login: &str| format!("Basic {}", STANDARD.encode(login));
        for right in [
            format!("Bearer {TOKEN}"),
            format!("bearer   {TOKEN}"),
            basic(&format!("anybody:{TOKEN}")),
            basic(&format!(":{TOKEN}")),
        ] {
            assert_eq!(of(&right), Access::Whole, "{right}");
        }
        for wrong in [
            "Bearer".to_owned(),
            "Bearer 0123456789abcdeg".to_owned(),
            format!("Token {TOKEN}"),
            TOKEN.to_owned(),
            basic(TOKEN),
            basic(&format!("{TOKEN}:")),
            "Basic ###".to_owned(),
        ] {
            assert_eq!(of(&wrong), Access::Verdicts, "{wrong}");
        }
        assert_eq!(
            admit(&guard, &[("host", "127.0.0.1")]),
            Ok(Access::Verdicts)
        );
    }
}
