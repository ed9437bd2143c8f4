//! The events that Binance and Backpack have in common.

use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::exchange::clock::Clock;
use crate::exchange::levels::{leading_levels, levels};
use crate::exchange::plain_number::{leading_integer, plain_decimal};
use crate::exchange::wire::{Exact, Id, Text, verbatim};
use crate::level::Level;

/// The type of an event, if anybody wants to know it.
pub(super) trait Kind<'a>: Deserialize<'a> + Default {
    /// What it is instead of `expected`.
    fn other_than(self, expected: &str) -> Option<Text<'a>>;
}

impl<'a> Kind<'a> for Option<Text<'a>> {
    fn other_than(self, expected: &str) -> Option<Text<'a>> {
        self.filter(|kind| **kind != *expected)
    }
}

/// It is known already.
impl<'a> Kind<'a> for IgnoredAny {
    fn other_than(self, _: &str) -> Option<Text<'a>> {
        None
    }
}

#[derive(Deserialize)]
pub(super) struct Header<'a> {
    #[serde(borrow)]
    pub(super) e: Option<Text<'a>>,
}

//     {"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000",
//      "q":"0.02000000","T":1723161255342,"m":true,"M":true}
//     {"E":1790915531026313,"T":1790915531025000,"a":"66605319496","b":"66605329178","e":"trade",
//      "m":false,"p":"86642.9","q":"0.07206","s":"BTC_USDC_PERP","t":99419870}
//
// Keys that differ only in case differ in meaning, here and below: `t` the trade, `T` its time.
#[derive(Deserialize)]
pub(super) struct TradeEvent<'a, K, const UNIT: i64> {
    #[serde(rename = "e", default)]
    pub(super) kind: K,
    #[serde(rename = "s", borrow)]
    pub(super) symbol: Text<'a>,
    #[serde(rename = "t")]
    pub(super) id: Id,
    #[serde(rename = "p")]
    pub(super) price: Exact,
    #[serde(rename = "q")]
    pub(super) amount: Exact,
    #[serde(rename = "T")]
    pub(super) matched: Clock<UNIT>,
    #[serde(rename = "m")]
    pub(super) is_buyer_maker: bool,
}

//     {"u":35346513501,"s":"ETHUSDT","b":"2683.80000000","B":"3.02920000","a":"2683.81000000",
//      "A":"31.43950000"}
//     {"A":"7.76096","B":"1.60813","E":1790915525118154,"T":1790915525118046,"a":"86645.3",
//      "b":"86645.2","e":"bookTicker","s":"BTC_USDC_PERP","u":6904947654}
/// Prices and sizes may be null, but not absent.
#[derive(Deserialize)]
pub(super) struct TickerEvent<'a, const UNIT: i64> {
    #[serde(rename = "e", borrow)]
    pub(super) kind: Option<Text<'a>>,
    #[serde(rename = "s", borrow)]
    pub(super) symbol: Text<'a>,
    #[serde(rename = "u")]
    pub(super) last_id: Id,
    // `deserialize_with` is what makes the key necessary: by itself, serde takes an absent `Option`
    // for `None`. Backpack sends null for a side without orders.
    #[serde(rename = "b", deserialize_with = "Option::deserialize")]
    pub(super) bid: Option<Exact>,
    #[serde(rename = "B", deserialize_with = "Option::deserialize")]
    pub(super) bid_size: Option<Exact>,
    #[serde(rename = "a", deserialize_with = "Option::deserialize")]
    pub(super) ask: Option<Exact>,
    #[serde(rename = "A", deserialize_with = "Option::deserialize")]
    pub(super) ask_size: Option<Exact>,
    #[serde(rename = "T")]
    pub(super) matched: Option<Clock<UNIT>>,
}

