//! Events made of what an exchange says.

use crate::event::{self, FeedEventKind};
use crate::exchange::{Ticker, Trade};

pub(super) fn trade_event(trade: Trade) -> FeedEventKind {
    FeedEventKind::Trade(event::Trade {
        symbol: trade.symbol,
        id: trade.id,
        count: trade.count,
        side: trade.side,
        price: trade.price,
        amount: trade.amount,
        backfilled: trade.is_history,
        timestamp_ns: trade.time.ns(),
    })
}

pub(super) fn ticker_event(ticker: Ticker) -> FeedEventKind {
    FeedEventKind::Ticker(event::Ticker {
        symbol: ticker.symbol,
        bid: ticker.bid.map(|level| level.price),
        bid_size: ticker.bid.map(|level| level.size),
        ask: ticker.ask.map(|level| level.price),
        ask_size: ticker.ask.map(|level| level.size),
        last_id: ticker.id,
        timestamp_ns: ticker.time.ns(),
    })
}
