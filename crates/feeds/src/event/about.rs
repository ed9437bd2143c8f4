//! What an event is about, for those who sort events.

use super::FeedEventKind;
use crate::channel::Channel;
use crate::symbol::Symbol;

impl FeedEventKind {
    /// The `type` that the event has in JSON, such as `l2_delta`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Trade(_) => "trade",
            Self::Ticker(_) => "ticker",
            Self::L2Snapshot(_) => "l2_snapshot",
            Self::L2Delta(_) => "l2_delta",
            Self::BookInvalid { .. } => "book_invalid",
            Self::ChangesDropped { .. } => "changes_dropped",
            Self::SnapshotFailed { .. } => "snapshot_failed",
            Self::Connected { .. } => "connected",
            Self::ReplacementFailed { .. } => "replacement_failed",
            Self::LineUp { .. } => "line_up",
            Self::LineDown { .. } => "line_down",
            Self::Disconnected { .. } => "disconnected",
            Self::Blocked { .. } => "blocked",
            Self::ShutdownAnnounced => "shutdown_announced",
            Self::Rejected { .. } => "rejected",
            Self::Unanswered { .. } => "unanswered",
            Self::Notice { .. } => "notice",
            Self::ImpossibleTime { .. } => "impossible_time",
            Self::NumberingRestarted { .. } => "numbering_restarted",
            Self::TradeGap { .. } => "trade_gap",
            Self::NotTrading { .. } => "not_trading",
            Self::Trading { .. } => "trading",
            Self::Unsubscribed { .. } => "unsubscribed",
            Self::NoMatch { .. } => "no_match",
            Self::ListFailed { .. } => "list_failed",
            Self::TradesLost { .. } => "trades_lost",
            Self::Stale { .. } => "stale",
            Self::Live { .. } => "live",
            Self::MessagesMissed => "messages_missed",
            Self::Unknown { .. } => "unknown",
            Self::Malformed { .. } => "malformed",
        }
    }

    /// The stream whose market data it is.
    pub(crate) fn stream(&self) -> Option<(&Symbol, Channel)> {
        match self {
            Self::Trade(trade) => Some((&trade.symbol, Channel::Trades)),
            Self::Ticker(ticker) => Some((&ticker.symbol, Channel::Ticker)),
            Self::L2Snapshot(snapshot) => Some((&snapshot.symbol, Channel::L2Book)),
            Self::L2Delta(delta) => Some((&delta.symbol, Channel::L2Book)),
            _ => None,
        }
    }

    /// The channel that the event belongs to: its data, and what one must know to trust that. `None` if it
    /// is about more than one channel, or about none.
    #[must_use]
    pub fn channel(&self) -> Option<Channel> {
        match self {
            Self::Trade(_)
            | Self::NumberingRestarted { .. }
            | Self::TradeGap { .. }
            | Self::TradesLost { .. } => Some(Channel::Trades),
            Self::Ticker(_) => Some(Channel::Ticker),
            Self::L2Snapshot(_)
            | Self::L2Delta(_)
            | Self::BookInvalid { .. }
            | Self::ChangesDropped { .. }
            | Self::SnapshotFailed { .. } => Some(Channel::L2Book),
            Self::ImpossibleTime { channel, .. }
            | Self::Stale { channel, .. }
            | Self::Live { channel, .. } => Some(*channel),
            _ => None,
        }
    }
}
