//! Kraken's checksum of a book.

use std::fmt::{self, Write};

use crate::book::OrderBook;
use crate::exchange::rules::BookChecksum;
use crate::exchange::wire::Crc32;

const LEVELS: usize = 10;

/// The checksum that Kraken sends with a book: CRC-32 over its best prices.
pub(super) const CHECKSUM: BookChecksum = BookChecksum {
    levels: LEVELS,
    of: checksum,
};

// The ten lowest asks, then the ten highest bids, each as price and size without the point and
// without zeros in front:
//
//     45285.2  0.00100000      452852 100000
//     45286.4  1.54571953      452864 154571953
//
// That is the mantissa of a decimal that has kept its zeros.
fn checksum(book: &OrderBook) -> u32 {
    let mut crc = Crc32::default();
    let asks = book.asks().take(LEVELS);
    let written: fmt::Result = asks.chain(book.bids().take(LEVELS)).try_for_each(|level| {
        let (price, size) = (level.price.mantissa(), level.size.mantissa());
        write!(crc, "{price}{size}")
    });
    debug_assert!(written.is_ok(), "a checksum takes everything");
    crc.finish()
}
