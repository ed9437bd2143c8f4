//! The metrics of what feeds deliver.
//!
//! Messages are counted where they are decoded, and events where they are read. Without the feature `metrics`,
//! that is done by types of the same names that do nothing and hold nothing.

#[cfg(not(feature = "metrics"))]
mod no_observer;
#[cfg(feature = "metrics")]
mod observer;
#[cfg(feature = "metrics")]
mod traffic;

use transport::Metric;

#[cfg(not(feature = "metrics"))]
pub(crate) use self::no_observer::{Observer, Traffic};
#[cfg(feature = "metrics")]
pub(crate) use self::observer::Observer;
#[cfg(feature = "metrics")]
pub use self::observer::describe_metrics;
#[cfg(feature = "metrics")]
pub(crate) use self::traffic::Traffic;

/// What the feature `metrics` has this crate record by the facade of the crate `metrics`: no series per
/// symbol.
pub const METRICS: &[Metric] = &[
    MESSAGES,
    MESSAGE_BYTES,
    EVENTS,
    LATENCY,
    RECONNECTS,
    LINES_LOST,
    TRADE_GAPS,
    TRADES_MISSING,
    TRADES_BACKFILLED,
    TRADES_LOST,
    BOOKS_INVALID,
    STREAMS_STALE,
    CHANGES_DROPPED,
    NOTICES,
    QUEUE,
];

const MESSAGES: Metric = Metric::counter(
    "cryptofeed_messages_total",
    &["exchange", "channel"],
    "Messages that came by WebSocket and were read, by the channel of their data; `other` is for those without data: \
     replies, signs of life, notices, and what cannot be understood.",
);

const MESSAGE_BYTES: Metric = Metric::counter(
    "cryptofeed_message_bytes_total",
    &["exchange", "channel"],
    "Bytes of these messages, without their frames.",
);

const EVENTS: Metric = Metric::counter(
    "cryptofeed_events_total",
    &["exchange", "channel"],
    "Events with market data that were read.",
);

const LATENCY: Metric = Metric::histogram(
    "cryptofeed_exchange_latency_seconds",
    &["exchange", "channel"],
    "From the exchange's time of an event until it was received; of the events that are read together, the last \
     one of each channel counts. 0 if the exchange's clock is ahead.",
);

const RECONNECTS: Metric = Metric::counter(
    "cryptofeed_reconnects_total",
    &["exchange", "reason"],
    "Connections that ended and dials that failed, by reason: `planned` (a new route, a rollover), `lost` (the first \
     try after a connection), or `again` (a further try in a row).",
);

const LINES_LOST: Metric = Metric::counter(
    "cryptofeed_lines_lost_total",
    &["exchange", "reason"],
    "Ends of one of two connections that carry the same, `planned` or `lost`: nothing is missing.",
);

const TRADE_GAPS: Metric = Metric::counter(
    "cryptofeed_trade_gaps_total",
    &["exchange"],
    "Gaps in the ids of trades.",
);

const TRADES_MISSING: Metric = Metric::counter(
    "cryptofeed_trades_missing_total",
    &["exchange"],
    "Trades in these gaps. They come backfilled, come late, or are lost.",
);

const TRADES_BACKFILLED: Metric = Metric::counter(
    "cryptofeed_trades_backfilled_total",
    &["exchange"],
    "Trades that were fetched over REST.",
);

const TRADES_LOST: Metric = Metric::counter(
    "cryptofeed_trades_lost_total",
    &["exchange"],
    "Trades that are missing for good.",
);

const BOOKS_INVALID: Metric = Metric::counter(
    "cryptofeed_books_invalid_total",
    &["exchange", "reason"],
    "Order books that became invalid until their next snapshot, by reason.",
);

const STREAMS_STALE: Metric = Metric::counter(
    "cryptofeed_streams_stale_total",
    &["exchange", "channel"],
    "Streams that were silent while the exchange moved on.",
);

const CHANGES_DROPPED: Metric = Metric::counter(
    "cryptofeed_changes_dropped_total",
    &["exchange"],
    "Changes of books that were dropped because the reader was behind.",
);

const NOTICES: Metric = Metric::counter(
    "cryptofeed_notices_total",
    &["exchange", "type"],
    "Other events that tell of trouble, by their `type` in the output.",
);

const QUEUE: Metric = Metric::gauge(
    "cryptofeed_queue_events",
    &[],
    "Events that wait for the reader. Of several queues, the one that was read last.",
);
