//! Subjects, and the identities of messages.

use std::fmt::Write as _;
use std::ops::RangeInclusive;

use feeds::{ExchangeName, Symbol};

use crate::record::{Identity, Record};

/// What every subject begins with.
pub(super) const PREFIX: &str = "md.v1";

/// What stands for the symbol where an event is not about one. No symbol is like it.
const NO_SYMBOL: &str = "-";

/// `md.v1.binance.trade.BTC-USDT`
pub(super) fn subject(record: &Record) -> String {
    let mut subject = String::with_capacity(48);
    subject.push_str(PREFIX);
    let symbol = record.symbol.as_ref().map_or(NO_SYMBOL, |it| it.as_str());
    for token in [record.exchange.as_str(), record.name, symbol] {
        subject.push('.');
        escape(token, &mut subject);
    }
    subject
}

/// `md.v1.binance.trade.BTC-USDT`
pub(super) fn trades_of(exchange: &ExchangeName, symbol: &Symbol) -> String {
    subject_of(exchange, "trade", symbol)
}

/// `md.v1.binance.trade_gap.BTC-USDT`
pub(super) fn gaps_of(exchange: &ExchangeName, symbol: &Symbol) -> String {
    subject_of(exchange, "trade_gap", symbol)
}

fn subject_of(exchange: &ExchangeName, name: &str, symbol: &Symbol) -> String {
    let mut subject = format!("{PREFIX}.");
    escape(exchange.as_str(), &mut subject);
    subject.push('.');
    subject.push_str(name);
    subject.push('.');
    escape(symbol.as_str(), &mut subject);
    subject
}

/// `md.v1.binance.trade.*`
pub(super) fn all_trades_of(exchange: &ExchangeName) -> String {
    let mut subject = format!("{PREFIX}.");
    escape(exchange.as_str(), &mut subject);
    subject.push_str(".trade.*");
    subject
}

/// The symbol and the ids of the trades that a message is about, by its [id](message_id), if they are numbers.
pub(super) fn stored_trade(message_id: &str) -> Option<(&str, RangeInclusive<u64>)> {
    let mut parts = message_id.split('.');
    let (_, kind) = (parts.next()?, parts.next()?);
    let (symbol, last, count) = (parts.next()?, parts.next()?, parts.next()?);
    let (last, count): (u64, u64) = (last.parse().ok()?, count.parse().ok()?);
    let first = last.saturating_sub(count.saturating_sub(1));
    (kind == "trades").then_some((symbol, first..=last))
}

/// What the server knows a message by that it has already.
pub(super) fn message_id(record: &Record) -> String {
    let mut id = String::with_capacity(64);
    let symbol = record.symbol.as_ref().map_or(NO_SYMBOL, |it| it.as_str());
    // Writing to a string cannot fail.
    let _ = match &record.identity {
        Identity::Trade {
            id: trade,
            count,
            time_ms,
            ..
        } => {
            escape(record.exchange.as_str(), &mut id);
            id.push_str(".trades.");
            escape(symbol, &mut id);
            id.push('.');
            escape(&trade.to_string(), &mut id);
            match time_ms {
                Some(time_ms) => write!(id, ".{count}.{time_ms}"),
                None => write!(id, ".{count}"),
            }
        }
        Identity::State { last_id } => {
            escape(record.exchange.as_str(), &mut id);
            id.push_str(".ticker.");
            escape(symbol, &mut id);
            write!(id, ".{last_id}")
        }
        Identity::Sequence => {
            escape(record.run.as_str(), &mut id);
            write!(id, ".{}.{}", record.exchange, record.sequence)
        }
    };
    id
}

/// Appends `token` so that it is one token: in subjects, dots separate, `*` and `>` stand for others, and
/// white space ends them. What is escaped is `%` and two digits for each byte.
fn escape(token: &str, text: &mut String) {
    for c in token.chars() {
        if matches!(c, '.' | '*' | '>' | '%') || c.is_whitespace() || c.is_control() {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                let _ = write!(text, "%{byte:02X}");
            }
        } else {
            text.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use feeds::TradeId;

    use super::*;
    use crate::run::RunId;

    fn record(symbol: Option<&str>, identity: Identity) -> Record {
        Record {
            run: RunId::named("20240808T235414Z-1f3a9c"),
            claim: None,
            sequence: 7,
            exchange: "backpack".into(),
            connection: None,
            name: "trade",
            channel: None,
            symbol: symbol.map(|it| Symbol::parse(it).unwrap()),
            received_ns: 0,
            identity,
            line: Bytes::new(),
        }
    }

    #[test]
    fn a_subject_has_five_tokens_whatever_a_symbol_is() {
        for (symbol, expected) in [
            (Some("BTC-USDT"), "BTC-USDT"),
            (Some("AAPL.US-USDC-PERP"), "AAPL%2EUS-USDC-PERP"),
            (Some(">%-x"), "%3E%25-x"),
            (None, "-"),
        ] {
            let subject = subject(&record(symbol, Identity::Sequence));
            assert_eq!(subject, format!("md.v1.backpack.trade.{expected}"));
            assert_eq!(subject.split('.').count(), 5);
            if let Some(symbol) = symbol {
                let symbol = Symbol::parse(symbol).unwrap();
                assert_eq!(trades_of(&"backpack".into(), &symbol), subject);
            }
        }
    }

    #[test]
    fn a_trade_is_the_same_to_every_collector_and_an_event_of_a_book_is_not() {
        let trade = |id, time_ms| {
            let identity = Identity::Trade {
                id,
                count: 1,
                is_fetched: false,
                time_ms,
            };
            message_id(&record(Some("BTC-USDT"), identity))
        };
        let ids = [
            trade(TradeId::Number(5), Some(1_723_161_255_342)),
            trade(TradeId::Text("a b.c".into()), None),
            message_id(&record(Some("BTC-USDT"), Identity::State { last_id: 9 })),
            message_id(&record(Some("BTC-USDT"), Identity::Sequence)),
        ];
        assert_eq!(
            ids,
            [
                "backpack.trades.BTC-USDT.5.1.1723161255342",
                "backpack.trades.BTC-USDT.a%20b%2Ec.1",
                "backpack.ticker.BTC-USDT.9",
                "20240808T235414Z-1f3a9c.backpack.7",
            ]
        );
        let numbers = ids.each_ref().map(|id| stored_trade(id));
        assert_eq!(numbers, [Some(("BTC-USDT", 5..=5)), None, None, None]);
    }
}
