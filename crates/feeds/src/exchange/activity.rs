//! What an answer about all symbols says of one of them.

use rust_decimal::Decimal;
use serde_json::value::RawValue;

use super::wire::{Exact, parse};
use crate::channel::Channel;

/// The state of a symbol's market, as far as it is told: by an answer about all symbols, or by what one
/// of its streams said last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Activity {
    /// The id of the last trade.
    pub trade_id: Option<u64>,
    /// The price of the last trade.
    pub trade_price: Option<Decimal>,
    /// The best prices.
    pub best: Option<BestPrices>,
}

/// The best prices of a book. Sizes are left out: exchanges do not agree with themselves about orders
/// that only some may take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BestPrices {
    /// The highest bid; `None` if nobody bids.
    pub bid: Option<Decimal>,
    /// The lowest ask; `None` if nobody asks.
    pub ask: Option<Decimal>,
}

impl Activity {
    /// Whether a stream of `channel` that is alive would have said more since `known`; `None` if the two
    /// have nothing in common that tells.
    //
    //     channel            what is compared
    //     trades             the ids, of which a smaller one is no news; else the prices
    //     ticker, l2_book    the best prices; else the trades, which change them
    pub(crate) fn is_news(&self, known: &Self, channel: Channel) -> Option<bool> {
        match channel {
            Channel::Trades => self.has_traded(known),
            Channel::Ticker | Channel::L2Book => match self.best.zip(known.best) {
                Some((best, known)) => Some(best != known),
                None => self.has_traded(known),
            },
        }
    }

    fn has_traded(&self, known: &Self) -> Option<bool> {
        match self.trade_id.zip(known.trade_id) {
            Some((id, known)) => Some(id > known),
            None => {
                let prices = self.trade_price.zip(known.trade_price);
                prices.map(|(price, known)| price != known)
            }
        }
    }
}

impl BestPrices {
    /// The best prices as an answer has them.
    pub(super) fn read(bid: &RawValue, ask: &RawValue) -> Self {
        let (bid, ask) = (price(bid), price(ask));
        Self { bid, ask }
    }
}

/// A price as an answer has it. Where there is none, exchanges write zero, null or an empty text. Nor is one
/// of use that cannot be read: it is one of a thousand, and the others count.
pub(super) fn price(json: &RawValue) -> Option<Decimal> {
    let Exact(price) = parse(json.get()).ok()?;
    (!price.is_zero()).then_some(price)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traded(id: impl Into<Option<u64>>, price: u32) -> Activity {
        Activity {
            trade_id: id.into(),
            trade_price: Some(price.into()),
            best: None,
        }
    }

    fn quoted(bid: u32) -> Activity {
        let best = BestPrices {
            bid: Some(bid.into()),
            ask: None,
        };
        Activity {
            best: Some(best),
            ..traded(7, 1)
        }
    }

    #[test]
    fn trades_are_compared_by_id_or_by_price() {
        let is_news = |told: Activity, known| told.is_news(&known, Channel::Trades);
        assert_eq!(is_news(traded(8, 1), traded(7, 1)), Some(true));
        // An answer of a machine that is behind.
        assert_eq!(is_news(traded(6, 2), traded(7, 1)), Some(false));
        assert_eq!(is_news(traded(None, 1), traded(7, 1)), Some(false));
        assert_eq!(is_news(traded(None, 2), traded(7, 1)), Some(true));
        assert_eq!(is_news(traded(8, 2), Activity::default()), None);
    }

    #[test]
    fn best_prices_are_compared_where_they_are_told_and_trades_elsewhere() {
        for channel in [Channel::Ticker, Channel::L2Book] {
            assert_eq!(quoted(1).is_news(&quoted(1), channel), Some(false));
            assert_eq!(quoted(1).is_news(&quoted(2), channel), Some(true));
            assert_eq!(traded(8, 1).is_news(&quoted(1), channel), Some(true));
            assert_eq!(quoted(1).is_news(&Activity::default(), channel), None);
        }
        let scale = Decimal::from_str_exact("1.00").unwrap();
        let padded = Activity {
            trade_price: Some(scale),
            ..traded(None, 1)
        };
        assert_eq!(
            padded.is_news(&traded(None, 1), Channel::Trades),
            Some(false)
        );
    }

    #[test]
    fn where_there_is_no_price_there_is_none() {
        let read = |json: &str| price(&RawValue::from_string(json.to_owned()).unwrap());
        assert_eq!(read("\"1.50\""), Some(Decimal::new(15, 1)));
        for json in ["\"0.00000000\"", "\"\"", "null", "\"-1\"", "{}"] {
            assert_eq!(read(json), None, "{json}");
        }
    }
}
