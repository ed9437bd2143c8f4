//! Text that is the same in JSON, between quotation marks.

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

/// The high bit of each byte that is special. Behind the first one, others may seem to be.
#[inline]
fn specials(word: [u8; 8]) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);
    let word = u64::from_le_bytes(word);
    // What is less borrows from its high bit, and may do so from the byte behind it.
    let less = |word: u64, least: u8| word.wrapping_sub(ONES * u64::from(least)) & !word;
    let equal = |byte: u8| less(word ^ (ONES * u64::from(byte)), 1);
    (less(word, 0x20) | equal(b'"') | equal(b'\\')) & HIGHS
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
    }
}
