//! What is recorded of the events that are read.

use std::fmt;

use metrics::{Counter, Gauge, Histogram};

use super::{
    BOOKS_INVALID, CHANGES_DROPPED, EVENTS, LATENCY, LINES_LOST, METRICS, NOTICES, QUEUE,
    RECONNECTS, STREAMS_STALE, TRADE_GAPS, TRADES_BACKFILLED, TRADES_LOST, TRADES_MISSING,
};
use crate::channel::{Channel, EachChannel};
use crate::event::{ExchangeName, FeedEvent, FeedEventKind, InvalidReason};

/// Tells the recorder of the program the kind, unit and meaning of each of [`METRICS`](crate::METRICS). To
/// be called once, when there is one.
pub fn describe_metrics() {
    for metric in METRICS {
        metric.describe();
    }
}

/// Counts what is read from one queue.
//
// Market data comes by the hundred thousand in a second: its handles are kept, and touched once for what is
// read together. All else is rare.
#[derive(Default)]
pub(crate) struct Observer {
    exchanges: Vec<Meter>,
    queue: Option<Gauge>,
}

impl Observer {
    /// Counts `events`, which were read together while `waiting` events were left.
    pub(crate) fn observe(&mut self, events: &[FeedEvent], waiting: impl FnOnce() -> usize) {
        if events.is_empty() {
            return;
        }
        for event in events {
            self.meter(&event.exchange).take(event);
        }
        for meter in &mut self.exchanges {
            meter.flush();
        }
        let queue = self
            .queue
            .get_or_insert_with(|| metrics::gauge!(QUEUE.name));
        queue.set(waiting() as f64);
    }

    fn meter(&mut self, exchange: &ExchangeName) -> &mut Meter {
        let mut known = self.exchanges.iter();
        let place = known.position(|meter| meter.exchange == *exchange);
        let place = place.unwrap_or_else(|| self.add(exchange));
        let Some(meter) = self.exchanges.get_mut(place) else {
            unreachable!("it is there or has been added");
        };
        meter
    }

    /// Returns the place of a new meter.
    #[cold]
    fn add(&mut self, exchange: &ExchangeName) -> usize {
        self.exchanges.push(Meter::new(exchange));
        self.exchanges.len() - 1
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observer").finish_non_exhaustive()
    }
}

/// The counts of one exchange.
struct Meter {
    exchange: ExchangeName,
    channels: EachChannel<ChannelMeter>,
}

struct ChannelMeter {
    total: Counter,
    latency: Histogram,
    /// Since the last flush.
    events: u64,
    last_latency_ns: Option<i64>,
}

impl ChannelMeter {
    fn new(exchange: &ExchangeName, channel: Channel) -> Self {
        let labels = || {
            [
                ("exchange", exchange.to_string()),
                ("channel", channel.to_string()),
            ]
        };
        Self {
            total: metrics::counter!(EVENTS.name, &labels()),
            latency: metrics::histogram!(LATENCY.name, &labels()),
            events: 0,
            last_latency_ns: None,
        }
    }
}

impl Meter {
    fn new(exchange: &ExchangeName) -> Self {
        Self {
            exchange: exchange.clone(),
            channels: EachChannel(Channel::ALL.map(|channel| ChannelMeter::new(exchange, channel))),
        }
    }

    fn take(&mut self, event: &FeedEvent) {
        let Some((_, channel)) = event.kind.stream() else {
            return self.note(&event.kind);
        };
        if matches!(&event.kind, FeedEventKind::Trade(trade) if trade.backfilled) {
            self.count(TRADES_BACKFILLED.name, 1);
        }
        let meter = self.channels.get_mut(channel);
        meter.events += 1;
        meter.last_latency_ns = event.latency_ns().or(meter.last_latency_ns);
    }

