//! Byte-stream dialers that wrap dialers.
//!
//! Layer 2, on top of the seams in [`transport`]: each type here is a [`Dialer`](transport::Dialer)
//! that adds one thing to the connections of the dialer inside it, so a chain is nesting:
//!
//! - [`TcpDialer`] opens sockets: asynchronous name look-up, address racing (RFC 8305),
//!   `TCP_NODELAY`, keep-alive. It is the only place of the workspace that does.
//! - [`TlsDialer`] puts TLS on what the inner dialer returns.
//! - [`ConnectTunnel`], [`Socks4Tunnel`] and [`Socks5Tunnel`] ask a proxy for a tunnel.
//! - [`RouteDialer`] stacks them for one configured route.
//!
//! The three proxy handshakes are pure state machines in [`codec`], without a socket or a clock.
//!
//! ```
//! use proxy_config::ProxyUrl;
//! use transport_tunnel::{Socks5Tunnel, SystemResolver, TcpDialer, TlsDialer, TlsTrust};
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
mod prefixed;
mod race;
mod resolver;
mod route;
mod socks4;
mod socks5;
mod tcp;
mod tls;
mod trust;

pub use connect::ConnectTunnel;
pub use resolver::{Resolver, SystemResolver};
pub use route::RouteDialer;
pub use socks4::Socks4Tunnel;
pub use socks5::Socks5Tunnel;
pub use tcp::TcpDialer;
pub use tls::{TlsDialer, http1_only, server_name, tls_error};
pub use trust::{TlsTrust, TrustError};

/// Compiles the code in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadMe;
