//! The events that are worth a look.

use std::collections::VecDeque;
use std::time::Duration;

use feeds::{FeedEvent, FeedEventKind, InvalidReason};

use crate::model::{Gravity, NotableEvent};

/// How many are kept.
const KEPT: usize = 100;

/// What happens again within this time is told once, with how many times it did.
const SAME_NS: i64 = 60_000_000_000;

/// How far back the same is looked for: outages come with events of several kinds by turns.
const BACK: usize = 8;

/// So many failures in a row are an outage, which somebody should look at.
const LASTING: u32 = 5;

/// The same for what is tried again only after this time.
const LONG: Duration = Duration::from_secs(60);

/// The last notable events.
#[derive(Debug, Default)]
pub(crate) struct Notable(VecDeque<NotableEvent>);

impl Notable {
    /// Adds `event`, or counts it with the same one before it.
    pub(crate) fn add(&mut self, event: NotableEvent) {
        let is_same = |known: &&mut NotableEvent| {
            known.kind == event.kind
                && known.exchange == event.exchange
                && known.connection == event.connection
                && event.at_ns.saturating_sub(known.at_ns) < SAME_NS
        };
        if let Some(same) = self.0.iter_mut().take(BACK).find(is_same) {
            let times = same.times.saturating_add(event.times);
            *same = NotableEvent { times, ..event };
            return;
        }
        self.0.truncate(KEPT - 1);
        self.0.push_front(event);
    }

    /// The events, the newest first.
    pub(crate) fn all(&self) -> Vec<NotableEvent> {
        let mut all: Vec<_> = self.0.iter().cloned().collect();
        all.sort_by_key(|event| std::cmp::Reverse(event.at_ns));
        all
    }
}

/// What is notable about `event`; `None` for market data and for what follows from another event.
pub(crate) fn notable(event: &FeedEvent) -> Option<NotableEvent> {
    let (gravity, kind, text) = words(&event.kind)?;
    Some(NotableEvent {
        at_ns: event.received_ns,
        gravity,
        kind: kind.to_owned(),
        exchange: Some(event.exchange.to_string()),
        connection: event.connection,
        symbol: event.symbol().map(ToString::to_string),
        text,
        times: 1,
    })
}

