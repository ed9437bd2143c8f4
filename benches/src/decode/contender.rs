//! Who takes part.

use std::hint::black_box;

use feeds::{Binance, Exchange, ExchangeMessage, Frame};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use simd_json::Buffers;

use super::wire::{Combined, Depth, Message, Ticker, Trade};
use crate::error::Result;
use crate::messages::{Kind, instruments};

/// A way to read a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contender {
    Feeds,
    SerdeBorrowed,
    SerdeOwned,
    SerdeOwnedDecimals,
    SimdJson,
    SonicRs,
    PythonOrjson,
    PythonJson,
}

/// Reads a message and tells how many levels it had.
pub(super) type Decode = Box<dyn FnMut(&str) -> Result<usize>>;

pub(super) enum Decoder {
    Rust(Decode),
    /// A function of `decode.py`.
    Python(&'static str),
}

impl Contender {
    pub(super) const ALL: [Self; 8] = [
        Self::Feeds,
        Self::SerdeBorrowed,
        Self::SerdeOwned,
        Self::SerdeOwnedDecimals,
        Self::SimdJson,
        Self::SonicRs,
        Self::PythonOrjson,
        Self::PythonJson,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Feeds => "feeds",
            Self::SerdeBorrowed => "serde_json, borrowed",
            Self::SerdeOwned => "serde_json, owned",
            Self::SerdeOwnedDecimals => "serde_json, owned, decimals",
            Self::SimdJson => "simd-json, borrowed",
            Self::SonicRs => "sonic-rs, borrowed",
            Self::PythonOrjson => "Python orjson",
            Self::PythonJson => "Python json, as cryptofeed",
        }
    }

    /// What it makes of a message.
    pub(super) fn result(self) -> &'static str {
        match self {
            Self::Feeds => "event with decimals",
            Self::SerdeBorrowed | Self::SonicRs => "slices of the text",
            Self::SerdeOwned => "strings",
            Self::SerdeOwnedDecimals => "strings, then decimals",
            Self::SimdJson => "slices of a copy of the text",
            Self::PythonOrjson => "dictionary of strings",
            Self::PythonJson => "tuple with decimals",
        }
    }

    /// Reads messages of `kind`. The peers are told beforehand which kind will come.
    pub(super) fn decoder(self, kind: Kind) -> Result<Decoder> {
        Ok(Decoder::Rust(match self {
            Self::Feeds => feeds()?,
            Self::SerdeBorrowed => Box::new(match kind {
                Kind::Trade => |text| borrowed::<Trade<&str>>(text),
                Kind::Ticker => |text| borrowed::<Ticker<&str>>(text),
                Kind::Depth => |text| borrowed::<Depth<&str>>(text),
            }),
            Self::SerdeOwned => Box::new(match kind {
                Kind::Trade => |text| Ok(owned::<Trade<String>>(text)?.levels()),
                Kind::Ticker => |text| Ok(owned::<Ticker<String>>(text)?.levels()),
                Kind::Depth => |text| Ok(owned::<Depth<String>>(text)?.levels()),
            }),
            Self::SerdeOwnedDecimals => Box::new(match kind {
                Kind::Trade => |text| with_decimals(&owned::<Trade<String>>(text)?),
                Kind::Ticker => |text| with_decimals(&owned::<Ticker<String>>(text)?),
                Kind::Depth => |text| with_decimals(&owned::<Depth<String>>(text)?),
            }),
            Self::SimdJson => {
                let mut scratch = Scratch::default();
                match kind {
                    Kind::Trade => Box::new(move |text| simd::<Trade<&str>>(text, &mut scratch)),
                    Kind::Ticker => Box::new(move |text| simd::<Ticker<&str>>(text, &mut scratch)),
                    Kind::Depth => Box::new(move |text| simd::<Depth<&str>>(text, &mut scratch)),
                }
            }
            Self::SonicRs => Box::new(match kind {
                Kind::Trade => |text| sonic::<Trade<&str>>(text),
                Kind::Ticker => |text| sonic::<Ticker<&str>>(text),
                Kind::Depth => |text| sonic::<Depth<&str>>(text),
            }),
            Self::PythonOrjson => return Ok(Decoder::Python("orjson")),
            Self::PythonJson => return Ok(Decoder::Python("json")),
        }))
    }
}

fn feeds() -> Result<Decode> {
    let (mut decoder, instruments) = (Binance::default().decoder(), instruments()?);
    let mut messages = Vec::new();
    Ok(Box::new(move |text| {
        messages.clear();
        decoder.decode(Frame::Text(text), &instruments, &mut messages)?;
        match black_box(&messages[..]) {
            [ExchangeMessage::Trade(_) | ExchangeMessage::Ticker(_)] => Ok(0),
            [ExchangeMessage::Book(change)] => Ok(change.bids.len() + change.asks.len()),
            _ => Err("not a message of the market".into()),
        }
    }))
}

fn borrowed<'a, D: Message + Deserialize<'a>>(text: &'a str) -> Result<usize> {
    let message: Combined<&str, D> = serde_json::from_str(text)?;
    Ok(black_box(&message).levels())
}

fn owned<D: DeserializeOwned>(text: &str) -> Result<Combined<String, D>> {
    Ok(black_box(serde_json::from_str(text)?))
}

fn with_decimals(message: &impl Message) -> Result<usize> {
    black_box(message.decimals()?);
    Ok(message.levels())
}

/// simd-json changes the text that it reads, so it gets a copy.
#[derive(Default)]
struct Scratch {
    copy: Vec<u8>,
    buffers: Buffers,
}

fn simd<'a, D: Message + Deserialize<'a>>(text: &str, scratch: &'a mut Scratch) -> Result<usize> {
    let Scratch { copy, buffers } = scratch;
    copy.clear();
    copy.extend_from_slice(text.as_bytes());
    let message: Combined<&str, D> = simd_json::serde::from_slice_with_buffers(copy, buffers)?;
    Ok(black_box(&message).levels())
}

fn sonic<'a, D: Message + Deserialize<'a>>(text: &'a str) -> Result<usize> {
    let message: Combined<&str, D> = sonic_rs::from_str(text)?;
    Ok(black_box(&message).levels())
}
