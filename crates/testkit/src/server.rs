//! A listener and the tasks of its connections.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use transport::Io;

use crate::error::SetupError;
use crate::port::Port;

/// Any free port of the IPv4 loopback.
pub(crate) const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// How long to wait after a failed `accept`, as when the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections until it is dropped, which also ends every connection.
#[derive(Debug)]
pub(crate) struct Server {
    accepting: JoinHandle<()>,
    connections: Arc<Mutex<JoinSet<()>>>,
}

impl Server {
    /// Listens at `port` and lets `serve` have each connection.
    pub(crate) fn start<S, F>(port: &Port, serve: S) -> Result<Self, SetupError>
    where
        S: Fn(TcpStream, SocketAddr) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = port.listen()?;
        let connections = Arc::new(Mutex::new(JoinSet::new()));
        let accepting = tokio::spawn(accept(listener, serve, Arc::clone(&connections)));
        Ok(Self {
            accepting,
            connections,
        })
    }

    /// Closes every connection at once, without a farewell, and returns when that is done.
    pub(crate) async fn cut(&self) {
        // Out of the lock, since closing is awaited. What is accepted meanwhile goes into a new
        // set.
        let mut connections = std::mem::take(&mut *lock(&self.connections));
        connections.shutdown().await;
    }

    /// Closes the listener and every connection, and returns when that is done.
    pub(crate) async fn stop(mut self) {
        self.accepting.abort();
        // An error says that the task was cancelled, which is what is wanted.
        let _ = (&mut self.accepting).await;
        self.cut().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept<S, F>(listener: TcpListener, serve: S, connections: Arc<Mutex<JoinSet<()>>>)
where
    S: Fn(TcpStream, SocketAddr) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Fails for a client that has gone between the handshake and now.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%peer, %error, "connection lost before it was served");
                    continue;
                }
                let mut connections = lock(&connections);
                // A set keeps the tasks that are over until somebody asks for them.
                while connections.try_join_next().is_some() {}
                connections.spawn(serve(stream, peer));
            }
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                // The connection stays in the backlog, so `accept` would fail again at once, for
                // ever.
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn lock(connections: &Mutex<JoinSet<()>>) -> MutexGuard<'_, JoinSet<()>> {
    connections.lock()
}

/// The stream itself, or the TLS stream inside it where the server speaks TLS.
pub(crate) async fn secure(
    stream: TcpStream,
    tls: Option<&Arc<ServerConfig>>,
) -> io::Result<Box<dyn Io>> {
    Ok(match tls {
        Some(config) => Box::new(TlsAcceptor::from(Arc::clone(config)).accept(stream).await?),
        None => Box::new(stream),
    })
}

/// How to write an address in a URL: a listener on all addresses is reached on the loopback.
pub(crate) fn url_authority(address: SocketAddr) -> SocketAddr {
    let loopback: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    if address.ip().is_unspecified() {
        SocketAddr::new(loopback, address.port())
    } else {
        address
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_never_names_the_address_that_stands_for_all() {
        let authority = |address: &str| url_authority(address.parse().unwrap()).to_string();
        assert_eq!(authority("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(authority("[::]:80"), "[::1]:80");
        assert_eq!(authority("127.0.0.3:80"), "127.0.0.3:80");
    }
}
