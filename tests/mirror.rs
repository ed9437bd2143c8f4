//! A server that answers with the address of who asks.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A server that answers with what `answer` makes of the address of who asks.
pub(crate) struct Mirror {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<IpAddr>>>,
}

impl Mirror {
    pub(crate) async fn start(answer: impl Fn(IpAddr) -> String + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut stream, peer)) = listener.accept().await {
                seen.lock().unwrap().push(peer.ip());
                let mut request = [0; 1024];
                // Who is cut off has asked, too.
                let Ok(length @ 1..) = stream.read(&mut request).await else {
                    continue;
                };
                assert!(request[..length].starts_with(b"GET /ip?format=text HTTP/1.1\r\n"));
                let answer = answer(peer.ip());
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { address, asked }
    }

    pub(crate) async fn honest() -> Self {
        Self::start(|peer| ok(&format!("{peer}\n"))).await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/ip?format=text", self.address)
    }

    /// Who has asked, and how often.
    pub(crate) fn asked(&self) -> BTreeMap<String, u32> {
        let mut times = BTreeMap::new();
        for peer in &*self.asked.lock().unwrap() {
            *times.entry(peer.to_string()).or_default() += 1;
        }
        times
    }
}

pub(crate) fn ok(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

/// Each of `addresses` once.
pub(crate) fn once(addresses: &[&str]) -> BTreeMap<String, u32> {
    let addresses = addresses.iter();
    addresses
        .map(|address| ((*address).to_owned(), 1))
        .collect()
}
