//! How a market moves.

/// How a generated market moves, and how deep its books are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Movement {
    /// A tick has one to so many changes of the book.
    pub steps: u64,
    /// One tick in 200 has up to so many changes instead, if this is not 0.
    pub burst: u64,
    /// How far from the best price, in ticks, most levels come and go.
    pub reach: u64,
    /// How many changes of a hundred are anywhere in the book instead.
    pub far: u64,
    /// How many levels a minute the price moves in one direction, which changes once a minute on
    /// average.
    pub drift: u64,
    /// How many levels a side begins with. It never has more than twice as many.
    pub depth: u64,
}

impl Movement {
    /// Shallow books around a price that wanders.
    pub const CALM: Self = Self {
        steps: 5,
        burst: 0,
        reach: 40,
        far: 0,
        drift: 0,
        depth: 100,
    };

    // Of 199 changes of BTCUSDT and ETHUSDT, recorded in 10 seconds: 13 to 16 levels in the middle one,
    // 260 in the longest; prices moved by 44 to 66 levels. In the six minutes around them: 685 levels,
    // and 24 % of them outside of the 1,000 levels of the snapshot.
    /// As recorded of the busiest symbols of Binance: a fifth of the changes lies deep in the book, and
    /// the price leaves a snapshot of 100 levels after 20 seconds.
    pub const RECORDED: Self = Self {
        steps: 30,
        burst: 700,
        reach: 400,
        far: 45,
        drift: 300,
        depth: 3000,
    };

    /// Ten times as fast as recorded.
    pub const WILD: Self = Self {
        steps: 100,
        burst: 1500,
        reach: 1000,
        far: 60,
        drift: 3000,
        depth: 3000,
    };

    /// The same with so many levels a side, but no fewer than 50.
    #[must_use]
    pub const fn with_depth(mut self, depth: u64) -> Self {
        self.depth = if depth < 50 { 50 } else { depth };
        self
    }
}

/// What is asked of a market that makes itself up.
#[derive(Debug, Clone, Copy)]
pub struct MarketOptions {
    /// How it moves.
    pub movement: Movement,
    /// How many ticks a snapshot by REST is behind.
    pub snapshot_age: usize,
    /// How many trades of each instrument REST can tell of.
    pub trades: usize,
}

/// A calm market, snapshots that are not behind, and 10,000 trades.
impl Default for MarketOptions {
    fn default() -> Self {
        Self {
            movement: Movement::CALM,
            snapshot_age: 0,
            trades: 10_000,
        }
    }
}
