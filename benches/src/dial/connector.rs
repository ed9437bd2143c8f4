//! hyper-util's connectors, of which each kind of proxy has a type of its own.

use http::Uri;
use hyper::rt::{Read, Write};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::proxy::{SocksV4, SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connection, HttpConnector};
use tower_service::Service;

use super::contender::{Contender, Socket};
use super::peer::tls;
use super::prepared_route::{PreparedRoute, Route};
use crate::error::{BoxError, Result};

/// What can be put under a client of hyper-util.
pub(super) trait Connector:
    Service<
        Uri,
        Response: Read + Write + Connection + Unpin + Send + 'static,
        Error: Into<BoxError>,
        Future: Send + 'static,
    > + Clone
    + Send
    + Sync
    + 'static
{
}

impl<T> Connector for T
where
    T: Service<Uri> + Clone + Send + Sync + 'static,
    T::Response: Read + Write + Connection + Unpin + Send + 'static,
    T::Error: Into<BoxError>,
    T::Future: Send + 'static,
{
}

/// What wants a connector, of whatever type.
pub(super) trait Visitor {
    type Output;

    fn visit(self, connector: impl Connector) -> Self::Output;
}

/// Lets `visitor` have the connector for `way`.
pub(super) fn visit<V: Visitor>(
    contender: Contender,
    way: &PreparedRoute,
    visitor: V,
) -> Result<V::Output> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(contender != Contender::HyperUtil(Socket::AsShipped));
    if way.route == Route::Direct {
        return Ok(visitor.visit(tcp));
    }
    let proxy = way.proxy()?;
    Ok(match way.route {
        Route::Direct | Route::Connect => visitor.visit(Tunnel::new(proxy.uri, tcp)),
        Route::HttpsProxy => visitor.visit(Tunnel::new(proxy.uri, secure(tcp, way)?)),
        Route::Socks4a => visitor.visit(SocksV4::new(proxy.uri, tcp)),
        Route::Socks5h | Route::Socks5hPassword => {
            let mut socks = SocksV5::new(proxy.uri, tcp)
                .send_optimistically(contender == Contender::HyperUtilOptimistic);
            if let Some((user, password)) = proxy.login {
                socks = socks.with_auth(user, password);
            }
            visitor.visit(socks)
        }
    })
}

/// The same with TLS to whatever it connects to.
pub(super) fn secure<C: Connector>(connector: C, way: &PreparedRoute) -> Result<HttpsConnector<C>> {
    Ok(HttpsConnectorBuilder::new()
        .with_tls_config(tls(way)?)
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector))
}
