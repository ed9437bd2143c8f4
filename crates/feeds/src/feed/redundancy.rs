//! How many connections carry the same.

/// How many connections carry the same streams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Redundancy {
    /// One. When it is cut, another one is opened, and what is missed in between is told, and fetched where
    /// the exchange lets it be.
    #[default]
    None,
    /// Two, through different members of a pool and to different hosts of the exchange, as far as there are
    /// any. Each event comes from whichever brings it first; the end of one is no loss.
    TwoLines,
}
