//! The listener.

mod answer;
mod deadline;
mod guard;
mod live;
mod silent;
mod token;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{interval, sleep};

use self::answer::Answers;
use self::deadline::Deadline;
pub use self::guard::{Access, Guard, Refused};
use self::silent::{Mute, Silent};
pub use self::token::{InvalidToken, Token};
use crate::board::Board;
use crate::metrics::Metrics;

/// How many connections are served at a time. One more takes the room of one that has not asked yet, else it
/// waits.
// A probe has a second. Those who hold connections open, and know no token, must not make it wait.
const CONNECTIONS: usize = 64;

/// How long the head of a request may take.
const HEAD: Duration = Duration::from_secs(5);

/// How many bytes the head of a request may have.
const HEAD_BYTES: usize = 16 * 1024;

/// How long to wait when no connection can be accepted, as when there are too many files open.
const PAUSE: Duration = Duration::from_millis(200);

/// How often the state is looked at while nobody asks, and what has been measured is put into its buckets.
const SETTLING: Duration = Duration::from_secs(5);

/// Serves what a [`Board`] knows over HTTP, and never connects to anything.
///
/// | path | answer |
/// |---|---|
/// | `/` | a page for people, which stays live |
/// | `/status.json` | the [`Status`](crate::model::Status) |
/// | `/ready` | 200 if data flows, else 503, with the [`Readiness`](crate::model::Readiness) |
/// | `/live` | 200 |
/// | `/metrics` | [`Metrics`] in the text format of Prometheus, if there are any |
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    guard: Guard,
    metrics: Option<Metrics>,
}

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// Others could reach it, and would not be asked for a token.
    #[error("listen on {0}, which others can reach, without a token")]
    Unprotected(SocketAddr),
    /// The address cannot be listened on.
    #[error("listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Listener {
    /// Listens on `address`, for those whom `guard` admits. Within a runtime of tokio.
    ///
    /// # Errors
    /// [`ListenError::Unprotected`] if the address is another than a loopback one, and `guard` asks for no
    /// token; see [`bind_insecure`](Self::bind_insecure). [`ListenError::Bind`] if the system refuses.
    pub async fn bind(address: SocketAddr, guard: Guard) -> Result<Self, ListenError> {
        if !address.ip().to_canonical().is_loopback() && !guard.has_token() {
            return Err(ListenError::Unprotected(address));
        }
        Self::bind_insecure(address, guard).await
    }

    /// As [`bind`](Self::bind), on any address without a token as well: something else must keep strangers
    /// away.
    ///
    /// # Errors
    /// [`ListenError::Bind`] if the system refuses.
    pub async fn bind_insecure(address: SocketAddr, guard: Guard) -> Result<Self, ListenError> {
        let socket = TcpListener::bind(address).await;
        let socket = socket.map_err(|source| ListenError::Bind { address, source })?;
        Ok(Self {
            socket,
            guard,
            metrics: None,
        })
    }

    /// Tells these metrics, too.
    #[must_use]
    pub fn with_metrics(self, metrics: Metrics) -> Self {
        Self {
            metrics: Some(metrics),
            ..self
        }
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Answers from `board`, until the future is dropped.
    pub async fn serve(self, board: Board) {
        let metrics = self.metrics.clone();
        tokio::select! {
            () = self.accept(board.clone()) => {}
            () = settle(board, metrics) => {}
        }
    }

    async fn accept(self, board: Board) {
        let answers = Arc::new(Answers::new(board, self.guard, self.metrics));
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        let silent = Silent::default();
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            match self.socket.accept().await {
                Ok((stream, peer)) => {
                    if room.available_permits() == 0 {
                        silent.end_one();
                    }
                    // Nothing closes it.
                    let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
                        return;
                    };
                    let mute = silent.enter(peer.ip());
                    connections.spawn(connection(stream, Arc::clone(&answers), mute, permit));
                }
                Err(error) => {
                    tracing::debug!(%error, "no connection to the status accepted");
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

/// Keeps what has been measured small, and has the board know for how long something has been wrong, while nobody
/// asks.
async fn settle(board: Board, metrics: Option<Metrics>) {
    let mut ticks = interval(SETTLING);
    loop {
        ticks.tick().await;
        let _ = board.status();
        if let Some(metrics) = &metrics {
            metrics.settle();
        }
    }
}

/// Serves one request: connections that are kept open would take the room of others.
async fn connection(
    stream: TcpStream,
    answers: Arc<Answers>,
    mute: Mute,
    _permit: OwnedSemaphorePermit,
) {
    let deadline = Deadline::new();
    let service = service_fn(|request| {
        mute.speaks();
        let answer = answers.to(&request, deadline.clone());
        async { Ok::<_, Infallible>(answer) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .keep_alive(false);
    let served = http.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        served = served => {
            if let Err(error) = served {
                tracing::trace!(%error, "connection to the status ended");
            }
        }
        () = deadline.passed() => {}
        () = mute.over() => {}
    }
}
