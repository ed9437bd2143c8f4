//! Kraken's messages, books, requests and answers.

mod books;
mod control;
mod messages;
mod requests;
mod rest;

use feeds::exchange::{BookChange, BookRules, Reply};
use feeds::{
    BookAction, BookSync, Channel, Exchange, ExchangeMessage, FeedEventKind, Frame, Instrument,
    Instruments, Kraken, OrderBook,
};

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

fn books(messages: Vec<ExchangeMessage>) -> Vec<BookChange> {
    let book = |message| match message {
        ExchangeMessage::Book(change) => Some(change),
        _ => None,
    };
    messages.into_iter().filter_map(book).collect()
}

/// A book that follows the stream.
struct Follower(BookSync);

impl Follower {
    fn new(rules: &BookRules) -> Self {
        Self(BookSync::new(symbol("BTC-USD"), rules))
    }

    /// Takes a change; whether the book was given up.
    fn is_wrong_after(&mut self, change: &BookChange) -> bool {
        self.0.update(change.clone(), 0);
        let mut is_wrong = false;
        while let Some(action) = self.0.next_action() {
            let event = match action {
                BookAction::Emit(event, _) => event,
                BookAction::NeedSnapshot => continue,
            };
            is_wrong |= matches!(event, FeedEventKind::BookInvalid { .. });
        }
        is_wrong
    }

    fn book(&self) -> Option<&OrderBook> {
        self.0.book().map(|(book, _)| book)
    }
}

/// How many checksums hold, of one symbol's changes. None may fail.
fn verified(rules: &BookRules, changes: &[BookChange]) -> usize {
    let mut follower = Follower::new(rules);
    for (index, change) in changes.iter().enumerate() {
        assert!(!follower.is_wrong_after(change), "change {index}");
        assert!(follower.book().is_some(), "change {index}");
    }
    let with_checksum = |change: &&BookChange| change.checksum.is_some();
    changes.iter().filter(with_checksum).count()
}

/// The index of the first change that makes a book wrong.
fn first_fault(rules: &BookRules, changes: &[BookChange]) -> Option<usize> {
    let mut follower = Follower::new(rules);
    let mut is_wrong =
        |change: &BookChange| follower.is_wrong_after(change) || follower.book().is_none();
    changes.iter().position(&mut is_wrong)
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
