//! What kind of data a feed delivers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A kind of market data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Channel {
    /// Every trade: `trades`.
    Trades,
    /// The best bid and ask: `ticker`.
    Ticker,
    /// The order book by price, as one snapshot and then changes: `l2_book`.
    #[serde(rename = "l2_book")]
    L2Book,
}

impl Channel {
    /// All channels.
    pub const ALL: [Self; 3] = [Self::Trades, Self::Ticker, Self::L2Book];

    /// The name under which the channel is configured.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trades => "trades",
            Self::Ticker => "ticker",
            Self::L2Book => "l2_book",
        }
    }
}

impl FromStr for Channel {
    type Err = UnknownChannel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|channel| channel.as_str() == text)
            .ok_or_else(|| UnknownChannel(text.to_owned()))
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A value for each channel, in the order of [`Channel::ALL`].
#[derive(Debug, Default)]
pub(crate) struct EachChannel<V>(pub(crate) [V; Channel::ALL.len()]);

#[expect(
    clippy::indexing_slicing,
    reason = "there are as many values as channels"
)]
impl<V> EachChannel<V> {
    pub(crate) fn get(&self, channel: Channel) -> &V {
        &self.0[channel as usize]
    }

    pub(crate) fn get_mut(&mut self, channel: Channel) -> &mut V {
        &mut self.0[channel as usize]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Channel, &V)> {
        Channel::ALL.into_iter().zip(&self.0)
    }
}

/// Text that names no [`Channel`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown channel {0:?}: expected trades, ticker or l2_book")]
pub struct UnknownChannel(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_channel_has_its_value() {
        let mut names = EachChannel(Channel::ALL.map(Channel::as_str));
        for (channel, name) in names.iter() {
            assert_eq!((*name, *names.get(channel)), (channel.as_str(), *name));
        }
        *names.get_mut(Channel::Ticker) = "other";
        assert_eq!(names.0, ["trades", "other", "l2_book"]);
    }

    #[test]
    fn channels_are_parsed_by_the_name_they_print() {
        for channel in Channel::ALL {
            assert_eq!(channel.to_string().parse(), Ok(channel));
            let json = serde_json::to_string(&channel).unwrap();
            assert_eq!(json, format!("\"{channel}\""));
            assert_eq!(serde_json::from_str::<Channel>(&json).unwrap(), channel);
        }
        let error = "candles".parse::<Channel>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown channel \"candles\": expected trades, ticker or l2_book"
        );
    }
}