    fn flush(&mut self) {
        for meter in &mut self.channels.0 {
            let events = std::mem::take(&mut meter.events);
            if events > 0 {
                meter.total.increment(events);
            }
            if let Some(ns) = meter.last_latency_ns.take() {
                meter.latency.record(ns.max(0) as f64 / 1e9);
            }
        }
    }

    /// Counts what is no market data.
    fn note(&self, kind: &FeedEventKind) {
        match kind {
            FeedEventKind::Disconnected {
                planned, attempt, ..
            } => {
                let reason = match (planned, attempt) {
                    (true, _) => "planned",
                    (false, ..=1) => "lost",
                    (false, _) => "again",
                };
                self.count_by(RECONNECTS.name, "reason", reason);
            }
            FeedEventKind::LineDown { planned, .. } => {
                let reason = if *planned { "planned" } else { "lost" };
                self.count_by(LINES_LOST.name, "reason", reason);
            }
            FeedEventKind::TradeGap { from, to, .. } => {
                self.count(TRADE_GAPS.name, 1);
                self.count(TRADES_MISSING.name, trades(*from, *to));
            }
            FeedEventKind::TradesLost { from, to, .. } => {
                self.count(TRADES_LOST.name, trades(*from, *to));
            }
            FeedEventKind::BookInvalid { reason, .. } => {
                self.count_by(BOOKS_INVALID.name, "reason", word(reason));
            }
            FeedEventKind::Stale { channel, .. } => {
                self.count_by(STREAMS_STALE.name, "channel", channel.as_str());
            }
            FeedEventKind::ChangesDropped { count, .. } => {
                self.count(CHANGES_DROPPED.name, *count);
            }
            other => {
                if let Some(name) = trouble(other) {
                    self.count_by(NOTICES.name, "type", name);
                }
            }
        }
    }

    fn count(&self, name: &'static str, more: u64) {
        metrics::counter!(name, "exchange" => self.exchange.to_string()).increment(more);
    }

    fn count_by(&self, name: &'static str, label: &'static str, value: &'static str) {
        let labels = [
            ("exchange", self.exchange.to_string()),
            (label, value.to_owned()),
        ];
        metrics::counter!(name, &labels).increment(1);
    }
}

fn trades(from: u64, to: u64) -> u64 {
    to.saturating_sub(from).saturating_add(1)
}

/// A reason in one word, as in the output.
fn word(reason: &InvalidReason) -> &'static str {
    match reason {
        InvalidReason::Gap { .. } => "gap",
        InvalidReason::Crossed { .. } => "crossed",
        InvalidReason::Checksum { .. } => "checksum",
        InvalidReason::Missed => "missed",
        InvalidReason::Silent => "silent",
        InvalidReason::Restarted => "restarted",
        InvalidReason::TooLarge => "too_large",
        InvalidReason::Dropped => "dropped",
        InvalidReason::OutOfRange => "out_of_range",
        InvalidReason::Unsubscribed => "unsubscribed",
        InvalidReason::Disconnected => "disconnected",
    }
}

/// The type of an event that tells of trouble, as in the output.
fn trouble(kind: &FeedEventKind) -> Option<&'static str> {
    Some(match kind {
        FeedEventKind::SnapshotFailed { .. } => "snapshot_failed",
        FeedEventKind::ReplacementFailed { .. } => "replacement_failed",
        FeedEventKind::Blocked { .. } => "blocked",
        FeedEventKind::Rejected { .. } => "rejected",
        FeedEventKind::Unanswered { .. } => "unanswered",
        FeedEventKind::ImpossibleTime { .. } => "impossible_time",
        FeedEventKind::NumberingRestarted { .. } => "numbering_restarted",
        FeedEventKind::NotTrading { .. } => "not_trading",
        FeedEventKind::ListFailed { .. } => "list_failed",
        FeedEventKind::MessagesMissed => "messages_missed",
        FeedEventKind::Unknown { .. } => "unknown",
        FeedEventKind::Malformed { .. } => "malformed",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
