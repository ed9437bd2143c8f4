//! Trades of the past, by id.

use crate::exchange::clock::MILLIS;
use crate::exchange::dialect;
use crate::exchange::message::TradeId;
use crate::exchange::{AnswerError, TradeHole, TradePage};
use crate::symbol::Symbol;

/// The most trades of an answer.
const PAGE: usize = 1000;

/// The query for the trades of a hole, from `cursor` on if there was an answer before.
pub(super) fn query(symbol: &str, hole: &TradeHole, cursor: Option<&str>) -> String {
    let first = hole.after_id.saturating_add(1).to_string();
    let from = cursor.unwrap_or(&first);
    format!("symbol={symbol}&limit={PAGE}&fromId={from}")
}

/// Reads an answer, oldest trade first. A page that is full has another one behind it.
pub(super) fn page(symbol: &Symbol, body: &[u8]) -> Result<TradePage, AnswerError> {
    let trades = dialect::parse_trades::<MILLIS>(symbol, body)?;
    let newest = trades.last().and_then(|trade| trade.id.as_ref());
    let cursor = match newest {
        Some(TradeId::Number(id)) if trades.len() == PAGE => Some(id.saturating_add(1).to_string()),
        _ => None,
    };
    Ok(TradePage { trades, cursor })
}
