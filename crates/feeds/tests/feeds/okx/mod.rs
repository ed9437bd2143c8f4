//! OKX's messages, books, requests and answers.

mod books;
mod messages;
mod requests;
mod rest;
mod session;
mod values;

use bytes::Bytes;
use feeds::{Exchange, ExchangeMessage, Frame, Instrument, Instruments, Malformed, Okx};
use http::Request;

use crate::fixtures::symbol;

const RECORDED: &str = "okx/cryptofeed_2022/ws.jsonl";

const NAMES: [&str; 4] = ["BTC-USDT", "SOL-USDT", "UNI-USD-SWAP", "BTC-USD-220527"];

fn listed() -> Instruments {
    let instrument = |name: &&str| Instrument::new(symbol(name), name);
    NAMES.iter().map(instrument).collect()
}

fn try_decode(text: &str) -> Result<Vec<ExchangeMessage>, Malformed> {
    let mut messages = Vec::new();
    let mut decoder = Okx::default().decoder();
    decoder.decode(Frame::Text(text), &listed(), &mut messages)?;
    Ok(messages)
}

/// What the only message of a frame is.
fn decode(text: &str) -> ExchangeMessage {
    let mut messages = try_decode(text).unwrap_or_else(|malformed| panic!("{malformed}: {text}"));
    assert_eq!(messages.len(), 1, "{text}");
    messages.remove(0)
}

fn path(request: &Request<Bytes>) -> &str {
    request.uri().path_and_query().unwrap().as_str()
}
