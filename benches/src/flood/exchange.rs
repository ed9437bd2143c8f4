//! A hostile exchange.

use std::io::Result;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::kind::Kind;
use crate::wire;

const LISTED: &str = r#"{"symbols":[{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT"}]}"#;

const SNAPSHOT: &str = r#"{"lastUpdateId":0,"bids":[["1","1"]],"asks":[["2","1"]]}"#;

/// How long a body in chunks of one byte is.
const CHUNKS: usize = 30 << 20;

/// Serves until it is dropped.
pub(crate) async fn serve(listener: TcpListener, kind: Kind) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        // What its client ends, ends.
        tokio::spawn(answer(stream, kind));
    }
}

async fn answer(mut stream: TcpStream, kind: Kind) -> Result<()> {
    loop {
        let head = wire::read_head(&mut stream).await?;
        let Some(upgraded) = wire::upgrade(&head) else {
            rest(&mut stream, kind, &head).await?;
            continue;
        };
        stream.write_all(upgraded.as_bytes()).await?;
        for number in 0.. {
            stream.write_all(&kind.frames(number)).await?;
            if matches!(kind, Kind::Chunks | Kind::Interim) {
                std::future::pending::<()>().await;
            }
        }
    }
}

async fn rest(stream: &mut TcpStream, kind: Kind, head: &str) -> Result<()> {
    let is_list = head.contains("exchangeInfo");
    match kind {
        Kind::Chunks if is_list => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                .await?;
            let chunks = b"1\r\n \r\n".repeat(1 << 16);
            for _ in 0..CHUNKS >> 16 {
                stream.write_all(&chunks).await?;
            }
            stream.write_all(b"0\r\n\r\n").await
        }
        Kind::Interim if is_list => {
            let interim = b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n".repeat(100);
            loop {
                stream.write_all(&interim).await?;
            }
        }
        Kind::WaitingChanges if !is_list => std::future::pending().await,
        _ => {
            let body = if is_list { LISTED } else { SNAPSHOT };
            stream.write_all(wire::answer(body).as_bytes()).await
        }
    }
}
