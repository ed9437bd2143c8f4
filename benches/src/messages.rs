//! Real messages of Binance, recorded in August 2024.

use feeds::{Binance, Exchange, Instruments};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Result;

const RECORDING: &str =
    include_str!("../../crates/feeds/tests/fixtures/binance/ws_combined_btcusdt_ethusdt_10s.jsonl");
const LISTED: &str = r#"{"symbols":[
    {"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT"},
    {"symbol":"ETHUSDT","status":"TRADING","baseAsset":"ETH","quoteAsset":"USDT"}]}"#;

/// How many levels of each side a change of a book has.
const LEVELS: usize = 20;

/// A kind of message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Trade,
    Ticker,
    Depth,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Trade, Self::Ticker, Self::Depth];

    /// Its name in the tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Trade => "trade",
            Self::Ticker => "best bid and ask",
            Self::Depth => "book delta, 20+20 levels",
        }
    }

    /// Its name in Binance's streams.
    pub(crate) fn stream(self) -> &'static str {
        match self {
            Self::Trade => "trade",
            Self::Ticker => "bookTicker",
            Self::Depth => "depth",
        }
    }

    /// How many levels of a book each message of this kind has.
    pub(crate) fn levels(self) -> usize {
        match self {
            Self::Trade | Self::Ticker => 0,
            Self::Depth => 2 * LEVELS,
        }
    }

    /// The recorded messages of this kind. Changes of a book are those that touch at least twenty
    /// levels of each side, cut to twenty, so that all are alike.
    pub(crate) fn recorded(self) -> Result<Vec<String>> {
        let marker = format!("usdt@{}", self.stream());
        let lines = RECORDING.lines().filter(|line| line.contains(&marker));
        match self {
            Self::Trade | Self::Ticker => Ok(lines.map(str::to_owned).collect()),
            Self::Depth => {
                let cut = lines.map(cut).collect::<Result<Vec<_>>>()?;
                Ok(cut.into_iter().flatten().collect())
            }
        }
    }
}

/// What is traded in the recording.
pub(crate) fn instruments() -> Result<Instruments> {
    Ok(Binance::default().parse_metadata(LISTED.as_bytes())?)
}

#[derive(Deserialize)]
struct Combined<'a> {
    stream: &'a str,
    #[serde(borrow)]
    data: Depth<'a>,
}

#[derive(Deserialize)]
struct Depth<'a> {
    #[serde(rename = "E")]
    time: u64,
    s: &'a str,
    #[serde(rename = "U")]
    first: u64,
    u: u64,
    #[serde(borrow)]
    b: Vec<&'a RawValue>,
    #[serde(borrow)]
    a: Vec<&'a RawValue>,
}

/// `line` with twenty levels of each side; `None` if it has fewer.
fn cut(line: &str) -> Result<Option<String>> {
    let Combined { stream, data } = serde_json::from_str(line)?;
    let side = |levels: &[&RawValue]| -> Option<String> {
        let levels: Vec<_> = levels
            .get(..LEVELS)?
            .iter()
            .map(|level| level.get())
            .collect();
        Some(levels.join(","))
    };
    let (Some(bids), Some(asks)) = (side(&data.b), side(&data.a)) else {
        return Ok(None);
    };
    let Depth {
        time, s, first, u, ..
    } = data;
    Ok(Some(format!(
        r#"{{"stream":"{stream}","data":{{"e":"depthUpdate","E":{time},"s":"{s}","U":{first},"u":{u},"b":[{bids}],"a":[{asks}]}}}}"#
    )))
}

#[cfg(test)]
mod tests {
    use feeds::{ExchangeMessage, Frame};

    use super::*;

    #[test]
    fn the_recording_has_many_messages_of_each_kind_and_the_codec_reads_them() {
        let instruments = instruments().unwrap();
        for kind in Kind::ALL {
            let messages = kind.recorded().unwrap();
            assert!(messages.len() >= 30, "{kind:?}: {}", messages.len());
            for text in messages {
                let mut read = Vec::new();
                let mut decoder = Binance::default().decoder();
                decoder
                    .decode(Frame::Text(&text), &instruments, &mut read)
                    .unwrap();
                match (kind, read.remove(0)) {
                    (Kind::Trade, ExchangeMessage::Trade(_))
                    | (Kind::Ticker, ExchangeMessage::Ticker(_)) => {}
                    (Kind::Depth, ExchangeMessage::Book(delta)) => {
                        assert_eq!((delta.bids.len(), delta.asks.len()), (20, 20));
                    }
                    (_, other) => panic!("{other:?}"),
                }
            }
        }
    }
}
