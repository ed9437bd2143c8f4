//! Links that break.

mod fault;
mod relay;

use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

pub use self::fault::LinkFault;
use self::relay::relay;
use crate::error::SetupError;
use crate::port::Port;
use crate::server::{ANY_PORT, Server};

/// A stretch of network on this machine, to be put in front of anything that listens: it carries TCP
/// connections and breaks them on demand.
///
/// A fault concerns the connections that are open and those that are made while it lasts.
///
/// ```
/// use testkit::{Link, LinkFault, MockExchange};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let exchange = MockExchange::echo().start().await?;
/// let link = Link::start(exchange.rest_addr()).await?;
/// link.inject(LinkFault::Stall).await?;
/// // What asks `link.address()` is not answered now.
/// link.clear().await?;
/// # Ok::<_, testkit::SetupError>(())
/// # })?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Link {
    target: SocketAddr,
    port: Port,
    fault: watch::Sender<Option<LinkFault>>,
    /// `None` while connections are refused.
    server: Mutex<Option<Server>>,
}

impl Link {
    /// A link to `target`, on a free port of the loopback.
    ///
    /// # Errors
    /// [`SetupError::Listen`] if there is none.
    pub async fn start(target: SocketAddr) -> Result<Self, SetupError> {
        let fault = watch::Sender::new(None);
        let port = Port::take(ANY_PORT)?;
        let server = listen(&port, target, &fault)?;
        Ok(Self {
            target,
            port,
            fault,
            server: Mutex::new(Some(server)),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Breaks it, in place of what is broken.
    ///
    /// # Errors
    /// [`SetupError::Listen`] if it refused connections, and cannot listen again.
    pub async fn inject(&self, fault: LinkFault) -> Result<(), SetupError> {
        if fault == LinkFault::Refuse {
            let server = self.server.lock().take();
            if let Some(server) = server {
                server.stop().await;
            }
            return Ok(());
        }
        self.fault.send_replace(Some(fault));
        self.open()
    }

    /// Mends it.
    ///
    /// # Errors
    /// [`SetupError::Listen`] if it refused connections, and cannot listen again.
    pub async fn clear(&self) -> Result<(), SetupError> {
        self.fault.send_replace(None);
        self.open()
    }

    fn open(&self) -> Result<(), SetupError> {
        if self.server.lock().is_none() {
            let server = listen(&self.port, self.target, &self.fault)?;
            *self.server.lock() = Some(server);
        }
        Ok(())
    }
}

fn listen(
    port: &Port,
    target: SocketAddr,
    fault: &watch::Sender<Option<LinkFault>>,
) -> Result<Server, SetupError> {
    let fault = Arc::new(fault.subscribe());
    Server::start(port, move |client, _| {
        relay(client, target, watch::Receiver::clone(&fault))
    })
}