fn words(kind: &FeedEventKind) -> Option<(Gravity, &'static str, String)> {
    use Gravity::{Error, Info, Warning};
    let failure = |retry_in: &Duration| match *retry_in < LONG {
        true => Warning,
        false => Error,
    };
    Some(match kind {
        FeedEventKind::Connected { proxies, .. } => {
            (Info, "connected", format!("connected via {}", via(proxies)))
        }
        FeedEventKind::LineUp { proxies, .. } => (
            Info,
            "line_up",
            format!("second line up via {}", via(proxies)),
        ),
        FeedEventKind::LineDown {
            reason, planned, ..
        } => {
            let gravity = if *planned { Info } else { Warning };
            (gravity, "line_down", format!("line down: {reason}"))
        }
        FeedEventKind::Disconnected {
            reason,
            retry_in,
            attempt,
            planned,
        } => {
            let gravity = match (planned, *attempt < LASTING) {
                (true, _) => Info,
                (false, true) => failure(retry_in),
                (false, false) => Error,
            };
            let text = format!("attempt {attempt}: {reason}");
            (gravity, "disconnected", text)
        }
        FeedEventKind::ReplacementFailed { reason, .. } => (
            Warning,
            "replacement_failed",
            format!("another connection failed, this one goes on: {reason}"),
        ),
        // The disconnect or the refusal itself is told; so is the end of a subscription.
        FeedEventKind::BookInvalid {
            reason: InvalidReason::Disconnected | InvalidReason::Unsubscribed,
            ..
        } => return None,
        FeedEventKind::BookInvalid { reason, .. } => (
            Warning,
            "book_invalid",
            format!("book invalid: {}", word(reason)),
        ),
        FeedEventKind::ChangesDropped { count, .. } => (
            Error,
            "changes_dropped",
            format!("{count} changes of a book dropped: the reader is behind"),
        ),
        FeedEventKind::SnapshotFailed {
            reason, retry_in, ..
        } => (
            failure(retry_in),
            "snapshot_failed",
            format!("snapshot failed: {reason}"),
        ),
        FeedEventKind::Blocked { status, egress, .. } => (
            Error,
            "blocked",
            format!("the exchange does not serve {egress} ({status})"),
        ),
        FeedEventKind::ShutdownAnnounced => (
            Info,
            "shutdown_announced",
            "the exchange is about to close the connection".to_owned(),
        ),
        FeedEventKind::MessagesMissed => (
            Warning,
            "messages_missed",
            "messages of the connection are missing".to_owned(),
        ),
        FeedEventKind::Rejected { code, message, .. } => {
            let code = code.as_deref().unwrap_or("no code");
            let text = format!("request declined: {message} ({code})");
            (Warning, "rejected", text)
        }
        FeedEventKind::Unanswered { symbols, .. } => (
            Warning,
            "unanswered",
            format!("request about {} symbols not answered", symbols.len()),
        ),
        FeedEventKind::NumberingRestarted { .. } => (
            Warning,
            "numbering_restarted",
            "trades are numbered anew".to_owned(),
        ),
        FeedEventKind::TradeGap { from, to, .. } => (
            Warning,
            "trade_gap",
            format!("trades {from} to {to} are missing, and asked for"),
        ),
        FeedEventKind::TradesLost {
            from, to, reason, ..
        } => (
            Error,
            "trades_lost",
            format!("trades {from} to {to} are lost: {reason}"),
        ),
        FeedEventKind::Stale { channel, .. } => (
            Warning,
            "stale",
            format!("{channel} silent, although the exchange has moved on"),
        ),
        FeedEventKind::Live { channel, .. } => (Info, "live", format!("{channel} live again")),
        FeedEventKind::NotTrading { .. } => {
            (Warning, "not_trading", "unknown or not trading".to_owned())
        }
        FeedEventKind::Trading { .. } => (Info, "trading", "trading".to_owned()),
        FeedEventKind::Unsubscribed { .. } => (Info, "unsubscribed", "unsubscribed".to_owned()),
        FeedEventKind::NoMatch { pattern } => (
            Warning,
            "no_match",
            format!("no trading symbol has the form {pattern}"),
        ),
        FeedEventKind::ListFailed { reason, .. } => (
            Warning,
            "list_failed",
            format!("list of instruments not loaded: {reason}"),
        ),
        FeedEventKind::Notice { text } => {
            (Warning, "notice", format!("notice of the exchange: {text}"))
        }
        FeedEventKind::ImpossibleTime { channel, .. } => (
            Warning,
            "impossible_time",
            format!("times in {channel} cannot be, and are left out"),
        ),
        FeedEventKind::Unknown { kind, .. } => {
            (Warning, "unknown", format!("unknown message: {kind}"))
        }
        FeedEventKind::Malformed { reason, .. } => {
            (Warning, "malformed", format!("malformed message: {reason}"))
        }
        // Market data, and what this version does not know.
        _ => return None,
    })
}

fn via(proxies: &[String]) -> String {
    match proxies {
        [] => "no proxy".to_owned(),
        proxies => proxies.join(", "),
    }
}

/// A reason in one word, as in JSON.
pub(crate) fn word(reason: &InvalidReason) -> String {
    let json = serde_json::to_value(reason).unwrap_or_default();
    let kind = json.get("kind").and_then(|kind| kind.as_str());
    kind.unwrap_or("unknown").replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(at_s: i64, kind: &str, symbol: &str) -> NotableEvent {
        NotableEvent {
            at_ns: at_s * 1_000_000_000,
            gravity: Gravity::Warning,
            kind: kind.to_owned(),
            exchange: Some("binance".to_owned()),
            connection: Some(1),
            symbol: Some(symbol.to_owned()),
            text: String::new(),
            times: 1,
        }
    }

    fn told(notable: &Notable) -> Vec<(String, String, u64)> {
        let told = notable.all().into_iter();
        told.map(|it| (it.kind, it.symbol.unwrap_or_default(), it.times))
            .collect()
    }

    #[test]
    fn the_same_within_a_minute_is_told_once_with_its_number() {
        let mut notable = Notable::default();
        for (at_s, kind, symbol) in [
            (1, "stale", "A-B"),
            (2, "book_invalid", "A-B"),
            (3, "stale", "C-D"),
            (70, "stale", "A-B"),
        ] {
            notable.add(event(at_s, kind, symbol));
        }
        let expected = [
            ("stale", "A-B", 1),
            ("stale", "C-D", 2),
            ("book_invalid", "A-B", 1),
        ];
        let expected = expected.map(|(kind, symbol, times)| (kind.into(), symbol.into(), times));
        assert_eq!(told(&notable), expected);
    }

    #[test]
    fn the_last_hundred_are_kept() {
        let mut notable = Notable::default();
        for at_s in 0..250 {
            notable.add(event(at_s * 100, "stale", "A-B"));
        }
        let all = notable.all();
        assert_eq!(all.len(), KEPT);
        assert_eq!(all[0].at_ns, 24_900 * 1_000_000_000);
    }
}
