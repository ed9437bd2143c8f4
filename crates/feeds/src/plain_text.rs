//! Where bytes are in short texts.

/// Where the first byte is that is not the same in JSON: a control character, a quotation mark or a backslash.
// Names have a word or two. Each is looked at at once, and what is left of them by the byte.
#[inline]
pub(crate) fn first_special(text: &[u8]) -> Option<usize> {
    let (words, rest) = text.as_chunks();
    for (index, word) in words.iter().enumerate() {
        let specials = specials(*word);
        if specials != 0 {
            // The first byte is the lowest.
            return Some(8 * index + specials.trailing_zeros() as usize / 8);
        }
    }
    let is_special = |byte: &u8| matches!(byte, 0..0x20 | b'"' | b'\\');
    let at = rest.iter().position(is_special)?;
    Some(text.len() - rest.len() + at)
}

/// Where the first such byte is.
// For names, as above.
#[inline]
pub(crate) fn first_equal(text: &[u8], byte: u8) -> Option<usize> {
    let (words, rest) = text.as_chunks();
    for (index, word) in words.iter().enumerate() {
        let equals = equal(u64::from_le_bytes(*word), byte) & HIGHS;
        if equals != 0 {
            return Some(8 * index + equals.trailing_zeros() as usize / 8);
        }
    }
    let at = rest.iter().position(|it| *it == byte)?;
    Some(text.len() - rest.len() + at)
}

const ONES: u64 = u64::from_le_bytes([1; 8]);
const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);

/// The high bit of each byte that is special. Behind the first one, others may seem to be.
#[inline]
fn specials(word: [u8; 8]) -> u64 {
    let word = u64::from_le_bytes(word);
    (less(word, 0x20) | equal(word, b'"') | equal(word, b'\\')) & HIGHS
}

/// The high bit of each byte that is less, and some others. Behind the first one, more may seem to be.
// What is less borrows from its high bit, and may do so from the byte behind it.
#[inline]
fn less(word: u64, least: u8) -> u64 {
    word.wrapping_sub(ONES * u64::from(least)) & !word
}

#[inline]
fn equal(word: u64, byte: u8) -> u64 {
    less(word ^ (ONES * u64::from(byte)), 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_special_byte_is_found_wherever_it_is(
            plain in "[ !#-\\[\\]-~ä€\u{7f}]{0,20}",
            special in prop::option::of(prop_oneof![0..0x20_u8, Just(b'"'), Just(b'\\')]),
            rest in any::<[u8; 9]>(),
        ) {
            let mut text = plain.into_bytes();
            let expected = special.map(|_| text.len());
            if let Some(special) = special {
                text.push(special);
                text.extend(rest);
            }
            prop_assert_eq!(first_special(&text), expected);
        }

        #[test]
        fn the_first_byte_of_its_kind_is_found_wherever_it_is(
            text in prop::collection::vec(prop_oneof![Just(b'@'), Just(b'A'), any::<u8>()], 0..20),
        ) {
            let expected = text.iter().position(|byte| *byte == b'@');
            prop_assert_eq!(first_equal(&text, b'@'), expected);
        }
    }
}
