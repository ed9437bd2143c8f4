//! An exchange that says nothing and tells how its streams end.

use std::io;
use std::net::SocketAddr;

use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;

/// Binance's list of instruments.
const LISTED: &str = r#"{"symbols":[{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT"}]}"#;

/// Like Binance, without TLS. It ends when it is dropped.
pub(crate) struct Parting {
    address: SocketAddr,
    codes: UnboundedReceiver<u16>,
    task: JoinHandle<()>,
}

impl Parting {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (ending, codes) = unbounded_channel();
        let task = tokio::spawn(async move {
            while let Ok((stream, _peer)) = listener.accept().await {
                tokio::spawn(serve(stream, ending.clone()));
            }
        });
        Self {
            address,
            codes,
            task,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The code with which the next stream ends: 1005 for a close without one, 1006 for an end without
    /// a close (RFC 6455, section 7.4.1).
    pub(crate) async fn code(&mut self) -> u16 {
        self.codes.recv().await.unwrap()
    }
}

impl Drop for Parting {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, ending: UnboundedSender<u16>) -> io::Result<()> {
    let mut start = [0; 8];
    stream.peek(&mut start).await?;
    if start == *b"GET /api" {
        let len = LISTED.len();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {len}\r\n\r\n{LISTED}");
        stream.write_all(answer.as_bytes()).await?;
        return stream.read_to_end(&mut Vec::new()).await.map(drop);
    }
    let mut socket = accept_async(stream).await.map_err(io::Error::other)?;
    let code = loop {
        match socket.next().await {
            Some(Ok(Message::Close(close))) => break close.map_or(1005, |close| close.code.into()),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => break 1006,
        }
    };
    let _ = ending.send(code);
    // The answer to the close.
    while let Some(Ok(_)) = socket.next().await {}
    Ok(())
}
