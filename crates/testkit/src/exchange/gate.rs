//! The two listeners of an exchange, which can be closed for a while.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::sleep;

use super::{Setup, rest, ws};
use crate::error::SetupError;
use crate::port::Port;
use crate::server::Server;

/// REST and WebSocket of an exchange.
#[derive(Debug)]
pub(super) struct Gate {
    setup: Arc<Setup>,
    pub(super) rest: Port,
    pub(super) ws: Port,
    /// `None` while connections are refused.
    servers: Mutex<Option<Servers>>,
}

#[derive(Debug)]
struct Servers {
    rest: Server,
    ws: Server,
}

impl Servers {
    fn start(setup: &Arc<Setup>, rest: &Port, ws: &Port) -> Result<Self, SetupError> {
        let serve_rest = {
            let setup = Arc::clone(setup);
            move |stream, peer| rest::serve(Arc::clone(&setup), stream, peer)
        };
        let serve_ws = {
            let setup = Arc::clone(setup);
            move |stream, peer| ws::serve(Arc::clone(&setup), stream, peer)
        };
        Ok(Self {
            rest: Server::start(rest, serve_rest)?,
            ws: Server::start(ws, serve_ws)?,
        })
    }
}

impl Gate {
    pub(super) fn open(
        setup: Arc<Setup>,
        rest: SocketAddr,
        ws: SocketAddr,
    ) -> Result<Self, SetupError> {
        let (rest, ws) = (Port::take(rest)?, Port::take(ws)?);
        let servers = Servers::start(&setup, &rest, &ws)?;
        Ok(Self {
            setup,
            rest,
            ws,
            servers: Mutex::new(Some(servers)),
        })
    }

    /// Closes every WebSocket connection at once.
    pub(super) async fn cut_streams(&self) {
        if let Some(servers) = &*self.servers.lock().await {
            servers.ws.cut().await;
        }
    }

    /// Closes every connection, refuses others for so long, and listens again at the same ports.
    pub(super) async fn restart(&self, down: Duration) {
        let mut servers = self.servers.lock().await;
        if let Some(Servers { rest, ws }) = servers.take() {
            rest.stop().await;
            ws.stop().await;
        }
        sleep(down).await;
        // Only a machine without file descriptors can keep it from that.
        *servers = Servers::start(&self.setup, &self.rest, &self.ws)
            .inspect_err(|error| tracing::error!(%error, "could not listen again"))
            .ok();
    }
}
