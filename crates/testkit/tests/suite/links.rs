//! What a broken link does to a connection.

use std::io;
use std::time::Duration;

use testkit::{Link, LinkFault};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

use crate::raw_client::{connect, in_time};

/// A link, and both ends of a connection over it.
async fn connected() -> (Link, TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let link = Link::start(listener.local_addr().unwrap()).await.unwrap();
    let client = connect(link.address()).await.unwrap();
    let (server, _) = in_time(listener.accept()).await.unwrap();
    (link, client, server)
}

/// What arrives at the client of ten bytes, until the end or for as long as nothing comes.
async fn received(client: &mut TcpStream, server: &mut TcpStream) -> (Vec<u8>, io::Result<bool>) {
    server.write_all(b"0123456789").await.unwrap();
    let mut all = Vec::new();
    loop {
        let mut part = [0; 64];
        match timeout(Duration::from_millis(200), client.read(&mut part)).await {
            Ok(Ok(0)) => return (all, Ok(true)),
            Ok(Ok(length)) => all.extend(&part[..length]),
            Ok(Err(error)) => return (all, Err(error)),
            Err(_) => return (all, Ok(false)),
        }
    }
}

#[tokio::test]
async fn a_link_that_is_in_order_carries_bytes_and_ends_both_ways() {
    let (_link, mut client, mut server) = connected().await;
    let (bytes, ended) = in_time(received(&mut client, &mut server)).await;
    assert_eq!(
        (bytes.as_slice(), ended.unwrap()),
        (&b"0123456789"[..], false)
    );
    client.write_all(b"up").await.unwrap();
    client.shutdown().await.unwrap();
    let mut up = String::new();
    in_time(server.read_to_string(&mut up)).await.unwrap();
    assert_eq!(up, "up");
}

#[tokio::test]
async fn a_fault_counts_from_when_it_begins() {
    for (fault, expected, ended) in [
        (LinkFault::Reset { after: 4 }, &b"0123"[..], None),
        (LinkFault::Reset { after: 0 }, b"", None),
        (LinkFault::Truncate { after: 4 }, b"0123", Some(true)),
        (
            LinkFault::Garbage { after: 8 },
            &[48, 49, 50, 51, 52, 53, 54, 55, 0x62, 0x63],
            Some(false),
        ),
        (LinkFault::HalfClose, b"", Some(true)),
        (LinkFault::Stall, b"", Some(false)),
    ] {
        let (link, mut client, mut server) = connected().await;
        let (before, _) = in_time(received(&mut client, &mut server)).await;
        assert_eq!(before.len(), 10);
        link.inject(fault).await.unwrap();
        let (bytes, end) = in_time(received(&mut client, &mut server)).await;
        assert_eq!(bytes, expected, "{fault:?}");
        assert_eq!(end.ok(), ended, "{fault:?}");
    }
}

#[tokio::test]
async fn what_is_held_up_arrives_when_the_link_is_mended() {
    let (link, mut client, mut server) = connected().await;
    for fault in [
        LinkFault::Stall,
        LinkFault::Drip {
            every: Duration::from_millis(300),
        },
    ] {
        link.inject(fault).await.unwrap();
        let (held, _) = in_time(received(&mut client, &mut server)).await;
        assert!(held.len() < 10, "{fault:?}");
        link.clear().await.unwrap();
        let mut rest = vec![0; 10 - held.len()];
        in_time(client.read_exact(&mut rest)).await.unwrap();
        assert_eq!([held, rest].concat(), b"0123456789");
    }
}

#[tokio::test]
async fn a_slow_link_takes_its_time() {
    for fault in [
        LinkFault::Latency {
            by: Duration::from_millis(150),
        },
        LinkFault::Bandwidth {
            bytes_per_second: 50,
        },
    ] {
        let (link, mut client, mut server) = connected().await;
        link.inject(fault).await.unwrap();
        let start = Instant::now();
        server.write_all(b"0123456789").await.unwrap();
        in_time(client.read_exact(&mut [0; 10])).await.unwrap();
        assert!(start.elapsed() >= Duration::from_millis(150), "{fault:?}");
    }
}

#[tokio::test]
async fn a_link_that_refuses_is_open_again_at_the_same_address() {
    let (link, mut client, _server) = connected().await;
    link.inject(LinkFault::Refuse).await.unwrap();
    let end = in_time(client.read(&mut [0])).await;
    assert!(!matches!(end, Ok(1..)));
    let refused = in_time(connect(link.address())).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    link.clear().await.unwrap();
    in_time(connect(link.address())).await.unwrap();
}
