//! Any bytes as a message or an answer of Binance.
#![no_main]

use feeds::Binance;
use fuzz::read_as_every_message;
use libfuzzer_sys::fuzz_target;

const METADATA: &[u8] =
    br#"{"symbols":[{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT"}]}"#;

fuzz_target!(|data: &[u8]| read_as_every_message(&Binance::default(), METADATA, data));
