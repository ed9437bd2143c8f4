//! REST over any [`Dialer`](transport::Dialer).
//!
//! Layer 3: knows no proxies. [`HttpClient`] keeps connections alive and reuses them, so one client
//! stands for one route: whatever its dialer does, every request of the client does. It speaks
//! HTTP/1.1, offers and decodes gzip, follows no redirects, and bounds an answer by its progress and
//! its size.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use bytes::Bytes;
//! use http::Request;
//! use transport::HttpTransport;
//! use transport_http::HttpClient;
//! use transport_tls::TlsTrust;
//! use transport_tunnel::TcpDialer;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let tls = TlsTrust::platform().client_config(&[b"http/1.1"]);
//! let client = HttpClient::new(TcpDialer::new(), tls, Duration::from_secs(30));
//! let request = Request::get("https://api.binance.com/api/v3/time").body(Bytes::new())?;
//! let response = client.send(request).await?;
//! # let _ = response;
//! # Ok(())
//! # }
//! ```

mod body;
mod client;
mod clock;
mod connector;
mod failure;
mod io;
mod pool;
mod request;
mod service;
mod watch;

pub use client::HttpClient;
pub use connector::DialerConnector;
pub use io::HyperConnection;
pub use service::HttpService;

/// Compiles the code in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadMe;
