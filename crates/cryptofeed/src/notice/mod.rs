//! Events other than market data, in the log.

mod repetition;

use std::time::Duration;

use feeds::{FeedEvent, FeedEventKind, InvalidReason};
use tokio::time::Instant;

use self::repetition::{Repetition, Source};
use crate::duration::seconds;

/// So many failures in a row are an outage. They take 15 seconds and more.
const LASTING: u32 = 5;

/// What is tried again only after this time is one as well: somebody must change something, or the other
/// side wants so.
const LONG: Duration = Duration::from_secs(60);

/// Logs events.
#[derive(Debug, Default)]
pub(crate) struct Notices(Repetition);

impl Notices {
    /// Logs `event`, unless it is market data or one of too many of its kind.
    pub(crate) fn log(&mut self, event: &FeedEvent) {
        let Some(what) = what(&event.kind) else {
            return;
        };
        let source = Source {
            exchange: event.exchange.clone(),
            connection: event.connection,
            what,
        };
        if self.0.admits(source, Instant::now()) {
            log(event);
        }
    }

    /// Logs how many events were not logged in the periods that are over.
    pub(crate) fn sum_up(&mut self) {
        self.end_periods(repetition::PERIOD);
    }

    /// The same for all periods, at the end.
    pub(crate) fn sum_up_all(&mut self) {
        self.end_periods(Duration::ZERO);
    }

    fn end_periods(&mut self, age: Duration) {
        for (source, times, time) in self.0.end(age, Instant::now()) {
            let Source {
                exchange,
                connection,
                what,
            } = source;
            let in_s = seconds(time);
            let exchange = exchange.as_str();
            tracing::warn!(
                exchange,
                connection,
                what,
                times,
                in_s,
                "more of the same, not logged"
            );
        }
    }
}

/// The kind of an event that is logged, by its name in the output.
fn what(kind: &FeedEventKind) -> Option<&'static str> {
    Some(match kind {
        FeedEventKind::Trade(_)
        | FeedEventKind::Ticker(_)
        | FeedEventKind::L2Snapshot(_)
        | FeedEventKind::L2Delta(_)
        // The disconnect or the refusal itself has been logged; the end of a subscription will be.
        | FeedEventKind::BookInvalid {
            reason: InvalidReason::Disconnected | InvalidReason::Unsubscribed,
            ..
        } => return None,
        FeedEventKind::Connected { .. } => "connected",
        FeedEventKind::Disconnected { .. } => "disconnected",
        FeedEventKind::LineUp { .. } => "line_up",
        FeedEventKind::LineDown { .. } => "line_down",
        FeedEventKind::ReplacementFailed { .. } => "replacement_failed",
        FeedEventKind::Unanswered { .. } => "unanswered",
        FeedEventKind::BookInvalid { .. } => "book_invalid",
        FeedEventKind::ChangesDropped { .. } => "changes_dropped",
        FeedEventKind::SnapshotFailed { .. } => "snapshot_failed",
        FeedEventKind::Blocked { .. } => "blocked",
        FeedEventKind::ShutdownAnnounced => "shutdown_announced",
        FeedEventKind::MessagesMissed => "messages_missed",
        FeedEventKind::Rejected { .. } => "rejected",
        FeedEventKind::NumberingRestarted { .. } => "numbering_restarted",
        FeedEventKind::TradeGap { .. } => "trade_gap",
        FeedEventKind::TradesLost { .. } => "trades_lost",
        FeedEventKind::Stale { .. } => "stale",
        FeedEventKind::Live { .. } => "live",
        FeedEventKind::NotTrading { .. } => "not_trading",
        FeedEventKind::Trading { .. } => "trading",
        FeedEventKind::Unsubscribed { .. } => "unsubscribed",
        FeedEventKind::NoMatch { .. } => "no_match",
        FeedEventKind::ListFailed { .. } => "list_failed",
        FeedEventKind::Notice { .. } => "notice",
        FeedEventKind::ImpossibleTime { .. } => "impossible_time",
        FeedEventKind::Unknown { .. } => "unknown",
        FeedEventKind::Malformed { .. } => "malformed",
        _ => "other",
    })
}

