//! Events made of what an exchange says.

use crate::event;
use crate::exchange::{BookChange, Ticker, Trade};

pub(super) fn trade_event(exchange: &'static str, trade: Trade, received_ns: i64) -> event::Trade {
    event::Trade {
        exchange,
        symbol: trade.symbol,
        id: trade.id,
        side: trade.side,
        price: trade.price,
        amount: trade.amount,
        timestamp_ns: trade.time.ns(),
        received_ns,
    }
}

pub(super) fn ticker_event(
    exchange: &'static str,
    ticker: Ticker,
    received_ns: i64,
) -> event::Ticker {
    event::Ticker {
        exchange,
        symbol: ticker.symbol,
        bid: ticker.bid.map(|level| level.price),
        bid_size: ticker.bid.map(|level| level.size),
        ask: ticker.ask.map(|level| level.price),
        ask_size: ticker.ask.map(|level| level.size),
        last_id: ticker.id,
        timestamp_ns: ticker.time.ns(),
        received_ns,
    }
}

/// The change of a book that has ids.
pub(super) fn delta_event(
    exchange: &'static str,
    change: BookChange,
    received_ns: i64,
) -> event::L2Delta {
    let last_id = change.ids.last.unwrap_or_default();
    event::L2Delta {
        exchange,
        symbol: change.symbol,
        first_id: change.ids.first.unwrap_or(last_id),
        last_id,
        bids: change.bids,
        asks: change.asks,
        timestamp_ns: change.time.ns(),
        received_ns,
    }
}

/// The snapshot of a book that has ids.
pub(super) fn snapshot_event(
    exchange: &'static str,
    change: BookChange,
    received_ns: i64,
) -> event::L2Snapshot {
    event::L2Snapshot {
        exchange,
        symbol: change.symbol,
        last_id: change.ids.last.unwrap_or_default(),
        bids: change.bids,
        asks: change.asks,
        timestamp_ns: change.time.ns(),
        received_ns,
    }
}
