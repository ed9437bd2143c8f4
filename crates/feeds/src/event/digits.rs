//! Numbers in decimal digits.

const EIGHT: u64 = 100_000_000;

/// Eight digits, each of which is zero.
const ZEROS: u64 = u64::from_le_bytes(*b"00000000");

// itoa needs a division for every two digits and a copy whose length is not known beforehand. Here, both eight
// digits and a copy take a few instructions without a branch, which saved a tenth of a line's time.

/// Writes a number, and tells what room it leaves; `None` if there is too little.
#[inline]
pub(super) fn write_number(number: u64, to: &mut [u8]) -> Option<&mut [u8]> {
    if number >= EIGHT {
        return write_many_digits(number, to);
    }
    let (digits, zeros) = leading_digits(number);
    // What few digits lack of eight is written over by what follows.
    *to.first_chunk_mut()? = digits.to_le_bytes();
    to.get_mut(8 - zeros..)
}

// Not inlined: few digits need fewer registers.
#[inline(never)]
fn write_many_digits(number: u64, to: &mut [u8]) -> Option<&mut [u8]> {
    let to = write_number(number / EIGHT, to)?;
    let (digits, to) = to.split_first_chunk_mut()?;
    *digits = (eight_digits(number % EIGHT) | ZEROS).to_le_bytes();
    Some(to)
}

/// Writes a number in quotation marks, with so many of its digits behind a point, and at least one before it.
/// Tells what room it leaves; `None` if there is too little.
#[inline]
pub(super) fn write_quoted(number: u64, scale: usize, to: &mut [u8]) -> Option<&mut [u8]> {
    /// What makes one digit behind the point, or two, or three, eight of them.
    const MISSING: [u64; 9] = [
        100_000_000,
        10_000_000,
        1_000_000,
        100_000,
        10_000,
        1_000,
        100,
        10,
        1,
    ];
    let eighths = MISSING
        .get(scale)
        .and_then(|missing| number.checked_mul(*missing));
    match eighths {
        Some(eighths) if eighths < EIGHT * EIGHT => write_short(eighths, scale, to),
        _ => write_long(number, scale, to),
    }
}

/// Writes a number that has eight digits at most before the point, and as many behind it, of which `scale` are
/// shown: what nearly every price and size is.
#[inline]
fn write_short(number: u64, scale: usize, to: &mut [u8]) -> Option<&mut [u8]> {
    let (whole, zeros) = leading_digits(number / EIGHT);
    let fraction = eight_digits(number % EIGHT) | ZEROS;
    // What the digits before the point lack of eight is written over, and so is what is not shown of those
    // behind it.
    let [mark, text @ ..] = to.first_chunk_mut::<24>()?;
    *mark = b'"';
    *text.first_chunk_mut()? = whole.to_le_bytes();
    let [point, behind @ ..] = text.get_mut(8 - zeros..)? else {
        return None;
    };
    *point = b'.';
    *behind.first_chunk_mut()? = fraction.to_le_bytes();
    let length = 8 - zeros + if scale > 0 { 1 + scale } else { 0 };
    *text.get_mut(length)? = b'"';
    to.get_mut(length + 2..)
}

/// Writes every other number.
#[inline(never)]
fn write_long(number: u64, scale: usize, to: &mut [u8]) -> Option<&mut [u8]> {
    /// As many as a decimal number has, eight at a time.
    const MOST: usize = 32;
    let point = MOST.checked_sub(scale).filter(|point| *point > 0)?;
    let upper = number / EIGHT;
    let eights = [upper / EIGHT, upper % EIGHT, number % EIGHT].map(eight_digits);
    let [high, middle, low] = eights.map(|eight| (eight | ZEROS).to_le_bytes());
    let first = match eights {
        [0, 0, low] => 24 + zeros(low),
        [0, middle, _] => 16 + zeros(middle),
        [high, ..] => 8 + zeros(high),
    };
    let first = first.min(point - 1);
    // Zeros in front, the digits, and then as much again that is never shown, so that what is copied has one
    // length, wherever it begins.
    let none = *b"00000000";
    let digits = [none, high, middle, low, none, none, none, none];
    let window = |start: usize| digits.as_flattened().get(start..)?.first_chunk::<MOST>();

    let [mark, text @ ..] = to.first_chunk_mut::<{ 2 * MOST + 2 }>()?;
    *mark = b'"';
    *text.first_chunk_mut()? = *window(first)?;
    let mut length = point - first;
    if scale > 0 {
        *text.get_mut(length)? = b'.';
        *text.get_mut(length + 1..)?.first_chunk_mut()? = *window(point)?;
        length += 1 + scale;
    }
    *text.get_mut(length)? = b'"';
    to.get_mut(length + 2..)
}

