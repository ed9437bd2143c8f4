//! Output formats of events.

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use feeds::FeedEvent;

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

    /// Writes `event` as one line, if the format includes it. Returns whether it does.
    pub(super) fn write(self, event: &FeedEvent, mut line: impl Write) -> io::Result<bool> {
        match self {
            Self::Jsonl => {
                serde_json::to_writer(&mut line, event)?;
                line.write_all(b"\n")?;
                Ok(true)
            }
            Self::Text => text::write(event, line),
        }
    }
}
