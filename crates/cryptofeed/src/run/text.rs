//! Events as readable lines.

use std::fmt::{self, Display};
use std::io::{self, Write};

use feeds::{FeedEvent, FeedEventKind, Level, Side, Ticker, Trade};
use rust_decimal::Decimal;

/// Writes market data as one line: time of receipt (UTC), exchange, symbol, and content. Other
/// events are not written.
pub(super) fn write(event: &FeedEvent, mut line: impl Write) -> io::Result<bool> {
    let what = match &event.kind {
        FeedEventKind::Trade(it) => trade(it),
        FeedEventKind::Ticker(it) => ticker(it),
        FeedEventKind::L2Snapshot(it) => book("book", &it.bids, &it.asks),
        FeedEventKind::L2Delta(it) => book("change", &it.bids, &it.asks),
        _ => return Ok(false),
    };
    let (time, exchange) = (TimeOfDay(event.received_ns), &event.exchange);
    let symbol = event.symbol().map(ToString::to_string).unwrap_or_default();
    writeln!(line, "{time} {exchange:<8} {symbol:<12} {what}")?;
    Ok(true)
}

fn trade(trade: &Trade) -> String {
    let side = match trade.side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    };
    let (amount, price) = (trade.amount.normalize(), trade.price.normalize());
    format!("trade   {side} {amount} at {price}")
}

fn ticker(ticker: &Ticker) -> String {
    let or_dash = |number: Option<_>| match number {
        Some(number) => Decimal::normalize(&number).to_string(),
        None => "-".to_owned(),
    };
    let [bid, bid_size, ask, ask_size] =
        [ticker.bid, ticker.bid_size, ticker.ask, ticker.ask_size].map(or_dash);
    format!("ticker  bid {bid_size} at {bid}, ask {ask_size} at {ask}")
}

fn book(kind: &str, bids: &[Level], asks: &[Level]) -> String {
    format!("{kind:<7} {} bids, {} asks", bids.len(), asks.len())
}

/// Nanoseconds since 1970 as hours, minutes, seconds and milliseconds of the day.
struct TimeOfDay(i64);

impl Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.div_euclid(1_000_000).rem_euclid(86_400_000);
        let (seconds, millis) = (millis / 1000, millis % 1000);
        let (minutes, seconds) = (seconds / 60, seconds % 60);
        write!(
            f,
            "{:02}:{:02}:{seconds:02}.{millis:03}",
            minutes / 60,
            minutes % 60
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(exchange: &'static str, received_ns: i64, kind: FeedEventKind) -> Option<String> {
        let event = FeedEvent {
            sequence: 1,
            exchange: exchange.into(),
            connection: Some(1),
            received_ns,
            kind,
        };
        let mut line = Vec::new();
        let is_written = write(&event, &mut line).unwrap();
        is_written.then(|| String::from_utf8(line).unwrap())
    }

    #[test]
    fn a_line_tells_when_where_and_what() {
        let trade = FeedEventKind::Trade(Trade {
            symbol: "BTC-USDT".parse().unwrap(),
            id: None,
            count: 1,
            backfilled: false,
            side: Side::Sell,
            price: Decimal::new(6_183_763_000, 5),
            amount: Decimal::new(2, 2),
            timestamp_ns: None,
        });
        assert_eq!(
            line("binance", 1_723_161_254_024_619_568, trade).unwrap(),
            "23:54:14.024 binance  BTC-USDT     trade   sell 0.02 at 61837.63\n"
        );
        let ticker = FeedEventKind::Ticker(Ticker {
            symbol: "SOL-USDC-PERP".parse().unwrap(),
            bid: Some(Decimal::new(1000, 1)),
            bid_size: Some(Decimal::ONE),
            ask: None,
            ask_size: None,
            last_id: Some(1),
            timestamp_ns: None,
        });
        assert_eq!(
            line("backpack", 0, ticker).unwrap(),
            "00:00:00.000 backpack SOL-USDC-PERP ticker  bid 1 at 100, ask - at -\n"
        );
    }

    #[test]
    fn what_is_no_market_data_has_no_line() {
        let connected = FeedEventKind::Connected {
            proxies: vec![],
            symbols: 1,
            replaces: None,
        };
        assert_eq!(line("binance", 0, connected), None);
    }
}
