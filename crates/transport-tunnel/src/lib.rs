//! Byte-stream dialers that wrap dialers.
//!
//! Layer 3, on top of the seams in [`transport`] and of [`transport_tls`]: each type here is a [`Dialer`](transport::Dialer)
//! that adds one thing to the connections of the dialer inside it, so a chain is nesting:
//!
//! - [`TcpDialer`] opens sockets: asynchronous name look-up, address racing (RFC 8305),
//!   `TCP_NODELAY`, keep-alive, a local address. It is the only place of the workspace that does.
//! - [`ConnectTunnel`], [`Socks4Tunnel`] and [`Socks5Tunnel`] ask a proxy for a tunnel.
//! - [`RouteDialer`] stacks them for one configured route.
//!
//! The three proxy handshakes are pure state machines in [`codec`], without a socket or a clock.
//!
//! # Handshakes
//!
//! By default ([`HandshakeMode::Standard`](proxy_config::HandshakeMode)), a proxy is sent what its
//! protocol has next, and nothing before it has answered. With `Optimistic`, all messages of the
//! handshake and the [first flight](transport::Target::with_first_flight) to the target, the TLS
//! `ClientHello`, leave in one write, and a whole chain of such proxies takes one round trip.
//!
//! Some proxies cannot cope with that. If such a proxy is silent for 1 s (or four times as long as
//! it took to reach it), or ends the connection without a refusal, the dial begins again in the
//! standard way, once and by the same deadline. A proxy that answers then is asked in the standard
//! way from then on; one that has coped before gets a second chance. `Auto` tries it after the
//! first tunnel that was opened in the standard way.
//!
//! The name of the target, what the `ClientHello` shows of it (SNI among others), and a SOCKS5 login
//! then reach a proxy that has not accepted the client, or wants no login; in a chain, so does what
//! is for the next proxy, its login included. Nothing else is sent that the standard way would not
//! send.
//!
//! ```
//! use proxy_config::ProxyUrl;
//! use transport_tls::{TlsDialer, TlsTrust};
//! use transport_tunnel::{Socks5Tunnel, SystemResolver, TcpDialer};
//!
//! // TLS to the exchange, through a SOCKS5 proxy, over TCP.
//! let proxy = ProxyUrl::parse("socks5h://alice:secret@proxy.example:1080")?;
//! let trust = TlsTrust::platform();
//! let dialer = TlsDialer::new(
//!     Socks5Tunnel::new(&proxy, SystemResolver, TcpDialer::new()),
//!     trust.client_config(&[b"http/1.1"]),
//! );
//! # let _ = dialer;
//! # Ok::<(), proxy_config::ProxyUrlError>(())
//! ```

pub mod codec;
mod connect;
mod drive;
mod local;
mod pipelining;
mod prefixed;
mod proxy;
#[cfg(target_os = "linux")]
mod quick_ack;
mod race;
mod resolver;
mod route;
mod socks4;
mod socks5;
mod tcp;

pub use connect::ConnectTunnel;
pub use resolver::{Resolver, SystemResolver};
pub use route::RouteDialer;
pub use socks4::Socks4Tunnel;
pub use socks5::Socks5Tunnel;
pub use tcp::TcpDialer;

/// Compiles the code in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadMe;
