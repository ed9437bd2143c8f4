//! The tunnels of other libraries, and what goes into them.

use std::sync::Arc;

use fast_socks5::client::{Config, Socks5Stream as FastSocks5};
use fast_socks5::util::target_addr::ToTargetAddr;
use fast_socks5::{AuthenticationMethod, Socks5Command};
use futures_util::future::LocalBoxFuture;
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_socks::tcp::{Socks4Stream, Socks5Stream};
use transport::Io;

use super::connector::{Connector, Visitor, visit};
use super::contender::{Contender, Socket};
use super::prepared_route::{PreparedRoute, Route};
use crate::error::Result;

/// rustls as it is configured by most, trusting the exchange and its proxies.
pub(super) fn tls(way: &PreparedRoute) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&way.ca_file)?)?;
    let provider = Arc::new(ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// A byte stream to the exchange's WebSocket port.
pub(super) type Tunnel = Box<dyn Io>;

/// Opens tunnels.
pub(super) type OpenTunnel = Box<dyn Fn() -> LocalBoxFuture<'static, Result<Tunnel>>>;

/// What opens `contender`'s tunnels along `way`.
pub(super) fn tunnel(contender: Contender, way: &PreparedRoute) -> Result<OpenTunnel> {
    match contender {
        Contender::HyperUtil(_) | Contender::HyperUtilOptimistic => visit(
            contender,
            way,
            OpenByConnector {
                uri: way.stream_uri().parse()?,
            },
        ),
        _ => {
            let way = way.clone();
            Ok(Box::new(move || {
                let way = way.clone();
                Box::pin(async move { open(contender, &way).await })
            }))
        }
    }
}

struct OpenByConnector {
    uri: http::Uri,
}

impl Visitor for OpenByConnector {
    type Output = OpenTunnel;

    fn visit(self, connector: impl Connector) -> OpenTunnel {
        Box::new(move || {
            let (mut connector, uri) = (connector.clone(), self.uri.clone());
            Box::pin(async move {
                std::future::poll_fn(|context| connector.poll_ready(context))
                    .await
                    .map_err(Into::into)?;
                let stream = connector.call(uri).await.map_err(Into::into)?;
                Ok(Box::new(TokioIo::new(stream)) as Tunnel)
            })
        })
    }
}

async fn open(contender: Contender, way: &PreparedRoute) -> Result<Tunnel> {
    let target = (way.host.as_str(), way.stream_port);
    Ok(match contender {
        Contender::Tungstenite(socket) if way.route == Route::Direct => {
            Box::new(connect(target, socket).await?)
        }
        Contender::FastSocks5(socket) => Box::new(fast_socks5(way, socket).await?),
        Contender::TokioSocks(socket) if way.route == Route::Socks4a => {
            Box::new(tokio_socks4(way, socket).await?)
        }
        Contender::TokioSocks(socket) => Box::new(tokio_socks5(way, socket).await?),
        Contender::Tuned | Contender::TokioWebsockets => {
            Box::new(tokio_socks5(way, Socket::NoDelay).await?)
        }
        _ => return Err("it opens no tunnels".into()),
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is how a peer opens its sockets"
)]
async fn connect(address: impl tokio::net::ToSocketAddrs, socket: Socket) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    if socket == Socket::NoDelay {
        stream.set_nodelay(true)?;
    }
    Ok(stream)
}

async fn fast_socks5(way: &PreparedRoute, socket: Socket) -> Result<FastSocks5<TcpStream>> {
    let proxy = way.proxy()?;
    let target = (way.host.as_str(), way.stream_port);
    let config = Config::default();
    if socket == Socket::AsShipped {
        let (host, port) = (way.host.clone(), way.stream_port);
        return Ok(match proxy.login {
            None => FastSocks5::connect(proxy.address, host, port, config).await?,
            Some((user, password)) => {
                FastSocks5::connect_with_password(proxy.address, host, port, user, password, config)
                    .await?
            }
        });
    }
    let stream = connect(proxy.address, socket).await?;
    let login = proxy
        .login
        .map(|(username, password)| AuthenticationMethod::Password { username, password });
    let mut stream = FastSocks5::use_stream(stream, login, config).await?;
    let request = Socks5Command::TCPConnect;
    stream.request(request, target.to_target_addr()?).await?;
    Ok(stream)
}

async fn tokio_socks5(way: &PreparedRoute, socket: Socket) -> Result<Socks5Stream<TcpStream>> {
    let proxy = way.proxy()?;
    let target = (way.host.as_str(), way.stream_port);
    let login = proxy.login.as_ref();
    let address = proxy.address.as_str();
    Ok(match (socket, login) {
        (Socket::AsShipped, None) => Socks5Stream::connect(address, target).await?,
        (Socket::AsShipped, Some((user, password))) => {
            Socks5Stream::connect_with_password(address, target, user, password).await?
        }
        (Socket::NoDelay, login) => {
            let stream = connect(address, socket).await?;
            match login {
                None => Socks5Stream::connect_with_socket(stream, target).await?,
                Some((user, password)) => {
                    Socks5Stream::connect_with_password_and_socket(stream, target, user, password)
                        .await?
                }
            }
        }
    })
}

async fn tokio_socks4(way: &PreparedRoute, socket: Socket) -> Result<Socks4Stream<TcpStream>> {
    let proxy = way.proxy()?;
    let target = (way.host.as_str(), way.stream_port);
    Ok(match socket {
        Socket::AsShipped => Socks4Stream::connect(proxy.address.as_str(), target).await?,
        Socket::NoDelay => {
            let stream = connect(proxy.address, socket).await?;
            Socks4Stream::connect_with_socket(stream, target).await?
        }
    })
}
