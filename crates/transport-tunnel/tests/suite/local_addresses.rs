//! Connections that begin at a local address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use transport::{DialError, DialErrorKind, Dialer, LocalAddress, Phase, Target, chain};
use transport_tunnel::TcpDialer;

use crate::common::{LONG, Names, listen};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const LOOPBACK_V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
/// Of a block for documentation (RFC 5737): no machine has it.
const NOT_HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

fn ip(last: u8) -> LocalAddress {
    LocalAddress::Ip(Ipv4Addr::new(127, 0, 0, last).into())
}

fn target(host: &str, port: u16) -> Target {
    Target::parse(host, port).unwrap().within(LONG)
}

/// A server, and who connects to it.
async fn server() -> (SocketAddr, UnboundedReceiver<IpAddr>) {
    let (sender, peers) = unbounded_channel();
    let address = listen(move |stream: TcpStream| {
        let sender = sender.clone();
        async move {
            sender.send(stream.peer_addr().unwrap().ip()).unwrap();
        }
    })
    .await;
    (address, peers)
}

async fn refused(dialer: &impl Dialer, target: &Target) -> DialError {
    dialer.dial(target).await.unwrap_err()
}

#[tokio::test]
async fn the_other_side_sees_the_local_address() {
    let (server, mut peers) = server().await;
    for last in [1, 7, 9] {
        let target = target("127.0.0.1", server.port()).from_local_address(ip(last));
        let connection = TcpDialer::new().dial(&target).await.unwrap();
        let LocalAddress::Ip(expected) = ip(last) else {
            panic!("it is an address");
        };
        assert_eq!(connection.info().local_addr().unwrap().ip(), expected);
        assert_eq!(peers.recv().await.unwrap(), expected);
    }
}

#[tokio::test]
async fn addresses_of_the_other_family_are_left_out() {
    let (server, mut peers) = server().await;
    let names = Names(&[("h.example", &[LOOPBACK_V6, LOOPBACK])]);
    let dialer = TcpDialer::with_resolver(names);
    let bound = target("h.example", server.port()).from_local_address(ip(7));
    dialer.dial(&bound).await.unwrap();
    assert_eq!(peers.recv().await.unwrap(), IpAddr::from([127, 0, 0, 7]));
}

#[tokio::test]
async fn without_an_address_of_the_family_the_dial_fails_and_says_why() {
    let names = Names(&[("h.example", &[LOOPBACK_V6])]);
    let dialer = TcpDialer::with_resolver(names);
    let bound = target("h.example", 443).from_local_address(ip(7));
    let error = refused(&dialer, &bound).await;
    assert_eq!(error.kind(), DialErrorKind::Unsupported);
    assert_eq!(error.phase(), Phase::Tcp);
    let line = chain(&error).to_string();
    let reason = "none of the addresses is of the family of the local address 127.0.0.7";
    assert!(line.ends_with(reason), "{line}");
    let address = target("::1", 443).from_local_address(ip(7));
    assert_eq!(
        refused(&dialer, &address).await.kind(),
        DialErrorKind::Unsupported
    );
}

#[tokio::test]
async fn an_address_that_this_machine_lacks_connects_nothing() {
    let (server, mut peers) = server().await;
    let mut locals = vec![LocalAddress::Ip(NOT_HERE)];
    if cfg!(target_os = "linux") {
        locals.push(LocalAddress::Interface("no-such-if0".into()));
    }
    for local in locals {
        let target = target("127.0.0.1", server.port()).from_local_address(local.clone());
        let error = refused(&TcpDialer::new(), &target).await;
        assert_eq!(error.kind(), DialErrorKind::Unreachable, "{error:?}");
        let line = chain(&error).to_string();
        assert!(line.contains(&format!("cannot begin at {local}")), "{line}");
    }
    assert!(peers.try_recv().is_err());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_interface_reaches_what_is_behind_it() {
    let (server, mut peers) = server().await;
    let lo = LocalAddress::Interface("lo".into());
    let target = target("127.0.0.1", server.port()).from_local_address(lo);
    match TcpDialer::new().dial(&target).await {
        Ok(_) => assert_eq!(peers.recv().await.unwrap(), LOOPBACK),
        // Before Linux 5.7, only with a capability.
        Err(error) => assert!(
            chain(&error).to_string().contains("cannot begin at lo"),
            "{error}"
        ),
    }
}

#[tokio::test]
async fn the_next_address_is_tried_from_the_local_address_as_well() {
    let open = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let port = open.local_addr().unwrap().port();
    const SECOND: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
    let dialer = TcpDialer::with_resolver(Names(&[("h.example", &[LOOPBACK, SECOND])]));
    let bound = target("h.example", port).from_local_address(ip(7));
    let dial = tokio::time::timeout(Duration::from_secs(5), dialer.dial(&bound));
    dial.await.unwrap().unwrap();
    let (_stream, peer) = open.accept().await.unwrap();
    assert_eq!(peer.ip(), IpAddr::from([127, 0, 0, 7]));
}
