//! Exchanges, with their connections and symbols.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The state of an exchange.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExchangeView {
    /// Its name.
    pub exchange: String,
    /// Whether its list of what is trading has been loaded.
    pub is_listed: bool,
    /// When the last market data came.
    pub last_event_ns: Option<i64>,
    /// Events of market data in a second, of all connections.
    pub events_per_second: f64,
    /// The open connections, by number.
    pub connections: Vec<ConnectionView>,
    /// What has no connection, since the last one failed.
    pub outages: Vec<OutageView>,
    /// What is wanted by name or is streamed, by name.
    pub symbols: Vec<SymbolView>,
    /// The wanted patterns that no trading symbol has.
    pub unmatched: Vec<String>,
}

/// An open connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConnectionView {
    /// Its number, as in events.
    pub number: u64,
    /// When it was opened.
    pub opened_ns: i64,
    /// The proxies that it passes, as `host:port`, nearest first.
    pub proxies: Vec<String>,
    /// How many symbols it is for.
    pub symbols: usize,
    /// The number of these symbols.
    pub group: u64,
    /// How many events of market data it has brought first.
    pub events: u64,
    /// How many of those in a second.
    pub events_per_second: f64,
}

/// What has no connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutageView {
    /// The number of the symbols that should have one; `None` if it is the list of what is trading that is
    /// missing.
    pub group: Option<u64>,
    /// How many symbols those are.
    pub symbols: usize,
    /// Since when.
    pub since_ns: i64,
    /// How many tries have failed in a row.
    pub attempt: u32,
    /// Why the last one has.
    pub reason: String,
    /// The proxies that the last open connection passed. Empty if there was none.
    pub proxies: Vec<String>,
}

/// A symbol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SymbolView {
    /// Its name.
    pub symbol: String,
    /// The worst state of its channels.
    pub state: State,
    /// The number of its connection; `None` while there is none.
    pub connection: Option<u64>,
    /// The number of the symbols that share their connections with it.
    pub group: Option<u64>,
    /// Listed symbols that are spelt nearly like it, if it is not trading.
    pub nearest: Vec<String>,
    /// The channels that are streamed.
    pub channels: Vec<ChannelView>,
}

/// A channel of a symbol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelView {
    /// Its name.
    pub channel: String,
    /// Its state.
    pub state: State,
    /// Since when it has been in that state, where it matters.
    pub since_ns: Option<i64>,
    /// Why, in one word, of a book that is not true.
    pub reason: Option<String>,
    /// When the message of its last event arrived.
    pub last_event_ns: Option<i64>,
    /// How many events with market data it has had, since it is streamed.
    #[serde(default)]
    pub events: u64,
    /// How many times something of it was missing: gaps between trades, or ends of what was true of a book.
    pub gaps: u64,
}

/// The state of a symbol or a channel. The worse one is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is streamed, and what is known of it is true.
    Live,
    /// It is subscribed to, and its first data is awaited.
    Joining,
    /// The exchange does not list it as trading.
    NotTrading,
    /// What is known of the book is void, and a snapshot is awaited.
    Invalid,
    /// It is silent although the exchange has moved on.
    Stale,
    /// It has no connection.
    Unconnected,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Live,
        Self::Joining,
        Self::NotTrading,
        Self::Invalid,
        Self::Stale,
        Self::Unconnected,
    ];

    /// The state in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Joining => "joining",
            Self::NotTrading => "not trading",
            Self::Invalid => "invalid",
            Self::Stale => "stale",
            Self::Unconnected => "not connected",
        }
    }

    /// The state in one word, as in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Joining => "joining",
            Self::NotTrading => "not_trading",
            Self::Invalid => "invalid",
            Self::Stale => "stale",
            Self::Unconnected => "unconnected",
        }
    }

    /// Whether something is wrong.
    #[must_use]
    pub fn is_wrong(self) -> bool {
        self > Self::Joining
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
