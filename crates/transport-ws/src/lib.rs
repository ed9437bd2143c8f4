//! WebSocket streams over any [`Dialer`](transport::Dialer).
//!
//! Layer 3: knows no proxies. [`WsClient`] dials, puts TLS on top for `wss`, upgrades (RFC 6455)
//! and sends the first messages, all within one time budget. An [`Authenticator`] may change the
//! request before every connection, so a reconnect never uses an old login; a [`FrameObserver`]
//! sees every frame as it arrived.
//!
//! An open connection says farewell when it is dropped, answers pings and closes, sends pings of its own
//! while it is quiet, and ends when the other side is dead, deaf or does nothing but keep it busy.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use futures_util::StreamExt;
//! use transport::{WsDialer, WsRequest};
//! use transport_tls::TlsTrust;
//! use transport_tunnel::TcpDialer;
//! use transport_ws::WsClient;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let tls = TlsTrust::platform().client_config(&[b"http/1.1"]);
//! let client = WsClient::new(TcpDialer::new(), tls, Duration::from_secs(30));
//! let uri = "wss://stream.binance.com:9443/ws/btcusdt@trade".parse()?;
//! let mut stream = client.dial(WsRequest::new(uri)?).await?;
//! while let Some(message) = stream.next().await {
//!     println!("{:?}", message?.as_text());
//! }
//! # Ok(())
//! # }
//! ```

mod client;
mod frame_reader;
mod hooks;
mod liveness;
mod messages;
mod polled;
mod sending;
mod stream;
mod upgrade;
mod waiting;

pub use client::WsClient;
pub use hooks::{Authenticator, FrameObserver, Hooks};

/// Compiles the code in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadMe;
