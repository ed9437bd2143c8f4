//! However a proxy's reply and the target's first bytes are cut into reads, and however short the
//! writes are: the request leaves whole, and exactly the target's bytes come out of the tunnel.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proxy_config::ProxyUrl;
use tokio::io::AsyncReadExt;
use transport::{Dialer, Endpoint, Host, Target};
use transport_tunnel::{ConnectTunnel, Socks4Tunnel, Socks5Tunnel, SystemResolver};

use crate::common::Scripted;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
}

/// What each kind of proxy sends before the tunnel is open, and what it must have been sent.
fn exchange(kind: usize) -> (&'static str, &'static [u8], &'static [u8]) {
    match kind {
        0 => (
            "http://alice:secret@p:1",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nVia: p\r\n\r\n",
            b"CONNECT h.example:443 HTTP/1.1\r\nHost: h.example:443\r\nProxy-Authorization: Basic YWxpY2U6c2VjcmV0\r\n\r\n",
        ),
        1 => (
            "socks4://alice@p:1",
            b"\x00\x5A\x01\x02\x03\x04\x05\x06",
            b"\x04\x01\x01\xbb\xc0\x00\x02\x01alice\x00",
        ),
        2 => (
            "socks4a://p:1",
            b"\x00\x5A\x00\x00\x00\x00\x00\x00",
            b"\x04\x01\x01\xbb\x00\x00\x00\x01\x00h.example\x00",
        ),
        3 => (
            "socks5h://p:1",
            b"\x05\x00\x05\x00\x00\x03\x05proxy\x1f\x90",
            b"\x05\x01\x00\x05\x01\x00\x03\x09h.example\x01\xbb",
        ),
        _ => (
            "socks5h://alice:secret@p:1",
            b"\x05\x02\x01\x00\x05\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x1f\x90",
            b"\x05\x02\x00\x02\x01\x05alice\x06secret\x05\x01\x00\x03\x09h.example\x01\xbb",
        ),
    }
}

fn tunnel(url: &ProxyUrl, inner: Scripted) -> Arc<dyn Dialer> {
    match url.scheme().as_str() {
        "http" => Arc::new(ConnectTunnel::new(url, inner)),
        "socks4" | "socks4a" => Arc::new(Socks4Tunnel::new(url, SystemResolver, inner)),
        _ => Arc::new(Socks5Tunnel::new(url, SystemResolver, inner)),
    }
}

fn cut(bytes: &[u8], sizes: &[usize]) -> Vec<Vec<u8>> {
    let mut rest = bytes;
    let mut chunks = Vec::new();
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (chunk, tail) = rest.split_at((*size).min(rest.len()));
        chunks.push(chunk.to_vec());
        rest = tail;
    }
    chunks
}

proptest! {
    #[test]
    fn any_split_yields_exactly_the_payload(
        kind in 0_usize..5,
        sizes in vec(1_usize..40, 1..12),
        max_write in 1_usize..64,
        payload in vec(any::<u8>(), 0..9000),
    ) {
        let (url, reply, request) = exchange(kind);
        let chunks = cut(&[reply, &payload].concat(), &sizes);
        let proxy = Scripted::new(chunks).max_write(max_write);
        let url = ProxyUrl::parse(url).unwrap();
        let host = if kind == 1 { "192.0.2.1" } else { "h.example" };
        let received = runtime().block_on(async {
            let target = Target::parse(host, 443).unwrap();
            let mut connection = tunnel(&url, proxy.clone()).dial(&target).await.unwrap();
            let mut received = Vec::new();
            connection.read_to_end(&mut received).await.unwrap();
            received
        });
        prop_assert_eq!(received, payload);
        let written = proxy.written();
        prop_assert_eq!(written, request);
        let dialed = proxy.dialed();
        prop_assert_eq!(dialed, vec![Endpoint::new(Host::Domain("p".to_owned()), 1)]);
    }
}

#[test]
fn each_flight_leaves_in_one_write() {
    for (kind, flights) in [(0, 1), (1, 1), (2, 1), (3, 2), (4, 3)] {
        let (url, reply, request) = exchange(kind);
        let proxy = Scripted::new([reply]);
        let dialer = tunnel(&ProxyUrl::parse(url).unwrap(), proxy.clone());
        let host = if kind == 1 { "192.0.2.1" } else { "h.example" };
        let target = Target::parse(host, 443).unwrap();
        runtime().block_on(dialer.dial(&target)).unwrap();
        assert_eq!(proxy.writes().len(), flights, "{url}");
        assert_eq!(proxy.written(), request, "{url}");
    }
}