/// How bad it is that something failed.
#[derive(Debug, PartialEq, Eq)]
enum Gravity {
    /// Not at all: a reload leads another way, or the exchange has announced that it closes.
    Planned,
    Failure,
    Outage,
}

impl Gravity {
    fn of(retry_in: Duration, attempt: u32, planned: bool) -> Self {
        if planned {
            Self::Planned
        } else if attempt < LASTING && retry_in < LONG {
            Self::Failure
        } else {
            Self::Outage
        }
    }
}

/// A way in words.
fn via(proxies: &[String]) -> String {
    match proxies {
        [] => "no proxy".to_owned(),
        proxies => proxies.join(", "),
    }
}

fn log(event: &FeedEvent) {
    let exchange = event.exchange.as_str();
    let connection = event.connection;
    match &event.kind {
        FeedEventKind::Connected { proxies, .. } => {
            let via = via(proxies);
            tracing::info!(exchange, connection, via, "connected");
        }
        FeedEventKind::LineUp { proxies, is_apart } => {
            let via = via(proxies);
            match is_apart {
                true => tracing::info!(exchange, connection, via, "second line up"),
                false => tracing::warn!(
                    exchange,
                    connection,
                    via,
                    "second line up, by the same egress as the first"
                ),
            }
        }
        FeedEventKind::LineDown {
            reason,
            retry_in,
            planned,
        } => {
            let retry_in_s = seconds(*retry_in);
            match planned {
                true => tracing::info!(exchange, connection, reason, retry_in_s, "line down"),
                false => tracing::warn!(exchange, connection, reason, retry_in_s, "line down"),
            }
        }
        FeedEventKind::Disconnected {
            reason,
            retry_in,
            attempt,
            planned,
        } => {
            let retry_in_s = seconds(*retry_in);
            match Gravity::of(*retry_in, *attempt, *planned) {
                Gravity::Planned => {
                    tracing::info!(
                        exchange,
                        connection,
                        reason,
                        retry_in_s,
                        attempt,
                        "disconnected"
                    );
                }
                Gravity::Failure => {
                    tracing::warn!(
                        exchange,
                        connection,
                        reason,
                        retry_in_s,
                        attempt,
                        "disconnected"
                    );
                }
                Gravity::Outage => {
                    tracing::error!(
                        exchange,
                        connection,
                        reason,
                        retry_in_s,
                        attempt,
                        "disconnected"
                    );
                }
            }
        }
        FeedEventKind::ReplacementFailed { reason, retry_in } => {
            let retry_in_s = seconds(*retry_in);
            tracing::warn!(
                exchange,
                connection,
                reason,
                retry_in_s,
                "another connection failed, this one goes on"
            );
        }
        FeedEventKind::BookInvalid { symbol, reason } => {
            tracing::warn!(exchange, connection, %symbol, ?reason, "book invalid");
        }
        FeedEventKind::ChangesDropped { symbol, count } => {
            let events = count;
            tracing::warn!(exchange, connection, %symbol, events, "changes of a book were dropped: events wait");
        }
        FeedEventKind::SnapshotFailed {
            symbol,
            reason,
            retry_in,
        } => {
            let retry_in_s = seconds(*retry_in);
            if *retry_in < LONG {
                tracing::warn!(exchange, connection, %symbol, reason, retry_in_s, "snapshot failed");
            } else {
                tracing::error!(exchange, connection, %symbol, reason, retry_in_s, "snapshot failed");
            }
        }
        FeedEventKind::Blocked {
            status,
            egress,
            until_ns,
        } => {
            let for_s = until_ns.map(|until_ns| (until_ns - event.received_ns) / 1_000_000_000);
            tracing::error!(
                exchange,
                connection,
                status,
                egress,
                for_s,
                "the exchange does not serve this address"
            );
        }
        FeedEventKind::ShutdownAnnounced => {
            tracing::info!(exchange, connection, "shutdown announced");
        }
        FeedEventKind::MessagesMissed => {
            tracing::warn!(
                exchange,
                connection,
                "messages of the connection are missing"
            );
        }
        FeedEventKind::Rejected {
            symbols,
            retry_in,
            code,
            message,
        } => {
            let retry_in_s = retry_in.map(seconds);
            tracing::warn!(
                exchange,
                connection,
                ?symbols,
                retry_in_s,
                code,
                words = message,
                "request rejected"
            );
        }
        FeedEventKind::Unanswered { symbols, retry_in } => {
            let retry_in_s = seconds(*retry_in);
            tracing::warn!(
                exchange,
                connection,
                ?symbols,
                retry_in_s,
                "request not answered"
            );
        }
        FeedEventKind::NumberingRestarted { symbol } => {
            tracing::warn!(exchange, connection, %symbol, "numbering of trades has begun anew");
        }
        FeedEventKind::TradeGap { symbol, from, to } => {
            tracing::warn!(exchange, connection, %symbol, from, to, "trades are missing");
        }
        FeedEventKind::TradesLost {
            symbol,
            from,
            to,
            reason,
        } => {
            tracing::warn!(exchange, connection, %symbol, from, to, reason, "trades are lost");
        }
        FeedEventKind::Stale {
            symbol, channel, ..
        } => {
            tracing::warn!(exchange, connection, %symbol, %channel, "the stream is silent, and the exchange has moved on");
        }
        FeedEventKind::Live { symbol, channel } => {
            tracing::info!(exchange, connection, %symbol, %channel, "the stream is live again");
        }
        FeedEventKind::NotTrading { symbol, nearest } => {
            tracing::warn!(exchange, %symbol, ?nearest, "symbol is unknown or not trading");
        }
        FeedEventKind::Trading { symbol } => {
            tracing::info!(exchange, %symbol, "symbol is trading");
        }
        FeedEventKind::Unsubscribed { symbol, channels } => {
            tracing::info!(exchange, connection, %symbol, ?channels, "unsubscribed");
        }
        FeedEventKind::NoMatch { pattern } => {
            tracing::warn!(exchange, %pattern, "no symbol has the form of the pattern");
        }
        FeedEventKind::ListFailed { reason, retry_in } => {
            let retry_in_s = seconds(*retry_in);
            tracing::warn!(
                exchange,
                reason,
                retry_in_s,
                "list of instruments not loaded"
            );
        }
        FeedEventKind::Notice { text } => {
            tracing::warn!(exchange, connection, words = text, "notice of the exchange");
        }
        FeedEventKind::ImpossibleTime { symbol, channel } => {
            tracing::warn!(exchange, connection, %symbol, %channel, "times cannot be, and are left out");
        }
        FeedEventKind::Unknown { kind, excerpt } => {
            tracing::warn!(exchange, connection, kind, excerpt, "unknown message");
        }
        FeedEventKind::Malformed { reason, excerpt } => {
            tracing::warn!(exchange, connection, reason, excerpt, "malformed message");
        }
        other => tracing::warn!(exchange, connection, event = ?other, "unexpected event"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_planned_is_no_failure_and_what_lasts_is_an_outage() {
        let of = |retry_in_s, attempt, planned| {
            Gravity::of(Duration::from_secs_f64(retry_in_s), attempt, planned)
        };
        assert_eq!(of(0.0, 1, true), Gravity::Planned);
        assert_eq!(of(0.0, 1, false), Gravity::Failure);
        assert_eq!(of(15.9, 4, false), Gravity::Failure);
        assert_eq!(of(16.0, 5, false), Gravity::Outage);
        assert_eq!(of(60.0, 1, false), Gravity::Outage);
    }
}