impl<'a, const UNIT: i64> TickerEvent<'a, UNIT> {
    /// Reads a quote by the letter, as [`DepthEvent::as_binance_writes`] reads a change.
    #[inline(always)]
    pub(super) fn as_binance_writes(json: &'a str) -> Option<Self> {
        let (last_id, rest) = leading_integer(json.strip_prefix(r#"{"u":"#)?)?;
        let (symbol, rest) = verbatim_text(rest.strip_prefix(r#","s":""#)?)?;
        let keys = [br#","b":""#, br#","B":""#, br#","a":""#, br#","A":""#];
        let (numbers, rest) = quoted(rest.as_bytes(), keys)?;
        let [bid, bid_size, ask, ask_size] = numbers.map(Some);
        (rest == b"}").then_some(Self {
            kind: None,
            symbol,
            last_id: Id(last_id),
            bid,
            bid_size,
            ask,
            ask_size,
            matched: None,
        })
    }
}

/// The numbers behind these keys, each with the next one behind its quotation mark, and what follows the last.
// Not inlined: it needs every register.
#[inline(never)]
fn quoted<'a, const N: usize>(
    mut json: &'a [u8],
    keys: [&[u8; 6]; N],
) -> Option<([Exact; N], &'a [u8])> {
    let mut numbers = [Exact(Decimal::ZERO); N];
    for (Exact(number), key) in numbers.iter_mut().zip(keys) {
        (*number, json) = plain_decimal(json.strip_prefix(key)?)?;
        json = json.strip_prefix(b"\"")?;
    }
    Some((numbers, json))
}

//     {"e":"depthUpdate","E":1723161255308,"s":"BTCUSDT","U":50093239203,"u":50093239207,
//      "b":[["55653.87000000","0.00000000"]],"a":[["61838.04000000","0.32332000"],...]}
//     {"E":1790915525103070,"T":1790915525102951,"U":6904947650,"a":[],"b":[["86640.8","1.32076"]],
//      "e":"depth","s":"BTC_USDC_PERP","u":6904947650}
#[derive(Deserialize)]
pub(super) struct DepthEvent<'a, const UNIT: i64> {
    #[serde(rename = "e", borrow)]
    pub(super) kind: Option<Text<'a>>,
    #[serde(rename = "s", borrow)]
    pub(super) symbol: Text<'a>,
    #[serde(rename = "U")]
    pub(super) first_id: Id,
    #[serde(rename = "u")]
    pub(super) last_id: Id,
    #[serde(rename = "b", deserialize_with = "levels::<0, _>")]
    pub(super) bids: Vec<Level>,
    #[serde(rename = "a", deserialize_with = "levels::<0, _>")]
    pub(super) asks: Vec<Level>,
    #[serde(rename = "E")]
    pub(super) sent: Clock<UNIT>,
    #[serde(rename = "T")]
    pub(super) matched: Option<Clock<UNIT>>,
}

impl<'a, const UNIT: i64> DepthEvent<'a, UNIT> {
    /// Reads a change of a book by the letter, twice as fast as serde, which must look at every
    /// level to find its end. `None` for any other order of keys, and whatever else is different.
    #[inline(always)]
    pub(super) fn as_binance_writes(json: &'a str) -> Option<Self> {
        // From key to key, in their order: a number, a name or a list, and nothing else. So an escape, a
        // space or another key in between ends here.
        let rest = json.strip_prefix(r#"{"e":"depthUpdate","E":"#)?;
        let (sent, rest) = leading_integer(rest)?;
        let (symbol, rest) = verbatim_text(rest.strip_prefix(r#","s":""#)?)?;
        let (first_id, rest) = leading_integer(rest.strip_prefix(r#","U":"#)?)?;
        let (last_id, rest) = leading_integer(rest.strip_prefix(r#","u":"#)?)?;
        let rest = rest.as_bytes().strip_prefix(br#","b":"#)?;
        let (bids, rest) = leading_levels::<0>(rest)?;
        let (asks, rest) = leading_levels::<0>(rest.strip_prefix(br#","a":"#)?)?;
        (rest == b"}").then_some(Self {
            kind: None,
            symbol,
            first_id: Id(first_id),
            last_id: Id(last_id),
            bids,
            asks,
            sent: Clock::of_units(sent),
            matched: None,
        })
    }
}

/// The text that ends at the first quotation mark, and what follows that, as [`verbatim`] reads it.
fn verbatim_text(json: &str) -> Option<(Text<'_>, &str)> {
    let (text, rest) = verbatim(json)?;
    Some((Text(text.into()), rest))
}

//     {"lastUpdateId":50093239218,"bids":[["61837.63000000","3.78826000"],...],"asks":[...]}
//     {"asks":[["100.65","65.5"],...],"bids":[...],"lastUpdateId":"4324522523",
//      "timestamp":1788285151254895}
#[derive(Deserialize)]
pub(super) struct Depth<const UNIT: i64> {
    #[serde(rename = "lastUpdateId")]
    pub(super) last_id: Id,
    #[serde(deserialize_with = "levels::<0, _>")]
    pub(super) bids: Vec<Level>,
    #[serde(deserialize_with = "levels::<0, _>")]
    pub(super) asks: Vec<Level>,
    pub(super) timestamp: Option<Clock<UNIT>>,
}
