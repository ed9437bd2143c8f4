//! One client of a proxy, whatever it speaks.

use std::net::SocketAddr;
use std::sync::Arc;

use http::HeaderMap;
use parking_lot::Mutex;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::credentials::Credentials;
use super::egress::{Egress, Unreached};
use super::fault::ProxyFault;
use super::kind::ProxyKind;
use super::record::{Authentication, ProxyConnection, TunnelRequest, TunnelTarget};
use super::relay::relay;
use super::{connect, socks4, socks5};
use crate::ledger::{Entry, Ledger, push_bounded};
use crate::server::secure;

/// What all connections of a proxy share.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) kind: ProxyKind,
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) credentials: Option<Credentials>,
    pub(super) egress: Egress,
    pub(super) fault: Mutex<Option<ProxyFault>>,
    pub(super) ledger: Ledger<ProxyConnection>,
}

//     accept --> tls, if https --> login --> request --> fault? --> connect --> reply --> relay
//
// What a client is told that does not get to the end:
//
//     why                    CONNECT                 SOCKS4   SOCKS5
//     login missing          407; may try again      5D       method FF
//     login wrong            407; may try again      5D       status of RFC 1929, not 0
//     told to refuse         the status, the body    code     code
//     name not known         502                     5B       04
//     address forbidden      403                     5B       02
//     target refuses         502                     5B       05
//     another error          502                     5B       03 or 01
//     told to hang up        closed                  closed   closed
//     told to stall          silence                 silence  silence
/// Why a client gets no tunnel.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The proxy was told to decline, with this code and body.
    Told { code: u16, body: String },
    /// The proxy was told to hang up.
    Hangup,
    /// The target was not reached.
    Unreached(Unreached),
}

pub(super) async fn serve(setup: Arc<Setup>, stream: TcpStream, peer: SocketAddr) {
    let client = Client {
        entry: setup.ledger.open(ProxyConnection::new(peer)),
        setup,
    };
    let stream = match secure(stream, client.setup.tls.as_ref()).await {
        Ok(stream) => stream,
        Err(error) => {
            tracing::debug!(%peer, %error, "tls with a proxy client failed");
            return;
        }
    };
    let served = match client.setup.kind {
        ProxyKind::Http | ProxyKind::Https => connect::serve(stream, client).await,
        ProxyKind::Socks4 | ProxyKind::Socks4a => socks4::serve(stream, &client).await,
        ProxyKind::Socks5 | ProxyKind::Socks5h => socks5::serve(stream, &client).await,
    };
    if let Err(error) = served {
        tracing::debug!(%peer, error, "proxy client lost");
    }
}

/// One connection and its record.
#[derive(Debug)]
pub(super) struct Client {
    setup: Arc<Setup>,
    entry: Entry<ProxyConnection>,
}

impl Client {
    /// The credentials a client must have, if any.
    pub(super) fn credentials(&self) -> Option<&Credentials> {
        self.setup.credentials.as_ref()
    }

    pub(super) fn record_authentication(&self, outcome: Authentication) {
        self.entry
            .update(|record| record.authentication = Some(outcome));
    }

    /// Connects to `target`, unless the proxy was told not to.
    pub(super) async fn open(
        &self,
        target: TunnelTarget,
        headers: HeaderMap,
    ) -> Result<TcpStream, Refusal> {
        // Recorded before the fault is looked at: a test of a fault sees what was asked for.
        let request = TunnelRequest {
            target: target.clone(),
            headers,
        };
        self.entry.update(|record| {
            push_bounded(&mut record.requests, request);
        });
        let fault = self.setup.fault.lock().clone();
        match fault {
            None => {}
            Some(ProxyFault::Refuse { code, body }) => return Err(Refusal::Told { code, body }),
            Some(ProxyFault::Hangup) => return Err(Refusal::Hangup),
            Some(ProxyFault::Stall) => std::future::pending().await,
        }
        let stream = self
            .setup
            .egress
            .connect(&target)
            .await
            .map_err(Refusal::Unreached)?;
        if let Ok(local) = stream.local_addr() {
            self.entry.update(|record| record.egress = Some(local));
        }
        Ok(stream)
    }

    pub(super) async fn relay<C>(&self, client: &mut C, target: TcpStream)
    where
        C: AsyncRead + AsyncWrite + Unpin,
    {
        let mut traffic = Arc::default();
        self.entry
            .update(|record| traffic = Arc::clone(&record.traffic));
        relay(client, target, traffic).await;
    }
}
