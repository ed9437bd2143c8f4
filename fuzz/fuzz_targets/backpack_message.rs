//! Any bytes as a message or an answer of Backpack.
#![no_main]

use feeds::Backpack;
use fuzz::read_as_every_message;
use libfuzzer_sys::fuzz_target;

const METADATA: &[u8] = br#"[{"symbol":"SOL_USDC","baseSymbol":"SOL","quoteSymbol":"USDC",
    "marketType":"SPOT","orderBookState":"Open","visible":true}]"#;

fuzz_target!(|data: &[u8]| read_as_every_message(&Backpack::default(), METADATA, data));
