//! A server of one text, such as a list of proxies.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ETAG, IF_NONE_MATCH, LOCATION};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use rustls::ServerConfig;
use tokio::net::TcpStream;

use crate::error::SetupError;
use crate::port::Port;
use crate::server::{ANY_PORT, Server, secure};

/// Serves a text with an entity tag to whoever asks, whatever the path, and answers 304 to whoever has
/// it (RFC 9110, section 13.1.2).
#[derive(Debug)]
pub struct ListServer {
    port: Port,
    page: Arc<Mutex<Page>>,
    _server: Server,
}

#[derive(Debug)]
struct Page {
    status: StatusCode,
    text: Bytes,
    version: usize,
    answers: Vec<ListAnswer>,
}

/// One answer of a [`ListServer`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListAnswer {
    /// Where the request came from.
    pub peer: SocketAddr,
    /// Its path and query.
    pub path: String,
    /// The status that it got.
    pub status: u16,
}

impl ListServer {
    /// Serves `text` at a free port of the loopback, by TLS.
    ///
    /// # Errors
    /// [`SetupError::Listen`] if there is no free port.
    pub fn start(text: impl Into<Bytes>, tls: Arc<ServerConfig>) -> Result<Self, SetupError> {
        let port = Port::take(ANY_PORT)?;
        let page = Arc::new(Mutex::new(Page {
            status: StatusCode::OK,
            text: text.into(),
            version: 1,
            answers: Vec::new(),
        }));
        let shared = Arc::clone(&page);
        let server = Server::start(&port, move |stream, peer| {
            let (page, tls) = (Arc::clone(&shared), Arc::clone(&tls));
            async move {
                if let Err(error) = serve(stream, peer, &tls, page).await {
                    tracing::debug!(%peer, %error, "the request for a list has failed");
                }
            }
        })?;
        Ok(Self {
            port,
            page,
            _server: server,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Serves `text` from now on, with another entity tag.
    pub fn replace(&self, text: impl Into<Bytes>) {
        let mut page = self.page.lock();
        page.text = text.into();
        page.version += 1;
        page.status = StatusCode::OK;
    }

    /// Answers with `status` from now on, until the text is [replaced](Self::replace). A redirect leads to
    /// `/elsewhere`.
    pub fn fail_with(&self, status: StatusCode) {
        self.page.lock().status = status;
    }

    /// Its answers so far.
    #[must_use]
    pub fn answers(&self) -> Vec<ListAnswer> {
        self.page.lock().answers.clone()
    }
}

async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    tls: &Arc<ServerConfig>,
    page: Arc<Mutex<Page>>,
) -> io::Result<()> {
    let stream = TokioIo::new(secure(stream, Some(tls)).await?);
    let answer = service_fn(|request| {
        let answer = page.lock().answer(peer, &request);
        async { answer }
    });
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(stream, answer);
    connection.await.map_err(io::Error::other)
}

impl Page {
    fn answer(
        &mut self,
        peer: SocketAddr,
        request: &Request<Incoming>,
    ) -> http::Result<Response<Full<Bytes>>> {
        let tag = format!("\"{}\"", self.version);
        let known = request.headers().get(IF_NONE_MATCH);
        let status = match self.status {
            StatusCode::OK if known.is_some_and(|known| known.as_bytes() == tag.as_bytes()) => {
                StatusCode::NOT_MODIFIED
            }
            status => status,
        };
        self.answers.push(ListAnswer {
            peer,
            path: request.uri().to_string(),
            status: status.as_u16(),
        });
        let text = match status {
            StatusCode::OK => self.text.clone(),
            _ => Bytes::new(),
        };
        let answer = Response::builder().status(status).header(ETAG, tag);
        let answer = match status.is_redirection() && status != StatusCode::NOT_MODIFIED {
            true => answer.header(LOCATION, "/elsewhere"),
            false => answer,
        };
        answer.body(Full::new(text))
    }
}
