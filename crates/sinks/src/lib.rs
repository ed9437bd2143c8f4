//! Where market data goes: lines, files, NATS JetStream, and sinks of a program's own.
//!
//! Layer 6: this crate knows the events of [`feeds`] and nothing of proxies.
//!
//! - A [`Sink`] stores [`Record`]s: an event, its line of JSON, and what tells it from others.
//! - [`tail`] reads back what was stored, rebuilds the books and finds what is missing.
//! - A [`Fanout`] hands events to any number of sinks. Each has a task and a bounded queue of its own, so
//!   that none keeps a socket or another sink waiting, unless it is told to.
//!
//! ```
//! use std::time::Duration;
//!
//! use feeds::{FeedEvent, FeedEventKind};
//! use sinks::{Fanout, Lines, OutletSettings};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let event = FeedEvent {
//!     sequence: 1,
//!     exchange: "binance".into(),
//!     connection: Some(1),
//!     received_ns: 1_723_161_254_024_619_568,
//!     kind: FeedEventKind::ShutdownAnnounced,
//! };
//! let (writer, mut reader) = tokio::io::duplex(4096);
//!
//! let mut fanout = Fanout::default();
//! fanout.add("lines", Lines::new(writer), OutletSettings::default());
//! fanout.push_event(&event);
//! fanout.send().await?;
//! assert!(fanout.close(Duration::from_secs(1)).await.is_empty());
//!
//! let mut text = String::new();
//! tokio::io::AsyncReadExt::read_to_string(&mut reader, &mut text).await?;
//! assert!(text.ends_with("\"type\":\"shutdown_announced\"}\n"));
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod books;
mod claim;
mod fanout;
mod fence;
mod files;
mod ids;
mod lines;
#[cfg(feature = "nats")]
mod nats;
mod outlet;
mod record;
mod run;
mod sink;
pub mod tail;

pub use claim::Claim;
pub use fanout::{Behind, Fanout, Unstored};
pub use fence::Fence;
pub use files::{Compression, FilePattern, FileSettings, FileSink, InvalidFilePattern};
pub use lines::Lines;
#[cfg(feature = "nats")]
pub use nats::{
    InvalidNatsUrl, NatsLogin, NatsServer, NatsSettings, NatsSink, NatsStream, NatsUrl, Newest,
    StoredTrades,
};
pub use outlet::{OutletLimits, OutletSettings, OutletStatus};
pub use record::{Identity, Record};
pub use run::RunId;
pub use sink::{Records, Sink, SinkError};

/// Compiles the code in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadMe;
