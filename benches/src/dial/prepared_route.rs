//! Ways from a client to the exchange.

use std::net::IpAddr;
use std::path::PathBuf;

use http::Uri;
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// What lies between a client and the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Route {
    Direct,
    Connect,
    HttpsProxy,
    Socks4a,
    Socks5h,
    Socks5hPassword,
}

impl Route {
    pub(crate) const ALL: [Self; 6] = [
        Self::Direct,
        Self::Connect,
        Self::HttpsProxy,
        Self::Socks4a,
        Self::Socks5h,
        Self::Socks5hPassword,
    ];

    /// What it is called in the tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Connect => "CONNECT",
            Self::HttpsProxy => "https proxy",
            Self::Socks4a => "SOCKS4a",
            Self::Socks5h => "SOCKS5h",
            Self::Socks5hPassword => "SOCKS5h with password",
        }
    }
}

/// A way from a client to the exchange, and how to tell that a connection took it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PreparedRoute {
    pub(crate) route: Route,
    /// The URL of the proxy, with what it wants to hear. `None` for the direct way.
    pub(crate) proxy: Option<String>,
    /// The address that the exchange sees.
    pub(crate) egress: IpAddr,
    /// What the exchange is called on this way.
    pub(crate) host: String,
    pub(crate) stream_port: u16,
    pub(crate) rest_port: u16,
    /// Who vouches for the exchange and the proxies.
    pub(crate) ca_file: PathBuf,
}

/// What the exchange says first, whether by REST or by WebSocket.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Greeting {
    /// Where the connection comes from.
    pub(crate) peer: IpAddr,
}

impl PreparedRoute {
    pub(crate) fn stream_uri(&self) -> String {
        format!("wss://{}:{}/", self.host, self.stream_port)
    }

    pub(crate) fn rest_uri(&self) -> String {
        format!("https://{}:{}/", self.host, self.rest_port)
    }

    /// The URL of the proxy.
    ///
    /// # Errors
    /// There is none on this way.
    pub(crate) fn proxy(&self) -> Result<Proxy> {
        let url = self.proxy.as_deref().ok_or("a direct way has no proxy")?;
        Proxy::parse(url)
    }

    /// Whether `greeting` is the exchange's, on a connection that took this way.
    pub(crate) fn check(&self, greeting: &[u8]) -> Result<()> {
        let greeting: Greeting = serde_json::from_slice(greeting)?;
        if greeting.peer == self.egress {
            Ok(())
        } else {
            let (seen, expected) = (greeting.peer, self.egress);
            Err(format!("the exchange saw {seen}, not {expected}").into())
        }
    }
}

/// A proxy's URL in the parts that the peers want.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) uri: Uri,
    /// `host:port`.
    pub(crate) address: String,
    pub(crate) login: Option<(String, String)>,
}

impl Proxy {
    fn parse(url: &str) -> Result<Self> {
        let (scheme, rest) = url.split_once("://").ok_or("a proxy without scheme")?;
        let (login, address) = match rest.rsplit_once('@') {
            Some((login, address)) => (login.split_once(':'), address),
            None => (None, rest),
        };
        Ok(Self {
            uri: format!("{scheme}://{address}/").parse()?,
            address: address.to_owned(),
            login: login.map(|(user, password)| (user.to_owned(), password.to_owned())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_took_another_way_is_noticed() {
        let way = PreparedRoute {
            route: Route::Direct,
            proxy: None,
            egress: [127, 0, 9, 1].into(),
            host: "exchange.test".to_owned(),
            stream_port: 1,
            rest_port: 2,
            ca_file: PathBuf::new(),
        };
        assert!(way.check(br#"{"peer":"127.0.9.1"}"#).is_ok());
        let error = way.check(br#"{"peer":"127.0.0.1"}"#).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the exchange saw 127.0.0.1, not 127.0.9.1"
        );
    }

    #[test]
    fn a_proxy_is_taken_apart() {
        let proxy = Proxy::parse("socks5h://alice:secret@127.0.0.1:1080").unwrap();
        assert_eq!(proxy.uri, "socks5h://127.0.0.1:1080/");
        assert_eq!(proxy.address, "127.0.0.1:1080");
        assert_eq!(proxy.login, Some(("alice".to_owned(), "secret".to_owned())));
    }
}
