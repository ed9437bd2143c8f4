//! The recorded messages, and small ones made for a test.

use std::collections::BTreeMap;
use std::fs;

use feeds::exchange::Refusal;
use feeds::{
    Backpack, Binance, Channel, Exchange, ExchangeMessage, Frame, Instrument, Instruments, Level,
    Malformed, Stream, Symbol,
};

pub(crate) fn read(path: &str) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    fs::read_to_string(format!("{root}/{path}")).unwrap()
}

pub(crate) fn lines(path: &str) -> Vec<String> {
    read(path).lines().map(str::to_owned).collect()
}

pub(crate) fn binance() -> Instruments {
    let listed = read("binance/rest_exchangeInfo_2021_trimmed.json");
    Binance::default()
        .parse_metadata(listed.as_bytes())
        .unwrap()
}

pub(crate) fn backpack() -> Instruments {
    let listed = read("backpack/rest_markets_trimmed.json");
    Backpack::default()
        .parse_metadata(listed.as_bytes())
        .unwrap()
}

pub(crate) fn symbol(text: &str) -> Symbol {
    text.parse().unwrap()
}

pub(crate) fn level(price: &str, size: &str) -> Level {
    Level {
        price: price.parse().unwrap(),
        size: size.parse().unwrap(),
    }
}

/// The one thing that a text message says.
pub(crate) fn decode(
    exchange: &dyn Exchange,
    instruments: &Instruments,
    text: &str,
) -> Result<ExchangeMessage, Malformed> {
    let mut messages = Vec::new();
    let frame = Frame::Text(text);
    exchange
        .decoder()
        .decode(frame, instruments, &mut messages)?;
    assert_eq!(messages.len(), 1, "{text}");
    Ok(messages.remove(0))
}

/// One stream of an instrument.
pub(crate) fn streams(instruments: &[Instrument], channels: &[Channel]) -> Vec<Stream> {
    let stream = |instrument: &Instrument, channel: &Channel| Stream {
        instrument: instrument.clone(),
        channel: *channel,
    };
    let of = |instrument| {
        channels
            .iter()
            .map(move |channel| stream(instrument, channel))
    };
    instruments.iter().flat_map(of).collect()
}

/// What a message turned out to be, in a word or two.
pub(crate) fn outcome(decoded: &Result<ExchangeMessage, Malformed>) -> String {
    match decoded {
        Ok(ExchangeMessage::Trade(trade)) => format!("trade {}", trade.symbol),
        Ok(ExchangeMessage::Ticker(ticker)) => format!("ticker {}", ticker.symbol),
        Ok(ExchangeMessage::Book(change)) => format!("depth {}", change.symbol),
        Ok(ExchangeMessage::Acknowledged(_)) => "acknowledged".to_owned(),
        Ok(ExchangeMessage::Refused(Refusal { code, message, .. })) => {
            format!("rejected {} {message}", code.as_deref().unwrap_or("?"))
        }
        Ok(ExchangeMessage::ShutdownAnnounced { .. }) => "shutdown".to_owned(),
        Ok(ExchangeMessage::Unknown { kind }) => format!("unknown {kind}"),
        Ok(other) => panic!("{other:?}"),
        Err(malformed) => format!("malformed {}", malformed.reason()),
    }
}

/// How many messages of a file had which outcome.
pub(crate) fn tally(
    exchange: &dyn Exchange,
    instruments: &Instruments,
    path: &str,
) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for line in lines(path) {
        let decoded = decode(exchange, instruments, &line);
        *tally.entry(outcome(&decoded)).or_default() += 1;
    }
    tally
}

pub(crate) fn counts<const N: usize>(expected: [(&str, usize); N]) -> BTreeMap<String, usize> {
    let owned = |(outcome, count): (&str, usize)| (outcome.to_owned(), count);
    expected.into_iter().map(owned).collect()
}

/// The instruments with these names.
pub(crate) fn of(listed: &Instruments, names: &[&str]) -> Vec<Instrument> {
    let names = names.iter().map(|name| listed.by_symbol(&symbol(name)));
    names.map(|it| it.unwrap().clone()).collect()
}
