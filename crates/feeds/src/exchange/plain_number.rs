//! Numbers as nearly every price and size is written: a few digits, a point, a few digits.

use rust_decimal::Decimal;

/// So many digits, whatever they are, fit into a `u64`.
// 10^19 - 1 is less than 2^64, which is 1.8 * 10^19; 10^20 - 1 is not.
const MAX_DIGITS: usize = 19;

/// The number that `text` begins with, and what follows it: digits, with at most one point between
/// them. `None` for anything else, and for numbers that are too long for this short way.
///
/// Inlined, because the way of its result through memory took a third of the time.
#[inline(always)]
pub(super) fn plain_decimal(text: &[u8]) -> Option<(Decimal, &[u8])> {
    // `.5` and `5.` are no numbers in these messages.
    let (value, whole) = digits(0, text)?;
    let rest = text.get(whole..)?;
    let (value, scale, rest) = match rest {
        [b'.', fraction @ ..] => {
            let (value, scale) = digits(value, fraction)?;
            (value, scale, fraction.get(scale..)?)
        }
        _ => (value, 0, rest),
    };
    // Too many digits have wrapped around, which does no harm as long as nobody looks at them.
    if whole + scale > MAX_DIGITS {
        return None;
    }
    // `61837.63` is 6183763 with a scale of 2; the third part of the mantissa is for more digits.
    let [low, high] = [value as u32, (value >> 32) as u32];
    Some((Decimal::from_parts(low, high, 0, false, scale as u32), rest))
}

/// The number that `text` is, if it is nothing but that, and short, and JSON.
pub(super) fn plain_integer(text: &str) -> Option<u64> {
    let (value, rest) = leading_integer(text)?;
    rest.is_empty().then_some(value)
}

/// The number that `text` begins with, if that is short and JSON, and what follows it.
#[inline]
pub(super) fn leading_integer(text: &str) -> Option<(u64, &str)> {
    let (value, count) = digits(0, text.as_bytes())?;
    // RFC 8259, section 6: no zeros in front.
    let is_json = count == 1 || !text.starts_with('0');
    (is_json && count <= MAX_DIGITS).then_some((value, text.get(count..)?))
}

/// Appends the digits that `text` begins with to those of `value`, and tells how many they are; `None` if
/// there is none. Of too many, `value` makes no sense any longer.
#[inline(always)]
fn digits(value: u64, text: &[u8]) -> Option<(u64, usize)> {
    const POWERS: [u64; 9] = [
        1,
        10,
        100,
        1_000,
        10_000,
        100_000,
        1_000_000,
        10_000_000,
        100_000_000,
    ];
    let Some((eight, rest)) = text.split_first_chunk() else {
        let (value, count) = further_digits(value, 0, text);
        return (count > 0).then_some((value, count));
    };
    let (number, length) = leading_digits(*eight)?;
    let value = value
        .wrapping_mul(*POWERS.get(length)?)
        .wrapping_add(number);
    // Eight digits are all of them as a rule.
    if length < 8 || !rest.first().is_some_and(u8::is_ascii_digit) {
        return Some((value, length));
    }
    Some(further_digits(value, length, rest))
}

/// Does what [`digits`] does behind `count` of them, one by one.
#[inline(never)]
fn further_digits(mut value: u64, mut count: usize, text: &[u8]) -> (u64, usize) {
    for byte in text.iter().take_while(|byte| byte.is_ascii_digit()) {
        value = value.wrapping_mul(10).wrapping_add((byte - b'0').into());
        count += 1;
    }
    (value, count)
}

