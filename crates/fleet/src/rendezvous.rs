//! Rendezvous hashing: of all places, a thing belongs to the one with the highest score.
//!
//! Every process computes the same, without asking anybody, and a place that comes or goes moves only
//! what is, or was, its own.

/// FNV-1a, 64 bits.
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

/// The score of `thing` at `place`.
// All collectors must agree, whatever they were compiled with, so it is not the hash of the standard
// library.
pub(crate) fn score(thing: &str, place: &str) -> u64 {
    // A byte that no text has keeps "ab" at "c" apart from "a" at "bc".
    let bytes = thing.bytes().chain([0xff]).chain(place.bytes());
    let sum = bytes.fold(BASIS, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(PRIME)
    });
    mix(sum)
}

/// The finalizer of SplitMix64: the last bytes decide the high bits as much as the first ones.
fn mix(sum: u64) -> u64 {
    let sum = (sum ^ (sum >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let sum = (sum ^ (sum >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    sum ^ (sum >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn place_of(thing: &str, places: &[String]) -> String {
        let best = places.iter().max_by_key(|place| score(thing, place));
        best.unwrap().clone()
    }

    #[test]
    fn a_score_is_the_same_in_every_version() {
        assert_eq!(score("binance BTC-USDT", "17"), 0x0153_d1d5_fc60_5c8a);
        assert_ne!(score("ab", "c"), score("a", "bc"));
    }

    #[test]
    fn the_shares_are_even_and_only_what_was_at_a_place_leaves_with_it() {
        let places: Vec<_> = (0..10).map(|place| format!("collector-{place}")).collect();
        let things: Vec<_> = (0..10_000).map(|thing| format!("S{thing}-USDT")).collect();
        let mut shares: HashMap<_, u32> = HashMap::new();
        for thing in &things {
            let before = place_of(thing, &places);
            let after = place_of(thing, &places[1..]);
            assert!(before == places[0] || before == after, "{thing} has moved");
            *shares.entry(before).or_default() += 1;
        }
        for share in shares.values() {
            assert!((900..1_100).contains(share), "{shares:?}");
        }
    }
}
