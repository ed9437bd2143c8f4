//! Events other than market data, in the log.

use feeds::{FeedEvent, FeedEventKind, InvalidReason};

/// Logs `event`, unless it is market data.
pub(crate) fn log(event: &FeedEvent) {
    let exchange = event.exchange.as_str();
    match &event.kind {
        FeedEventKind::Trade(_)
        | FeedEventKind::Ticker(_)
        | FeedEventKind::L2Snapshot(_)
        | FeedEventKind::L2Delta(_) => {}
        FeedEventKind::Connected { proxies, .. } => {
            let via = if proxies.is_empty() {
                "no proxy".to_owned()
            } else {
                proxies.join(", ")
            };
            tracing::info!(exchange, via, "connected");
        }
        FeedEventKind::Disconnected {
            reason,
            retry_in,
            attempt,
        } => tracing::warn!(exchange, reason, ?retry_in, attempt, "disconnected"),
        FeedEventKind::BookInvalid { symbol, reason } => match reason {
            // The disconnect itself has been logged.
            InvalidReason::Disconnected => tracing::debug!(exchange, %symbol, "book invalid"),
            _ => tracing::warn!(exchange, %symbol, ?reason, "book invalid"),
        },
        FeedEventKind::SnapshotFailed {
            symbol,
            reason,
            retry_in,
        } => tracing::warn!(exchange, %symbol, reason, ?retry_in, "snapshot failed"),
        FeedEventKind::ShutdownAnnounced => {
            tracing::info!(exchange, "shutdown announced");
        }
        FeedEventKind::Rejected {
            symbols,
            code,
            message,
        } => tracing::warn!(
            exchange,
            ?symbols,
            code,
            words = message,
            "request rejected"
        ),
        FeedEventKind::NumberingRestarted { symbol } => {
            tracing::warn!(exchange, %symbol, "numbering of trades has begun anew");
        }
        FeedEventKind::Notice { text } => {
            tracing::warn!(exchange, words = text, "notice of the exchange");
        }
        FeedEventKind::ImpossibleTime { symbol, channel } => {
            tracing::warn!(exchange, %symbol, %channel, "times cannot be, and are left out");
        }
        FeedEventKind::Unknown { kind, excerpt } => {
            tracing::warn!(exchange, kind, excerpt, "unknown message");
        }
        FeedEventKind::Malformed { reason, excerpt } => {
            tracing::warn!(exchange, reason, excerpt, "malformed message");
        }
        other => tracing::warn!(exchange, event = ?other, "unexpected event"),
    }
}
