//! The faults, and where they make sense.

use std::fmt;
use std::time::Duration;

use proxy_config::Transport;
use testkit::LinkFault;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Refuse,
    Reset,
    Stall,
    Drip,
    Truncate,
    Garbage,
    HalfClose,
    Latency,
    Bandwidth,
    Restart,
    Mute,
    Ban,
    ShutdownNotice,
    IdRestart,
}

/// Whether a fault makes sense.
pub(super) enum Scope {
    /// It does, and when it is over, everything is right again within this time.
    Within(Duration),
    /// It does not, for this reason.
    Nowhere(&'static str),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Within(time) => write!(f, "within {} s", time.as_secs()),
            Self::Nowhere(reason) => f.write_str(reason),
        }
    }
}

impl Fault {
    pub(super) const ALL: [Self; 14] = [
        Self::Refuse,
        Self::Reset,
        Self::Stall,
        Self::Drip,
        Self::Truncate,
        Self::Garbage,
        Self::HalfClose,
        Self::Latency,
        Self::Bandwidth,
        Self::Restart,
        Self::Mute,
        Self::Ban,
        Self::ShutdownNotice,
        Self::IdRestart,
    ];

    /// What happens, in words.
    pub(super) fn about(self) -> &'static str {
        match self {
            Self::Refuse => "connections are refused",
            Self::Reset => "each connection is reset after 3,000 bytes",
            Self::Stall => "nothing is carried, nothing is closed",
            Self::Drip => "one byte every 100 ms",
            Self::Truncate => "each connection ends after 3,000 bytes",
            Self::Garbage => "every byte after 3,000 is another one",
            Self::HalfClose => "the way down is closed, the way up is not",
            Self::Latency => "everything is 300 ms late",
            Self::Bandwidth => "4,000 bytes a second",
            Self::Restart => "the exchange closes everything and is away for a second",
            Self::Mute => "nothing is sent but pings",
            Self::Ban => "the address is banned (418)",
            Self::ShutdownNotice => "the exchange announces its end",
            Self::IdRestart => "changes and trades are numbered anew",
        }
    }

    pub(super) fn scope(self, transport: Transport) -> Scope {
        let seconds = |seconds| Scope::Within(Duration::from_secs(seconds));
        match (self, transport) {
            (Self::Mute, Transport::Http) => {
                Scope::Nowhere("no meaning: an answer that does not come is a stall")
            }
            (Self::ShutdownNotice, Transport::Http) => {
                Scope::Nowhere("no meaning: it is said in streams")
            }
            (Self::IdRestart, Transport::Http) => {
                Scope::Nowhere("no meaning: numbers are those of a stream")
            }
            // Kraken does not say how long, and then it is a minute.
            (Self::Ban, Transport::Http) => seconds(70),
            // What was asked for before it ended may have to time out first.
            (Self::Stall | Self::Drip | Self::Bandwidth | Self::Ban, _) => seconds(8),
            _ => seconds(5),
        }
    }

    /// How long it lasts: longer than what is waited for, where something is.
    pub(super) fn lasts(self) -> Duration {
        match self {
            Self::Stall | Self::Drip => Duration::from_secs(5),
            _ => Duration::from_secs(1),
        }
    }

    /// The fault of the link, where it is one.
    pub(super) fn of_link(self) -> Option<LinkFault> {
        const AFTER: usize = 3000;
        Some(match self {
            Self::Refuse => LinkFault::Refuse,
            Self::Reset => LinkFault::Reset { after: AFTER },
            Self::Stall => LinkFault::Stall,
            Self::Drip => LinkFault::Drip {
                every: Duration::from_millis(100),
            },
            Self::Truncate => LinkFault::Truncate { after: AFTER },
            Self::Garbage => LinkFault::Garbage { after: AFTER },
            Self::HalfClose => LinkFault::HalfClose,
            Self::Latency => LinkFault::Latency {
                by: Duration::from_millis(300),
            },
            Self::Bandwidth => LinkFault::Bandwidth {
                bytes_per_second: 4000,
            },
            Self::Restart | Self::Mute | Self::Ban | Self::ShutdownNotice | Self::IdRestart => {
                return None;
            }
        })
    }
}
