//! Mock exchanges, real proxies and recording dialers, for tests and the demo.
//!
//! Beside the layers: this crate knows only the seams of `transport`, so that every layer can be
//! tested with it. Nothing in it panics because of what a peer does, and nothing outlives the
//! handle it belongs to.
//!
//! - [`TestCa`] issues certificates, good and bad ones.
//! - [`MockExchange`] is an exchange: REST and WebSocket over a generated market or a recording, with
//!   [`Fault`]s on demand. It speaks whatever protocol it is given; [`mock`] is what one is made of.
//! - [`MockProxy`] is a proxy of one of six [`ProxyKind`]s, with [`ProxyFault`]s on demand.
//! - A [`Link`] carries connections to one of them, with [`LinkFault`]s on demand.
//! - A [`ListServer`] serves a text by HTTPS, with an entity tag.
//! - A [`Ledger`] tells what a mock saw. That the exchange saw the proxy's address and no other
//!   is the proof that nothing went past the proxy.
//! - A [`Canary`] finds a login wherever and however it is printed.
//! - [`documented`] keeps a table in the documentation as the code has it.
//! - [`RecordingDialer`] and [`PanickingDialer`] watch what a layer dials.
//!
//! ```
//! use testkit::{ExchangeTransport, MockExchange, MockProxy, ProxyKind};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let exchange = MockExchange::echo().start().await?;
//! let proxy = MockProxy::builder(ProxyKind::Http)
//!     .egress([127, 0, 0, 2].into())
//!     .start()
//!     .await?;
//!
//! let target = exchange.rest_addr();
//! let mut stream = tokio::net::TcpStream::connect(proxy.address()).await?;
//! let connect = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n");
//! let request = "GET /ping HTTP/1.1\r\nHost: mock\r\nConnection: close\r\n\r\n";
//! stream.write_all(connect.as_bytes()).await?;
//! stream.write_all(request.as_bytes()).await?;
//! let mut answer = String::new();
//! stream.read_to_string(&mut answer).await?;
//! assert!(answer.ends_with("pong"));
//!
//! let seen = &exchange.ledger().connections()[0];
//! assert_eq!(seen.transport, ExchangeTransport::Rest);
//! assert_eq!(seen.peer.ip().to_string(), "127.0.0.2");
//! assert_eq!(seen.requests[0].path, "/ping");
//! # Ok(())
//! # })
//! # }
//! ```

mod ca;
mod canary;
mod dialers;
mod documented;
mod error;
mod exchange;
mod ledger;
mod link;
mod list_server;
pub mod mock;
mod port;
mod proxy;
mod server;

pub use ca::{Identity, TestCa};
pub use canary::Canary;
pub use dialers::{PanickingDialer, RecordingDialer};
pub use documented::documented;
pub use error::SetupError;
pub use exchange::{
    ExchangeConnection, ExchangeRequest, ExchangeTransport, Fault, FaultSchedule, InvalidSchedule,
    MockExchange, MockExchangeBuilder, Movement, Replay, Violation,
};
pub use ledger::Ledger;
pub use link::{Link, LinkFault};
pub use list_server::{ListAnswer, ListServer};
pub use proxy::{
    Authentication, MockProxy, MockProxyBuilder, ProxyConnection, ProxyFault, ProxyKind,
    TunnelRequest, TunnelTarget,
};

/// Runs the code of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
