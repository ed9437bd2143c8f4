//! Proxies and exchanges in memory that do what they are asked for, as far as there is no TLS.

use std::io;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, split};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use transport::Endpoint;

/// What arrived, and at whose door: an entry for every time that something did.
#[derive(Debug, Clone, Default)]
pub(super) struct Arrivals(Arc<Mutex<Vec<Endpoint>>>);

impl Arrivals {
    fn note(&self, door: &Endpoint) {
        self.0.lock().unwrap().push(door.clone());
    }

    /// Those since the last call.
    pub(super) fn take(&self) -> Vec<Endpoint> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Serves whoever knocks at `door`: tunnels through proxies of any scheme, however many, to an
/// exchange that answers requests and pours out messages.
pub(super) async fn oblige(
    stream: DuplexStream,
    door: Endpoint,
    arrivals: Arrivals,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let Some(first) = stream.fill_buf().await?.first().copied() else {
            return Ok(());
        };
        arrivals.note(&door);
        match first {
            4 => socks4(&mut stream).await?,
            5 => socks5(&mut stream).await?,
            b'A'..=b'Z' => {
                let head = head(&mut stream).await?;
                if let Some(key) = field(&head, "sec-websocket-key") {
                    let accept = derive_accept_key(key.as_bytes());
                    let answer = format!(
                        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
                         Upgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
                    );
                    stream.write_all(answer.as_bytes()).await?;
                    return pour(stream, &door, &arrivals).await;
                }
                let answer: &[u8] = if head.starts_with("CONNECT") {
                    b"HTTP/1.1 200 OK\r\n\r\n"
                } else {
                    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
                };
                stream.write_all(answer).await?;
            }
            // TLS, which nobody here can serve.
            _ => return Ok(()),
        }
    }
}

/// A close frame of a client, with a code and no reason: its length, and what it begins with (RFC
/// 6455, section 5.2).
const FAREWELL: (usize, &[u8]) = (8, b"\x88\x82");

/// Sends messages for as long as they are taken, and notes whatever comes but a farewell, which may be
/// said on a route that has changed.
async fn pour(
    stream: BufReader<DuplexStream>,
    door: &Endpoint,
    arrivals: &Arrivals,
) -> io::Result<()> {
    let (mut reader, mut writer) = split(stream);
    let pouring = async {
        loop {
            writer.write_all(b"\x81\x04more").await?;
        }
    };
    let noting = async {
        let mut heard = [0; 256];
        loop {
            let len = reader.read(&mut heard).await?;
            match &heard[..len] {
                [] => return Ok(()),
                said if said.len() == FAREWELL.0 && said.starts_with(FAREWELL.1) => {}
                _ => arrivals.note(door),
            }
        }
    };
    tokio::select! {
        end = pouring => end,
        end = noting => end,
    }
}

async fn socks4(stream: &mut BufReader<DuplexStream>) -> io::Result<()> {
    let mut fixed = [0; 8];
    stream.read_exact(&mut fixed).await?;
    let is_name = fixed[4..7] == [0, 0, 0];
    for _ in 0..=usize::from(is_name) {
        stream.read_until(0, &mut Vec::new()).await?;
    }
    stream.write_all(&[0, 0x5A, 0, 0, 0, 0, 0, 0]).await
}

async fn socks5(stream: &mut BufReader<DuplexStream>) -> io::Result<()> {
    let methods = message(stream, 2, 1).await?;
    let method = methods.iter().copied().max().unwrap_or(0);
    stream.write_all(&[5, method]).await?;
    if method == 2 {
        message(stream, 2, 1).await?;
        let length = stream.read_u8().await?;
        stream.read_exact(&mut vec![0; length.into()]).await?;
        stream.write_all(&[1, 0]).await?;
    }
    let mut fixed = [0; 4];
    stream.read_exact(&mut fixed).await?;
    let length = match fixed[3] {
        1 => 4,
        4 => 16,
        _ => stream.read_u8().await?,
    };
    stream
        .read_exact(&mut vec![0; usize::from(length) + 2])
        .await?;
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await
}

/// What follows a head of `fixed` bytes, of which the one at `place` has the length.
async fn message(
    stream: &mut BufReader<DuplexStream>,
    fixed: usize,
    place: usize,
) -> io::Result<Vec<u8>> {
    let mut head = vec![0; fixed];
    stream.read_exact(&mut head).await?;
    let mut rest = vec![0; head[place].into()];
    stream.read_exact(&mut rest).await?;
    Ok(rest)
}

async fn head(stream: &mut BufReader<DuplexStream>) -> io::Result<String> {
    let mut head = String::new();
    while stream.read_line(&mut head).await? > 2 {}
    Ok(head)
}

/// The value of a header field.
fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    let (_, value) = fields.find(|(field, _)| field.eq_ignore_ascii_case(name))?;
    Some(value.trim())
}