/// The digits of a number that has eight at most, in text without zeros in front, and how many those were.
#[inline]
fn leading_digits(number: u64) -> (u64, usize) {
    let digits = eight_digits(number);
    let zeros = zeros(digits);
    ((digits | ZEROS) >> (8 * zeros), zeros)
}

/// How many of eight digits are zeros in front of the others, or of the last one.
#[inline]
fn zeros(digits: u64) -> usize {
    // The first digit is the lowest.
    (digits | 1 << 56).trailing_zeros() as usize / 8
}

/// The eight digits of a number that has no more of them, one a byte, the first one lowest.
#[inline]
fn eight_digits(number: u64) -> u64 {
    // Halves are parted: one number, two fours, four pairs, eight digits. For 61837630, by lanes of 32, 16
    // and 8 bits:
    //
    //     fours     6183        7630
    //     pairs     61    83    76    30       a hundredth of a four, and what is left of it
    //     digits    6  1  8  3  7  6  3  0     a tenth of a pair, and what is left of it
    //
    // The factors are a little above 2^40 / 10000, 2^20 / 100 and 2^10 / 10: exact for so many digits.
    let upper = (number * 109_951_163) >> 40;
    let fours = parted(number, upper, 10_000, 32);
    let hundredths = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let pairs = parted(fours, hundredths, 100, 16);
    let tenths = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    parted(pairs, tenths, 10, 8)
}

/// The `upper` parts of numbers, and what is left of these without so many times those, `shift` bits above.
#[inline]
fn parted(numbers: u64, upper: u64, times: u64, shift: u32) -> u64 {
    // upper | (numbers - times * upper) << shift, in fewer steps. What goes beyond 64 bits comes back.
    (numbers << shift).wrapping_sub(upper.wrapping_mul((times << shift) - 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rust_decimal::Decimal;

    use super::*;

    fn written(write: impl FnOnce(&mut [u8]) -> Option<&mut [u8]>) -> Option<String> {
        let mut room = [b'x'; 80];
        let left = write(&mut room)?.len();
        let text = room[..room.len() - left].to_vec();
        Some(String::from_utf8(text).unwrap())
    }

    #[test]
    fn numbers_around_each_power_of_ten_are_written() {
        let powers = (0..20).map(|power| 10_u64.pow(power));
        for number in powers.flat_map(|it| [it - 1, it, it + 1]).chain([u64::MAX]) {
            let digits = written(|to| write_number(number, to));
            assert_eq!(digits.unwrap(), number.to_string());
        }
    }

    #[test]
    fn all_fours_become_their_digits() {
        for number in 0..10_000 {
            let upper = number * 10_000;
            for number in [number, upper, upper + 9_999, upper + 9_999 - number] {
                let digits = written(|to| write_number(number, to));
                assert_eq!(digits.unwrap(), number.to_string());
            }
        }
    }

    proptest! {
        #[test]
        fn every_digit_is_written(number in any::<u64>(), shift in 0..64_u32) {
            let number = number >> shift;
            let digits = written(|to| write_number(number, to));
            prop_assert_eq!(digits.unwrap(), number.to_string());
        }

        #[test]
        fn the_point_stands_where_a_decimal_has_it(
            number in any::<u64>(),
            shift in 0..64_u32,
            scale in prop_oneof![0..=8_u32, 0..=28_u32],
        ) {
            let number = number >> shift;
            let expected = Decimal::from_i128_with_scale(number.into(), scale);
            let expected = Some(format!("\"{expected}\""));
            let text = written(|to| write_quoted(number, scale as usize, to));
            prop_assert_eq!(text, expected);
        }

        #[test]
        fn a_number_is_not_written_where_there_is_too_little_room(
            number in any::<u64>(),
            shift in 0..64_u32,
            scale in 0..=28_usize,
            room in 0..80_usize,
        ) {
            let number = number >> shift;
            let quoted = written(|to| write_quoted(number, scale, to)).unwrap();
            let mut room = vec![b'x'; room];
            let digits = number.to_string();
            if let Some(rest) = write_number(number, &mut room).map(|rest| rest.len()) {
                prop_assert_eq!(&room[..room.len() - rest], digits.as_bytes());
            } else {
                prop_assert!(room.len() < 27);
            }
            if let Some(rest) = write_quoted(number, scale, &mut room).map(|rest| rest.len()) {
                prop_assert_eq!(&room[..room.len() - rest], quoted.as_bytes());
            } else {
                prop_assert!(room.len() < 66);
            }
        }
    }
}
