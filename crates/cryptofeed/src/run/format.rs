//! Output formats of events.

use std::io::{self, IsTerminal};

use clap::ValueEnum;
use feeds::{EventWriter, FeedEvent};

use super::text;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// One JSON object per line, for every event
    Jsonl,
    /// Readable lines, for market data only; other events are in the log
    Text,
}

impl Format {
    /// Text on a terminal, JSON otherwise.
    pub(super) fn for_stdout() -> Self {
        if io::stdout().is_terminal() {
            Self::Text
        } else {
            Self::Jsonl
        }
    }

    /// Writes `event` as one line, JSON by `json`, if the format includes it. Returns whether it does.
    pub(super) fn write(
        self,
        json: &mut EventWriter,
        event: &FeedEvent,
        line: &mut Vec<u8>,
    ) -> io::Result<bool> {
        match self {
            Self::Jsonl => {
                json.write(event, line)?;
                line.push(b'\n');
                Ok(true)
            }
            Self::Text => text::write(event, line),
        }
    }
}
