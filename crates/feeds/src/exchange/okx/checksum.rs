//! OKX's checksum of a book.

use std::fmt::{self, Write};

use crate::Level;
use crate::OrderBook;
use crate::exchange::rules::BookChecksum;
use crate::exchange::wire::Crc32;

const LEVELS: usize = 25;

/// The checksum that OKX sent with a book until June 2026: CRC-32 over its best prices.
pub(super) const CHECKSUM: BookChecksum = BookChecksum {
    levels: LEVELS,
    of: checksum,
};

// The best bid, the best ask, the second bid, and so on, as price and size; the side that is longer
// goes on alone:
//
//     3366.1:7:3366.8:9:3368:8:3372:8      one bid, three asks
fn checksum(book: &OrderBook) -> u32 {
    let mut text = Colons::default();
    let (mut bids, mut asks) = (book.bids().take(LEVELS), book.asks().take(LEVELS));
    loop {
        let (bid, ask) = (bids.next(), asks.next());
        if bid.is_none() && ask.is_none() {
            return text.crc.finish();
        }
        let written = bid
            .into_iter()
            .chain(ask)
            .try_for_each(|level| text.write(level));
        debug_assert!(written.is_ok(), "a checksum takes everything");
    }
}

#[derive(Debug, Default)]
struct Colons {
    crc: Crc32,
    separator: &'static str,
}

impl Colons {
    fn write(&mut self, level: Level) -> fmt::Result {
        let Level { price, size } = level;
        write!(self.crc, "{}{price}:{size}", self.separator)?;
        self.separator = ":";
        Ok(())
    }
}
