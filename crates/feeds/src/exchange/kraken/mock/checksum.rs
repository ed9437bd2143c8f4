//! Kraken's checksum of a book.

use testkit::mock::Level;

/// How many levels of a side it covers.
const LEVELS: usize = 10;

// The best asks, then the best bids, each as price and quantity without the point and without zeros
// in front, which is what they are in ticks and lots.
/// The checksum of the levels of a book, best first.
pub(super) fn checksum(asks: &[Level], bids: &[Level]) -> u32 {
    let best = asks.iter().take(LEVELS).chain(bids.iter().take(LEVELS));
    let text: String = best
        .map(|level| format!("{}{}", level.price, level.quantity))
        .collect();
    crc32(text.as_bytes())
}

/// The CRC-32 of ISO 3309, bit by bit. Written apart from the client's, for the two must not share
/// a mistake.
fn crc32(bytes: &[u8]) -> u32 {
    let by_bit = |crc: u32, _| match crc & 1 {
        0 => crc >> 1,
        _ => (crc >> 1) ^ 0xedb8_8320,
    };
    let by_byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), by_bit);
    !bytes.iter().fold(!0, by_byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_book_has_the_documented_checksum() {
        let levels =
            |levels: [(u64, u64); 10]| levels.map(|(price, quantity)| Level { price, quantity });
        let asks = levels([
            (452_852, 100_000),
            (452_864, 154_571_953),
            (452_866, 154_571_109),
            (452_896, 154_560_911),
            (452_902, 15_890_660),
            (452_918, 154_553_491),
            (452_947, 4_454_749),
            (452_961, 35_380_000),
            (452_975, 9_945_542),
            (452_995, 18_772_827),
        ]);
        let bids = levels([
            (452_835, 10_000_000),
            (452_834, 154_582_015),
            (452_821, 10_000_000),
            (452_810, 10_000_000),
            (452_803, 154_592_586),
            (452_790, 7_990_000),
            (452_776, 3_310_103),
            (452_775, 30_000_000),
            (452_773, 154_602_737),
            (452_766, 15_445_238),
        ]);
        assert_eq!(checksum(&asks, &bids), 3_310_070_434);
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(checksum(&[], &[]), 0);
    }
}
