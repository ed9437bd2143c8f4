//! Events made of what an exchange says.

use crate::event;
use crate::exchange::{Ticker, Trade};

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
