//! What a hostile exchange sends.

use std::iter::repeat_n;

use crate::wire::{PING, TEXT, frame};

/// A flood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Pings,
    EmptyContinuations,
    Junk,
    Refusals,
    Digits,
    Brackets,
    UnreadChanges,
    LongLines,
    WaitingChanges,
    Chunks,
    Interim,
}

/// As large as a message may be.
const LARGE: usize = 4_000_000;

/// A level that takes more in memory than on the wire.
const SHORT: &str = r#"["1","1"]"#;

/// A level that takes more in the output than in memory.
const LONG: &str = r#"["0.1234567890123456789012345678","1234567890123456789012.345678"]"#;

impl Kind {
    pub(crate) const ALL: [Self; 11] = [
        Self::Pings,
        Self::EmptyContinuations,
        Self::Junk,
        Self::Refusals,
        Self::Digits,
        Self::Brackets,
        Self::UnreadChanges,
        Self::LongLines,
        Self::WaitingChanges,
        Self::Chunks,
        Self::Interim,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pings => "pings of 125 bytes, whose pongs nobody reads",
            Self::EmptyContinuations => "empty continuation frames",
            Self::Junk => "text that is no message",
            Self::Refusals => "refusals of 4 MB",
            Self::Digits => "prices of 4 MB",
            Self::Brackets => "lists of 4 million brackets",
            Self::UnreadChanges => "book changes of 4 MB, and nobody reads the output",
            Self::LongLines => "book changes of 4 MB that are lines of 4 MB",
            Self::WaitingChanges => "book changes of 40 kB without a snapshot",
            Self::Chunks => "a body in chunks of one byte",
            Self::Interim => "interim answers without an end",
        }
    }

    pub(crate) fn is_output_read(self) -> bool {
        self != Self::UnreadChanges
    }

    /// What the WebSocket sends, again and again; `number` counts.
    pub(crate) fn frames(self, number: u64) -> Vec<u8> {
        match self {
            Self::Pings => repeat_n(frame(PING, &[b'x'; 125]), 100).flatten().collect(),
            Self::EmptyContinuations => {
                let first = if number == 0 {
                    frame(0x01, b"")
                } else {
                    Vec::new()
                };
                first
                    .into_iter()
                    .chain(repeat_n(frame(0x00, b""), 1000).flatten())
                    .collect()
            }
            Self::Junk => repeat_n(frame(TEXT, b"junk"), 1000).flatten().collect(),
            Self::Refusals => {
                let words = "x".repeat(LARGE);
                frame(
                    TEXT,
                    format!(r#"{{"error":{{"code":1,"msg":"{words}"}},"id":1}}"#).as_bytes(),
                )
            }
            Self::Digits => {
                let price = "1".repeat(LARGE);
                frame(
                    TEXT,
                    change(number, &format!(r#"["{price}","1"]"#)).as_bytes(),
                )
            }
            Self::Brackets => frame(TEXT, change(number, &"[".repeat(LARGE)).as_bytes()),
            Self::UnreadChanges => frame(TEXT, levels(number, SHORT, LARGE).as_bytes()),
            Self::LongLines => frame(TEXT, levels(number, LONG, LARGE).as_bytes()),
            Self::WaitingChanges => frame(TEXT, levels(number, SHORT, 40_000).as_bytes()),
            Self::Chunks | Self::Interim => Vec::new(),
        }
    }
}

fn levels(number: u64, level: &str, bytes: usize) -> String {
    let levels: Vec<_> = repeat_n(level, bytes / (level.len() + 1)).collect();
    change(number, &levels.join(","))
}

fn change(number: u64, bids: &str) -> String {
    let id = number + 1;
    format!(
        r#"{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":1790000000000,"s":"BTCUSDT","U":{id},"u":{id},"b":[{bids}],"a":[]}}}}"#
    )
}
