//! A server that says what it was told to say, whatever it is asked.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;

/// What it does next.
#[derive(Debug, Clone)]
pub(crate) enum Line {
    /// Reads the head of a request and answers with this.
    Answer(String),
    /// Accepts a WebSocket and sends these.
    Frames(Vec<Message>),
}

impl Line {
    /// An answer with a body of known length.
    pub(crate) fn answer(status: &str, body: &str) -> Self {
        let length = body.len();
        Self::Answer(format!(
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
    }

    /// The tunnel is open.
    pub(crate) fn opened() -> Self {
        Self::Answer("HTTP/1.1 200 OK\r\n\r\n".to_owned())
    }
}

/// It says the same to everybody and closes behind the last line. Dropping it ends it.
pub(crate) struct Parrot {
    pub(crate) address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Parrot {
    pub(crate) async fn start(lines: impl IntoIterator<Item = Line>) -> Self {
        let lines: Arc<[Line]> = lines.into_iter().collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(speak(stream, Arc::clone(&lines)));
            }
        });
        Self {
            address,
            _tasks: tasks,
        }
    }
}

async fn speak(mut stream: TcpStream, lines: Arc<[Line]>) {
    for line in &*lines {
        match line {
            Line::Answer(answer) => {
                read_head(&mut stream).await;
                // Who does not wait for the answer has said so elsewhere.
                let _ = stream.write_all(answer.as_bytes()).await;
            }
            Line::Frames(frames) => send(&mut stream, frames).await,
        }
    }
}

async fn read_head(stream: &mut (impl AsyncRead + Unpin)) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
}

async fn send(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), frames: &[Message]) {
    let Ok(mut socket) = accept_async(stream).await else {
        return;
    };
    for frame in frames {
        if socket.send(frame.clone()).await.is_err() {
            return;
        }
    }
    while let Some(Ok(_)) = socket.next().await {}
}
