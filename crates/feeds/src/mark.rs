//! Which of two tickers of a symbol is the newer one.

use std::cmp::Ordering;

use crate::exchange::Ticker;

/// What an exchange says of the order of its tickers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    id: Option<u64>,
    time_ns: Option<i64>,
}

impl Mark {
    pub(crate) fn of(ticker: &Ticker) -> Self {
        Self {
            id: ticker.id,
            time_ns: ticker.time.ns(),
        }
    }

    /// Whether it says nothing.
    pub(crate) fn is_blank(self) -> bool {
        self.id.is_none() && self.time_ns.is_none()
    }

    /// How it stands to `other`, of which the later one is greater: by the exchange's ids, else by its times;
    /// `None` if neither tells.
    pub(crate) fn order(self, other: Self) -> Option<Ordering> {
        let by_id = self.id.zip(other.id).map(|(id, other)| id.cmp(&other));
        let by_time = self.time_ns.zip(other.time_ns);
        by_id.or(by_time.map(|(time, other)| time.cmp(&other)))
    }
}

#[cfg(test)]
impl Ticker {
    /// A ticker that nothing but this is known of.
    pub(crate) fn marked(id: Option<u64>, time_ns: Option<i64>) -> Self {
        use crate::exchange::Time;

        Self {
            symbol: "A-B".parse().unwrap(),
            bid: None,
            ask: None,
            id,
            time: time_ns.map_or(Time::Absent, Time::At),
        }
    }
}
