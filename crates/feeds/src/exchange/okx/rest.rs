//! The answers of OKX's REST interface.

use crate::{Instrument, Instruments, Malformed, Symbol};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::rows::TradeRow;
use crate::exchange::wire::{Text, each, parse_body};
use crate::exchange::{AnswerError, Trade, TradeId, TradePage};

/// Reads what can be traded.
pub(super) fn instruments(body: &[u8]) -> Result<Instruments, AnswerError> {
    let mut listed = Vec::new();
    each(data(body)?, |row: InstrumentRow<'_>| {
        listed.extend(row.instrument());
        Ok(())
    })?;
    Ok(listed.into_iter().collect())
}

/// Reads trades of the past, the newest first.
pub(super) fn trades(of: &Symbol, body: &[u8]) -> Result<TradePage, AnswerError> {
    //     {"code":"0","msg":"","data":[{"instId":"BTC-USDT","side":"sell","sz":"0.00001",
    //      "px":"29963.2","tradeId":"242720720","source":"0","ts":"1654161646974"},...]}
    let mut trades = Vec::new();
    each(data(body)?, |row: TradeRow<'_>| {
        trades.push(Trade {
            is_history: true,
            ..row.trade(of.clone())?
        });
        Ok(())
    })?;
    let number = |id: &TradeId| match id {
        TradeId::Number(id) => Some(*id),
        TradeId::Text(_) => None,
    };
    let ids = trades.iter().filter_map(|trade| trade.id.as_ref());
    // An empty page is the end of what OKX keeps, which is three months.
    let oldest = ids.filter_map(number).min();
    Ok(TradePage {
        trades,
        cursor: oldest.map(|id| id.to_string()),
    })
}

//     {"code":"0","msg":"","data":[...]}
//     {"code":"51001","data":[],"msg":"Instrument ID, ... doesn't exist."}   with status 200
//     {"msg":"Too Many Requests","code":"50011"}                             with status 429
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    code: Text<'a>,
    #[serde(borrow)]
    msg: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// The list in an answer that is not a refusal.
pub(super) fn data(body: &[u8]) -> Result<&str, AnswerError> {
    let Answer { code, msg, data } = parse_body(body)?;
    if &*code != "0" {
        return Err(AnswerError::Refused {
            message: format!("{}: {}", &*code, msg.as_deref().unwrap_or_default()),
            // Of an address, and of an account.
            is_too_many: matches!(&*code, "50011" | "50061"),
            until_ms: None,
        });
    }
    let data = data.ok_or_else(|| Malformed::new("an answer without data"))?;
    Ok(data.get())
}

//     {"instType":"SPOT","instId":"BTC-USDT","baseCcy":"BTC","quoteCcy":"USDT","state":"live",
//      "tickSz":"0.1","lotSz":"0.00000001","instIdCode":1000000000,"upcChg":[...],...}
//
// The list of keys grows every few months; what is not named here is skipped. Before trading begins,
// an instrument may have nothing but empty text for any of them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InstrumentRow<'a> {
    #[serde(borrow)]
    inst_id: Option<Text<'a>>,
    #[serde(borrow)]
    base_ccy: Option<Text<'a>>,
    #[serde(borrow)]
    quote_ccy: Option<Text<'a>>,
    #[serde(borrow)]
    state: Option<Text<'a>>,
}

impl InstrumentRow<'_> {
    fn instrument(&self) -> Option<Instrument> {
        // Others are suspend, preopen, test and expired, and there may be more.
        if self.state.as_deref()? != "live" {
            return None;
        }
        let inst_id = self.inst_id.as_deref().filter(|id| !id.is_empty())?;
        // Of a base or quote without a name, `-` alone is no symbol.
        let (base, quote) = (self.base_ccy.as_deref()?, self.quote_ccy.as_deref()?);
        let symbol = Symbol::parse(&format!("{base}-{quote}")).ok()?;
        Some(Instrument::new(symbol, inst_id))
    }
}
