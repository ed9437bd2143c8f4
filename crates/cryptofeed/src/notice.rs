//! Events other than market data, in the log.

use feeds::{FeedEvent, InvalidReason};

/// Logs `event`, unless it is market data.
pub(crate) fn log(event: &FeedEvent) {
    match event {
        FeedEvent::Trade(_)
        | FeedEvent::Ticker(_)
        | FeedEvent::L2Snapshot(_)
        | FeedEvent::L2Delta(_) => {}
        FeedEvent::Connected {
            exchange, proxies, ..
        } => {
            let via = if proxies.is_empty() {
                "no proxy".to_owned()
            } else {
                proxies.join(", ")
            };
            tracing::info!(exchange, via, "connected");
        }
        FeedEvent::Disconnected {
            exchange,
            reason,
            retry_in,
            attempt,
            ..
        } => tracing::warn!(exchange, reason, ?retry_in, attempt, "disconnected"),
        FeedEvent::BookInvalid {
            exchange,
            symbol,
            reason,
            ..
        } => match reason {
            // The disconnect itself has been logged.
            InvalidReason::Disconnected => tracing::debug!(exchange, %symbol, "book invalid"),
            _ => tracing::warn!(exchange, %symbol, ?reason, "book invalid"),
        },
        FeedEvent::SnapshotFailed {
            exchange,
            symbol,
            reason,
            retry_in,
            ..
        } => tracing::warn!(exchange, %symbol, reason, ?retry_in, "snapshot failed"),
        FeedEvent::ShutdownAnnounced { exchange, .. } => {
            tracing::info!(exchange, "shutdown announced");
        }
        FeedEvent::Rejected {
            exchange,
            symbols,
            code,
            message,
            ..
        } => tracing::warn!(exchange, ?symbols, code, words = ?message, "request rejected"),
        FeedEvent::NumberingRestarted {
            exchange, symbol, ..
        } => tracing::warn!(exchange, %symbol, "numbering of trades has begun anew"),
        FeedEvent::Notice { exchange, text, .. } => {
            tracing::warn!(exchange, words = ?text, "notice of the exchange");
        }
        FeedEvent::ImpossibleTime {
            exchange,
            symbol,
            channel,
            ..
        } => tracing::warn!(exchange, %symbol, %channel, "times cannot be, and are left out"),
        FeedEvent::Unknown {
            exchange,
            kind,
            excerpt,
            ..
        } => tracing::warn!(exchange, ?kind, excerpt, "unknown message"),
        FeedEvent::Malformed {
            exchange,
            reason,
            excerpt,
            ..
        } => tracing::warn!(exchange, ?reason, excerpt, "malformed message"),
        other => tracing::warn!(exchange = other.exchange(), event = ?other, "unexpected event"),
    }
}
