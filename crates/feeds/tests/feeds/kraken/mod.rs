//! Kraken's messages, books, requests and answers.

mod books;
mod control;
mod messages;
mod requests;
mod rest;

use feeds::exchange::Reply;
use feeds::{Channel, Exchange, ExchangeMessage, Frame, Instrument, Instruments, Kraken};

use crate::fixtures::symbol;

const NAMES: [&str; 12] = [
    "BTC/USD",
    "ETH/USD",
    "XRP/USD",
    "SOL/USD",
    "ALGO/USD",
    "USDG/USD",
    "MATIC/USD",
    "BTC/CHF",
    "KSM/BTC",
    "ETH/CHF",
    "OCEAN/BTC",
    "GRT/ETH",
];

/// Instruments whose neutral name is the exchange's with `-`.
fn instruments() -> Instruments {
    let instrument = |name: &&str| Instrument::new(symbol(&name.replace('/', "-")), name);
    NAMES.iter().map(instrument).collect()
}

/// What the messages of one connection say.
fn decode(lines: &[String]) -> Vec<ExchangeMessage> {
    let (mut decoder, listed) = (Kraken::default().decoder(), instruments());
    let mut messages = Vec::new();
    for line in lines {
        decoder
            .decode(Frame::Text(line), &listed, &mut messages)
            .unwrap_or_else(|malformed| panic!("{malformed}: {line}"));
    }
    messages
}

fn one(text: &str) -> ExchangeMessage {
    let mut messages = decode(&[text.to_owned()]);
    assert_eq!(messages.len(), 1, "{messages:?}");
    messages.remove(0)
}

/// What a message is, in a word or two.
fn outcome(message: &ExchangeMessage) -> String {
    match message {
        ExchangeMessage::Trade(trade) if trade.is_history => format!("history {}", trade.symbol),
        ExchangeMessage::Trade(trade) => format!("trade {}", trade.symbol),
        ExchangeMessage::Ticker(ticker) => format!("ticker {}", ticker.symbol),
        ExchangeMessage::Book(change) => format!("book {}", change.symbol),
        ExchangeMessage::Acknowledged(reply) => format!("acknowledged {}", of(reply)),
        ExchangeMessage::Refused(refusal) => {
            format!("refused {}: {}", of(&refusal.reply), refusal.message)
        }
        ExchangeMessage::Notice { text } => format!("notice {text}"),
        ExchangeMessage::Unknown { kind } => format!("unknown {kind}"),
        other => format!("{other:?}"),
    }
}

fn of(reply: &Reply) -> String {
    let request = reply.request.map_or("-".to_owned(), |id| id.to_string());
    let symbol = reply.symbol.as_ref().map_or("-", |symbol| symbol.as_str());
    let channel = reply.channel.map_or("-", Channel::as_str);
    format!("{request} {channel} {symbol}")
}
