//! What is sent, and how.

use std::fmt;
use std::time::Duration;

use crate::error::Result;
use crate::messages::Kind;

/// What the server sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Payload {
    /// Text of so many bytes.
    Text(usize),
    /// Recorded messages.
    Recorded(Kind),
}

impl Payload {
    pub(super) const ALL: [Self; 5] = [
        Self::Text(200),
        Self::Text(2000),
        Self::Recorded(Kind::Trade),
        Self::Recorded(Kind::Ticker),
        Self::Recorded(Kind::Depth),
    ];

    fn path(self) -> String {
        match self {
            Self::Text(size) => size.to_string(),
            Self::Recorded(kind) => kind.stream().to_owned(),
        }
    }

    /// The messages that are sent, over and over.
    pub(super) fn messages(self) -> Result<Vec<String>> {
        match self {
            // ASCII, as market data is.
            Self::Text(size) => {
                let text = r#"{"stream":"benchmark","sequence":1234567890,"price":"61837.63"}"#;
                Ok(vec![text.chars().cycle().take(size).collect()])
            }
            Self::Recorded(kind) => kind.recorded(),
        }
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(size) => write!(f, "text of {size} B"),
            Self::Recorded(kind) => f.write_str(kind.name()),
        }
    }
}

/// Between two messages that come one at a time. Without it, how many of them a client finds at
/// once would depend on how fast it is.
pub(super) const PAUSE: Duration = Duration::from_micros(50);

/// How the messages leave the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// As many as fit into 256 KB with every write, and as many as fit into every TLS record.
    Burst,
    /// The same, but each in a TLS record of its own.
    Records,
    /// Each with a write, and so a TLS record, of its own, and with a [`PAUSE`] before the next: a
    /// client that keeps up wakes for every one of them.
    Single,
}

impl Framing {
    /// Without TLS there are no records, and one message at a time costs the same.
    fn all(is_secure: bool) -> &'static [Self] {
        if is_secure {
            &[Self::Burst, Self::Records, Self::Single]
        } else {
            &[Self::Burst]
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Burst => "burst",
            Self::Records => "records",
            Self::Single => "single",
        }
    }
}

impl fmt::Display for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Burst => "bursts",
            Self::Records => "bursts, a record each",
            Self::Single => "one at a time",
        })
    }
}

/// How the client reaches the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relay {
    Direct,
    /// Over something that forwards bytes and that the client does not know of. It changes the
    /// sizes of reads as a proxy does, so only it shows what the proxy costs the client.
    Forwarded,
    /// Through a SOCKS5 proxy, which forwards bytes by the same code.
    Socks5,
}

impl fmt::Display for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Direct => "direct",
            Self::Forwarded => "forwarded",
            Self::Socks5 => "SOCKS5",
        })
    }
}

/// What is compared with one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) payload: Payload,
    pub(super) framing: Framing,
    pub(super) is_secure: bool,
}

impl Cell {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        Payload::ALL.into_iter().flat_map(|payload| {
            [false, true].into_iter().flat_map(move |is_secure| {
                Framing::all(is_secure).iter().map(move |&framing| Self {
                    payload,
                    framing,
                    is_secure,
                })
            })
        })
    }

    /// The path by which the server is asked for it.
    pub(super) fn path(self) -> String {
        format!("/{}/{}", self.payload.path(), self.framing.path())
    }

    /// What a client asks for by `path`.
    pub(super) fn of_path(path: &str) -> Option<(Payload, Framing)> {
        let mut cells = Self::all();
        let cell = cells.find(|cell| cell.path() == path)?;
        Some((cell.payload, cell.framing))
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let security = if self.is_secure { "TLS" } else { "plain" };
        write!(f, "{}, {security}, {}", self.payload, self.framing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_the_length_that_is_asked_for() {
        for size in [200, 2000] {
            assert_eq!(Payload::Text(size).messages().unwrap()[0].len(), size);
        }
    }

    #[test]
    fn every_cell_can_be_asked_for() {
        for cell in Cell::all() {
            let asked = Cell::of_path(&cell.path());
            assert_eq!(asked, Some((cell.payload, cell.framing)));
        }
        assert_eq!(Cell::of_path("/"), None);
    }
}
