//! Numbers in decimal digits.

/// As many as every `u64` fits into, eight at a time.
const MOST: usize = 24;

const EIGHT: u64 = 100_000_000;

/// Eight digits, each of which is zero.
const ZEROS: u64 = u64::from_le_bytes(*b"00000000");

/// All digits of a number.
// itoa needs a division for every two of them and a copy whose length is not known beforehand. Here, both
// eight digits and a copy take a few instructions without a branch, which saved a tenth of a line's time.
#[derive(Debug)]
struct Digits {
    /// Zeros in front, the digits, and then as much again that is never shown, so that what is copied has
    /// one length, wherever it begins.
    text: [[u8; 8]; 6],
    /// Where the first digit is that is no zero in front.
    first: usize,
}

impl Digits {
    #[inline]
    fn of(number: u64) -> Self {
        let text = |digits: u64| (digits | ZEROS).to_le_bytes();
        let zeros = |digits: u64| digits.trailing_zeros() as usize / 8;
        let mut digits = Self {
            text: [*b"00000000"; 6],
            first: 0,
        };
        let [high, middle, low, ..] = &mut digits.text;
        let (upper, lowest) = (number / EIGHT, eight_digits(number % EIGHT));
        *low = text(lowest);
        if upper == 0 {
            digits.first = 16 + zeros(lowest).min(7);
            return digits;
        }
        let (uppermost, between) = (upper / EIGHT, eight_digits(upper % EIGHT));
        *middle = text(between);
        if uppermost == 0 {
            digits.first = 8 + zeros(between);
            return digits;
        }
        let uppermost = eight_digits(uppermost);
        *high = text(uppermost);
        digits.first = zeros(uppermost);
        digits
    }

    #[inline]
    fn write(&self, to: &mut Vec<u8>) {
        self.copy(self.first, MOST, to);
    }

    #[inline]
    fn write_pointed(&self, scale: usize, to: &mut Vec<u8>) -> Option<()> {
        let point = MOST.checked_sub(scale).filter(|point| *point > 0)?;
        self.copy(self.first.min(point - 1), point, to);
        if scale > 0 {
            to.push(b'.');
            self.copy(point, MOST, to);
        }
        Some(())
    }

    /// Appends what stands from `start` to `end`.
    #[inline]
    fn copy(&self, start: usize, end: usize, to: &mut Vec<u8>) {
        if let Some(window) = self.text.as_flattened().get(start..start + MOST) {
            let length = to.len() + end - start;
            to.extend_from_slice(window);
            to.truncate(length);
        }
    }
}

/// Appends a number.
#[inline]
pub(super) fn write_number(number: u64, to: &mut Vec<u8>) {
    if number < EIGHT {
        // What few digits lack of eight is never shown.
        let digits = eight_digits(number);
        let zeros = (digits.trailing_zeros() / 8).min(7);
        let length = to.len() + 8 - zeros as usize;
        to.extend_from_slice(&((digits | ZEROS) >> (8 * zeros)).to_le_bytes());
        to.truncate(length);
    } else {
        Digits::of(number).write(to);
    }
}

/// Appends a number in quotation marks, with so many of its digits behind a point, and at least one before it.
/// `None` if those behind it would be too many.
#[inline]
pub(super) fn write_quoted(number: u64, scale: usize, to: &mut Vec<u8>) -> Option<()> {
    match scale {
        8 if number < EIGHT * EIGHT => write_quoted_eight(number, to),
        _ => {
            let start = to.len();
            to.push(b'"');
            let written = Digits::of(number).write_pointed(scale, to);
            match written {
                Some(()) => to.push(b'"'),
                None => to.truncate(start),
            }
            written
        }
    }
}

/// Appends a number in quotation marks, with eight of its digits, of which it has sixteen at most, behind a
/// point: what Binance writes of every price and size.
#[inline]
fn write_quoted_eight(number: u64, to: &mut Vec<u8>) -> Option<()> {
    const MARK: u8 = b'"';
    let (whole, fraction) = (eight_digits(number / EIGHT), eight_digits(number % EIGHT));
    let zeros = (whole.trailing_zeros() / 8).min(7);
    let (whole, fraction) = (whole | ZEROS, fraction | ZEROS);
    // A mark, the digits before the point, the point, those behind it, and another mark. What the first ones
    // lack of eight is written over, or never shown.
    let mut text = [MARK; 24];
    *text.get_mut(1..)?.first_chunk_mut()? = (whole >> (8 * zeros)).to_le_bytes();
    let point = 9 - zeros as usize;
    let behind = text.get_mut(point..)?;
    *behind.first_chunk_mut()? = (fraction << 8 | u64::from(b'.')).to_le_bytes();
    *behind.get_mut(8..)?.first_chunk_mut()? = [(fraction >> 56) as u8, MARK];
    let length = to.len() + point + 10;
    to.extend_from_slice(&text);
    to.truncate(length);
    Some(())
}

/// The eight digits of a number that has no more of them, one a byte, the first one lowest.
fn eight_digits(number: u64) -> u64 {
    // Halves are parted: one number, two fours, four pairs, eight digits. For 61837630, by lanes of 32, 16
    // and 8 bits:
    //
    //     fours     6183        7630
    //     pairs     61    83    76    30       a hundredth of a four, and what is left of it
    //     digits    6  1  8  3  7  6  3  0     a tenth of a pair, and what is left of it
    //
    // The factors are a little above 2^20 / 100 and 2^10 / 10: exact for fours and pairs.
    let upper = number / 10_000;
    let fours = upper | (number - 10_000 * upper) << 32;
    let hundredths = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let pairs = hundredths | (fours - 100 * hundredths) << 16;
    let tenths = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    tenths | (pairs - 10 * tenths) << 8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rust_decimal::Decimal;

    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut text = b"before ".to_vec();
        write(&mut text);
        let text = String::from_utf8(text).unwrap();
        text.strip_prefix("before ").unwrap().to_owned()
    }

    #[test]
    fn numbers_around_each_power_of_ten_are_written() {
        let powers = (0..20).map(|power| 10_u64.pow(power));
        for number in powers.flat_map(|it| [it - 1, it, it + 1]).chain([u64::MAX]) {
            let digits = written(|to| write_number(number, to));
            assert_eq!(digits, number.to_string());
        }
    }

    #[test]
    fn all_fours_become_their_digits() {
        for number in 0..10_000 {
            for number in [number, number * 10_000 + 9_999 - number] {
                let digits = written(|to| write_number(number, to));
                assert_eq!(digits, number.to_string());
            }
        }
    }

    proptest! {
        #[test]
        fn every_digit_is_written(number in any::<u64>(), shift in 0..64_u32) {
            let number = number >> shift;
            let digits = written(|to| write_number(number, to));
            prop_assert_eq!(digits, number.to_string());
        }

        #[test]
        fn the_point_stands_where_a_decimal_has_it(
            number in any::<u64>(),
            shift in 0..64_u32,
            scale in prop_oneof![Just(8), 0..=28_u32],
        ) {
            let number = number >> shift;
            let expected = Decimal::from_i128_with_scale(number.into(), scale).to_string();
            let mut is_written = false;
            let digits = written(|to| {
                is_written = write_quoted(number, scale as usize, to).is_some();
            });
            prop_assert_eq!(is_written, scale < 24);
            let expected = format!("\"{expected}\"");
            prop_assert_eq!(digits, if is_written { expected } else { String::new() });
        }
    }
}
