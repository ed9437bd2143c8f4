//! Numbers in decimal digits.

/// As many as every `u64` fits into, eight at a time.
const MOST: usize = 24;

/// All digits of a number.
// itoa needs a division for every two of them and a copy whose length is not known beforehand. Here, both
// eight digits and a copy take a few instructions without a branch, which saved a tenth of a line's time.
#[derive(Debug)]
pub(super) struct Digits {
    /// Zeros in front, the digits, and then as much again that is never shown, so that what is copied has
    /// one length, wherever it begins.
    text: [[u8; 8]; 6],
    /// Where the first digit is that is no zero in front.
    first: usize,
}

impl Digits {
    #[inline]
    pub(super) fn of(number: u64) -> Self {
        const EIGHT: u64 = 100_000_000;
        const ZEROS: [u8; 8] = *b"00000000";
        let text = |digits: u64| (digits | u64::from_le_bytes(ZEROS)).to_le_bytes();
        let zeros = |digits: u64| digits.trailing_zeros() as usize / 8;
        let mut digits = Self {
            text: [ZEROS; 6],
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

    /// Appends the number.
    #[inline]
    pub(super) fn write(&self, to: &mut Vec<u8>) {
        self.copy(self.first, MOST, to);
    }

    /// Appends the number, with so many of its digits behind a point, and at least one before it. `None` if
    /// those behind it would be too many.
    #[inline]
    pub(super) fn write_pointed(&self, scale: usize, to: &mut Vec<u8>) -> Option<()> {
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
            let digits = written(|to| Digits::of(number).write(to));
            assert_eq!(digits, number.to_string());
        }
    }

    #[test]
    fn all_fours_become_their_digits() {
        for number in 0..10_000 {
            for number in [number, number * 10_000 + 9_999 - number] {
                let digits = written(|to| Digits::of(number).write(to));
                assert_eq!(digits, number.to_string());
            }
        }
    }

    proptest! {
        #[test]
        fn every_digit_is_written(number in any::<u64>(), shift in 0..64_u32) {
            let number = number >> shift;
            let digits = written(|to| Digits::of(number).write(to));
            prop_assert_eq!(digits, number.to_string());
        }

        #[test]
        fn the_point_stands_where_a_decimal_has_it(
            number in any::<u64>(),
            shift in 0..64_u32,
            scale in 0..=28_u32,
        ) {
            let number = number >> shift;
            let expected = Decimal::from_i128_with_scale(number.into(), scale).to_string();
            let mut is_written = false;
            let digits = written(|to| {
                is_written = Digits::of(number).write_pointed(scale as usize, to).is_some();
            });
            prop_assert_eq!(is_written, scale < 24);
            prop_assert_eq!(digits, if is_written { expected } else { String::new() });
        }
    }
}
