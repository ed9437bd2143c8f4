//! Proxies that work, and fail on demand.

mod client;
mod connect;
mod credentials;
mod egress;
mod fault;
mod kind;
mod record;
mod relay;
mod socks4;
mod socks5;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use rustls::ServerConfig;

pub use self::fault::ProxyFault;
pub use self::kind::ProxyKind;
pub use self::record::{Authentication, ProxyConnection, TunnelRequest, TunnelTarget};

use self::client::{Setup, serve};
use self::credentials::Credentials;
use self::egress::Egress;
use crate::error::SetupError;
use crate::ledger::Ledger;
use crate::port::Port;
use crate::server::{ANY_PORT, Server, url_authority};

/// A real proxy on this machine.
///
/// It relays to loopback addresses and to the hosts it was told of, and to nothing else. Dropping
/// it ends its connections and frees its port; both happen once the runtime gets to it, or by the
/// time [`stop`](Self::stop) returns.
#[derive(Debug)]
pub struct MockProxy {
    setup: Arc<Setup>,
    port: Port,
    //     Some --stop()--> None --restart()--> Some, on the same port
    //     Some --cut_all()--> None while connections are closed --> Some
    server: Mutex<Option<Server>>,
}

impl MockProxy {
    /// A proxy of `kind` that lets everybody in and listens on a free port of `127.0.0.1`.
    #[must_use]
    pub fn builder(kind: ProxyKind) -> MockProxyBuilder {
        MockProxyBuilder {
            kind,
            address: ANY_PORT,
            tls: None,
            credentials: None,
            egress: Egress::default(),
        }
    }

    /// What it speaks.
    #[must_use]
    pub fn kind(&self) -> ProxyKind {
        self.setup.kind
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Its URL with the credentials it wants, percent-encoded: `scheme://user:password@host:port`.
    /// SOCKS4 has no password, so its URL has none either.
    #[must_use]
    pub fn url(&self) -> String {
        let userinfo = self
            .setup
            .credentials
            .as_ref()
            .map_or_else(String::new, |c| c.userinfo(self.setup.kind.has_password()));
        format!(
            "{}://{userinfo}{}",
            self.kind(),
            url_authority(self.address())
        )
    }

    /// Its URL without credentials.
    #[must_use]
    pub fn redacted_url(&self) -> String {
        format!("{}://{}", self.kind(), url_authority(self.address()))
    }

    /// What it remembers of its connections.
    #[must_use]
    pub fn ledger(&self) -> Ledger<ProxyConnection> {
        self.setup.ledger.clone()
    }

    /// Closes every connection at once, without a farewell; new ones are accepted as before.
    pub async fn cut_all(&self) {
        let server = self.take_server();
        if let Some(server) = server {
            server.cut().await;
            *self.lock_server() = Some(server);
        }
    }

    /// Closes every connection and the port: from now on, connections are refused.
    pub async fn stop(&self) {
        let server = self.take_server();
        if let Some(server) = server {
            server.stop().await;
        }
    }

    /// Listens again on the same port after [`stop`](Self::stop). Does nothing if it listens.
    ///
    /// # Errors
    /// [`SetupError::Listen`] if it cannot listen again.
    pub async fn restart(&self) -> Result<(), SetupError> {
        let running = self.lock_server().is_some();
        if !running {
            let server = listen(&self.setup, &self.port)?;
            *self.lock_server() = Some(server);
        }
        Ok(())
    }

    /// From now on, does this with each request for a tunnel. Open tunnels stay.
    pub fn fail_with(&self, fault: ProxyFault) {
        *self.setup.fault.lock() = Some(fault);
    }

    /// Works again after [`fail_with`](Self::fail_with).
    pub fn recover(&self) {
        *self.setup.fault.lock() = None;
    }

    fn take_server(&self) -> Option<Server> {
        self.lock_server().take()
    }

    fn lock_server(&self) -> MutexGuard<'_, Option<Server>> {
        self.server.lock()
    }
}

fn listen(setup: &Arc<Setup>, port: &Port) -> Result<Server, SetupError> {
    let setup = Arc::clone(setup);
    Server::start(port, move |stream, peer| {
        serve(Arc::clone(&setup), stream, peer)
    })
}

/// A [`MockProxy`] to be.
#[derive(Debug)]
pub struct MockProxyBuilder {
    kind: ProxyKind,
    address: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
    credentials: Option<Credentials>,
    egress: Egress,
}

impl MockProxyBuilder {
    /// Listens there instead of on a free port of `127.0.0.1`.
    #[must_use]
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// The certificate of an `https` proxy, which must have one; other kinds ignore it. See
    /// [`TestCa::server_config`](crate::TestCa::server_config).
    #[must_use]
    pub fn tls(mut self, config: Arc<ServerConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// Lets in only who has these. SOCKS4 compares the user name with its USERID and has no
    /// password; the SOCKS5 server accepts only UTF-8.
    #[must_use]
    pub fn credentials(mut self, user: impl Into<Vec<u8>>, password: impl Into<Vec<u8>>) -> Self {
        self.credentials = Some(Credentials::new(user.into(), password.into()));
        self
    }

    /// Connects to targets from this address, such as `127.0.0.2`, by which a target can tell
    /// the proxies of one machine apart. Targets of the other address family become unreachable.
    #[must_use]
    pub fn egress(mut self, source: IpAddr) -> Self {
        self.egress.source = Some(source);
        self
    }

    /// Knows `name`, in any case, as this address, and uses the port that the client asks for.
    #[must_use]
    pub fn host(self, name: &str, address: IpAddr) -> Self {
        self.redirect(name, (address, 0).into())
    }

    /// Knows `name`, in any case, as this address and port, whatever port the client asks for.
    #[must_use]
    pub fn redirect(mut self, name: &str, address: SocketAddr) -> Self {
        self.egress.hosts.insert(name.to_ascii_lowercase(), address);
        self
    }

    /// Starts to listen. Needs a Tokio runtime with I/O and time.
    ///
    /// # Errors
    /// [`SetupError::Listen`] if the address is taken, [`SetupError::TlsMissing`] for an `https`
    /// proxy without a certificate.
    pub async fn start(self) -> Result<MockProxy, SetupError> {
        let tls = match self.kind {
            ProxyKind::Https => Some(self.tls.ok_or(SetupError::TlsMissing)?),
            _ => None,
        };
        let setup = Arc::new(Setup {
            kind: self.kind,
            tls,
            credentials: self.credentials,
            egress: self.egress,
            fault: Mutex::default(),
            ledger: Ledger::default(),
        });
        let port = Port::take(self.address)?;
        let server = listen(&setup, &port)?;
        Ok(MockProxy {
            setup,
            port,
            server: Mutex::new(Some(server)),
        })
    }
}
