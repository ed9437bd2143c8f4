//! What is done with a received message.

use std::hint::black_box;

use feeds::{Binance, Decoder, Exchange, ExchangeMessage, Frame, Instruments};

use super::cell::Payload;
use crate::error::Result;
use crate::messages::{Kind, instruments};

/// Every message of a text has its length; one of so many is compared byte by byte.
const COMPARED: u64 = 256;

/// Takes the messages of one kind, and finds out whether they are what was sent.
#[derive(Debug)]
pub(super) enum Check {
    /// Looks at the text.
    Text { sent: String, seen: u64 },
    /// Makes an event of it.
    Event {
        kind: Kind,
        decoder: Box<dyn Decoder>,
        read: Vec<ExchangeMessage>,
        instruments: Instruments,
    },
}

impl Check {
    pub(super) fn new(payload: Payload) -> Result<Self> {
        Ok(match payload {
            Payload::Text(_) => Self::Text {
                sent: payload.messages()?.concat(),
                seen: 0,
            },
            Payload::Recorded(kind) => Self::Event {
                kind,
                decoder: Binance::default().decoder(),
                read: Vec::new(),
                instruments: instruments()?,
            },
        })
    }

    pub(super) fn take(&mut self, text: &str) -> Result<()> {
        match self {
            Self::Text { sent, seen } => {
                let is_compared = seen.is_multiple_of(COMPARED);
                *seen += 1;
                let is_same = text.len() == sent.len() && (!is_compared || text == sent);
                is_same
                    .then_some(())
                    .ok_or_else(|| "another text than was sent".into())
            }
            Self::Event {
                kind,
                decoder,
                read,
                instruments,
            } => {
                read.clear();
                decoder.decode(Frame::Text(text), instruments, read)?;
                let is_expected = match &read[..] {
                    [ExchangeMessage::Trade(_)] => *kind == Kind::Trade,
                    [ExchangeMessage::Ticker(_)] => *kind == Kind::Ticker,
                    [ExchangeMessage::Book(delta)] => {
                        *kind == Kind::Depth && delta.bids.len() == delta.asks.len()
                    }
                    _ => false,
                };
                black_box(read);
                is_expected
                    .then_some(())
                    .ok_or_else(|| "another event than was sent".into())
            }
        }
    }
}
