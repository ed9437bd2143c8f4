//! The seams between what wants a connection and what makes one.
//!
//! Layer 1: this crate knows no proxies, no TLS and no sockets. It holds the three traits that the
//! rest of the workspace is built from, and the types that cross them:
//!
//! - [`Dialer`] makes a byte stream ([`Connection`]) to a [`Target`]. It is the one trait to
//!   implement for a transport of one's own.
//! - [`HttpTransport`] sends one REST request.
//! - [`WsDialer`] opens one [`WebSocket`].
//!
//! A failure to connect is always a [`DialError`]: which [`Hop`], in which [`Phase`], of what
//! [`DialErrorKind`], and what the proxy or the exchange answered: without any of the [`Secrets`] of
//! the way, which a [`Target`] and a [`ConnectionInfo`] carry.
//!
//! A request may say what it uses of an exchange's budgets ([`Draws`]), and every answer and
//! WebSocket says by which [`Egress`] it went ([`ConnectionInfo::egress`]).
//!
//! ```
//! use transport::{Connection, DialError, Dialer, Target};
//!
//! /// A dialer over an in-memory pipe: anything that is `AsyncRead + AsyncWrite` will do.
//! #[derive(Debug)]
//! struct Pipe;
//!
//! #[async_trait::async_trait]
//! impl Dialer for Pipe {
//!     async fn connect(&self, _target: &Target) -> Result<Connection, DialError> {
//!         let (ours, _theirs) = tokio::io::duplex(1024);
//!         Ok(Connection::new(ours))
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let target = Target::parse("exchange.example", 443)?;
//! Pipe.dial(&target).await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

mod advice;
mod affinity;
mod budget;
mod connection;
mod dialer;
mod draws;
mod egress;
mod error;
mod head;
mod hop;
mod http_transport;
mod local_address;
mod metric;
mod printable;
mod reload;
mod reply;
mod response_limits;
mod retry_after;
mod secrets;
mod shares;
mod target;
mod window;
mod ws;

pub use advice::{Advice, HealthAdvice, HealthMark};
pub use affinity::Affinity;
pub use budget::Elapsed;
pub use connection::{Connection, ConnectionInfo, Io, Timing};
pub use dialer::Dialer;
pub use draws::{Draw, Draws};
pub use egress::Egress;
pub use error::{BoxError, DialError, DialErrorKind, chain, through};
pub use head::{BadHead, HeadReader};
pub use hop::{Hop, Phase};
pub use http_transport::{HttpError, HttpErrorKind, HttpTransport, require_success, unreadable};
pub use local_address::LocalAddress;
pub use metric::{Metric, MetricKind};
pub use printable::{is_printable, printable};
pub use reload::{Reload, Reloads};
pub use reply::{Excerpt, HttpReply, Reply};
pub use response_limits::ResponseLimits;
pub use retry_after::{retry_after, wait_until};
pub use secrets::Secrets;
pub use shares::{Account, BudgetShares, Usage};
pub use target::{Endpoint, InvalidTarget, Target};
pub use url::Host;
pub use window::Window;
pub use ws::{Message, WebSocket, WsDialer, WsError, WsErrorKind, WsRequest, WsStream};

/// Compiles the code in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadMe;
