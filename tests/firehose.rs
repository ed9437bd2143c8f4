//! An exchange that sends as fast as it can, and answers requests when it is told to.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_tungstenite::accept_async;

/// The body that requests have.
pub(crate) const ORDER: [u8; 5] = *b"order";

/// Without TLS. It ends when it is dropped.
pub(crate) struct Firehose {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    peers: Mutex<Vec<IpAddr>>,
    is_asked: Notify,
    answer: Notify,
}

impl Firehose {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let task = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                while let Ok((stream, peer)) = listener.accept().await {
                    shared.peers.lock().unwrap().push(peer.ip());
                    tokio::spawn(serve(stream, Arc::clone(&shared)));
                }
            }
        });
        Self {
            address,
            shared,
            task,
        }
    }

    /// Where to open a WebSocket that never pauses.
    pub(crate) fn url(&self) -> String {
        format!("ws://{}/stream", self.address)
    }

    /// Where to send a request that is answered when [`answer`](Self::answer) says so.
    pub(crate) fn slow_url(&self) -> String {
        format!("http://{}/slow", self.address)
    }

    /// Ends when a request has arrived.
    pub(crate) async fn is_asked(&self) {
        self.shared.is_asked.notified().await;
    }

    /// Lets the answer go.
    pub(crate) fn answer(&self) {
        self.shared.answer.notify_one();
    }

    /// Who has connected, in order.
    pub(crate) fn peers(&self) -> Vec<IpAddr> {
        self.shared.peers.lock().unwrap().clone()
    }
}

impl Drop for Firehose {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    let mut start = [0; 4];
    stream.peek(&mut start).await?;
    if start.starts_with(b"GET ") {
        return pour(stream).await;
    }
    let mut request = BufReader::new(&mut stream);
    let mut line = String::new();
    while request.read_line(&mut line).await? > 2 {
        line.clear();
    }
    request.read_exact(&mut ORDER.map(|_| 0)).await?;
    shared.is_asked.notify_one();
    shared.answer.notified().await;
    stream
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow")
        .await?;
    // Until the other side closes.
    stream.read_u8().await.map(drop)
}

/// Sends the same text for as long as somebody takes it.
async fn pour(stream: TcpStream) -> io::Result<()> {
    let socket = accept_async(stream).await.map_err(io::Error::other)?;
    let mut stream = socket.into_inner();
    let frame: &[u8] = b"\x81\x0ethe same again";
    let frames = frame.repeat(1_000);
    loop {
        stream.write_all(&frames).await?;
    }
}
