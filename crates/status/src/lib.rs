//! What a market-data program is doing: as JSON, as probes, and as a page that needs nothing else.
//!
//! Layer 6: it asks feeds and the injector of a program for their states, and tells them. A [`Board`] knows
//! them; a [`Listener`] serves what the board knows over HTTP to those whom a [`Guard`] admits. Everything that
//! is told comes from one value, [`Status`](model::Status), in which there is no login.
//!
//! ```
//! use std::sync::Arc;
//!
//! use proxy_injector::ProxyInjector;
//! use status::{Board, Guard, Listener, PATIENCE};
//!
//! # async fn serve(injector: Arc<ProxyInjector>, feed: feeds::Feed) -> Result<(), Box<dyn std::error::Error>> {
//! let board = Board::new("my-program 1.0.0", injector, PATIENCE);
//! board.watch(feed.handle()); // and `board.note(&event)` for every event that comes
//! let listener = Listener::bind("127.0.0.1:9464".parse()?, Guard::open()).await?;
//! tokio::spawn(listener.serve(board));
//! # Ok(())
//! # }
//! ```

mod board;
mod clock;
mod collect;
mod listener;
mod metrics;
pub mod model;
mod notable;
pub mod page;
mod rates;
mod readiness;
#[cfg(test)]
mod sample;
mod symbol_metrics;

pub use board::{Board, PATIENCE};
pub use listener::{Access, Guard, InvalidToken, ListenError, Listener, Refused, Token};
pub use metrics::{METRICS, Metrics, MetricsError};
pub use symbol_metrics::SYMBOL_METRICS;

/// Compiles the code in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadMe;