/// The number that up to eight digits are, and how many they are, if there is one; all of them are read at once,
/// as the bytes of a `u64`.
#[inline(always)]
fn leading_digits(text: [u8; 8]) -> Option<(u64, usize)> {
    const ZEROS: u64 = u64::from_le_bytes(*b"00000000");
    const HIGHEST: u64 = u64::from_le_bytes([0x80; 8]);
    const NINES_TO_HIGHEST: u64 = u64::from_le_bytes([0x7f - 9; 8]);
    // `0` to `9` become 0 to 9, everything else more.
    let digits = u64::from_le_bytes(text) ^ ZEROS;
    // More than 9 has its highest bit, or gets it. A byte that carries into the next one is such a byte itself.
    let others = (digits | digits.wrapping_add(NINES_TO_HIGHEST)) & HIGHEST;
    // The first byte is the lowest.
    let length = others.trailing_zeros() / 8;
    // What follows the digits goes, and zeros come in front of them.
    let digits = digits.checked_shl(64 - 8 * length)?;
    // Neighbours are joined: eight digits, four pairs, two fours, one number.
    // For "61837630", by lanes of 8, 16 and 32 bits, the first digit in the lowest:
    //
    //     digits    6  1  8  3  7  6  3  0
    //     pairs     61    83    76    30       10 * a digit and the next one
    //     fours     6183        7630           100 * a pair and the next one
    //     number    61837630
    let pairs = joined(digits, 10, 8) & 0x00ff_00ff_00ff_00ff;
    let fours = joined(pairs, 100, 16) & 0x0000_ffff_0000_ffff;
    Some((joined(fours, 10_000, 32), length as usize))
}

/// In every second lane of so many bits, from the lowest on, so many times what was there, and the next one.
#[inline(always)]
fn joined(lanes: u64, times: u64, bits: u32) -> u64 {
    // times * lanes + (lanes >> bits), in fewer steps.
    lanes.wrapping_mul((times << bits) + 1) >> bits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Option<(String, &str)> {
        let (number, rest) = plain_decimal(text.as_bytes())?;
        Some((number.to_string(), std::str::from_utf8(rest).unwrap()))
    }

    #[test]
    fn every_digit_is_kept_and_what_follows_is_left() {
        for text in [
            "0",
            "61837.63000000",
            "0.00000000",
            "12345678",
            "00.10",
            "123456789.0123456789",
        ] {
            assert_eq!(
                parse(text),
                Some((Decimal::from_str_exact(text).unwrap().to_string(), ""))
            );
        }
        assert_eq!(parse("1.5\",\"2\""), Some(("1.5".to_owned(), "\",\"2\"")));
        assert_eq!(parse("1.5.2"), Some(("1.5".to_owned(), ".2")));
    }

    #[test]
    fn what_is_not_short_and_plain_is_left_to_others() {
        for text in [
            "",
            ".5",
            "1.",
            "-1",
            "+1",
            " 1",
            "x",
            "12345678901234567890",
            "1.2345678901234567890",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_integer_is_digits_and_nothing_else() {
        assert_eq!(plain_integer("0"), Some(0));
        assert_eq!(plain_integer("50093239202"), Some(50_093_239_202));
        for text in [
            "",
            "-1",
            "+1",
            "1.0",
            "1 ",
            "01",
            "00",
            "12345678901234567890",
        ] {
            assert_eq!(plain_integer(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_exact_reader(text in "[0-9]{1,12}([.][0-9]{1,12})?") {
            let exact = Decimal::from_str_exact(&text).unwrap();
            match plain_decimal(text.as_bytes()) {
                Some((number, rest)) => {
                    prop_assert_eq!((number, number.scale()), (exact, exact.scale()));
                    prop_assert!(rest.is_empty());
                }
                None => prop_assert!(text.bytes().filter(u8::is_ascii_digit).count() > MAX_DIGITS),
            }
        }

        #[test]
        fn the_digits_in_front_are_their_number_whatever_follows(
            digits in "[0-9]{0,8}",
            others in any::<[u8; 8]>(),
        ) {
            let text: Vec<_> = digits.bytes().chain(others).take(8).collect();
            let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let number = std::str::from_utf8(&text[..length]).unwrap();
            let expected = number.parse().ok().map(|number| (number, length));
            prop_assert_eq!(leading_digits(text.try_into().unwrap()), expected);
        }
    }
}
