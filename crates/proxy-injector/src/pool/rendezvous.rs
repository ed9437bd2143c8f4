//! The same member for the same key.

use std::hash::{DefaultHasher, Hash, Hasher};

/// What a member is known by, whatever place it has in the list.
pub(crate) fn identity(of: &impl Hash) -> u64 {
    // Not the random keys of a `HashMap`: it is the same after a restart.
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// How much a member of this `identity` and `weight` is wanted for `key`: the highest score has it.
///
/// Weighted rendezvous hashing: of scores `-w / ln(u)`, each is the highest in proportion to its weight.
/// Each score depends on the one member only, so that whoever leaves moves only the keys that it had.
pub(crate) fn score(key: u64, identity: u64, weight: u64) -> f64 {
    const MANTISSA: u32 = 53;
    let bits = mix(key ^ mix(identity)) >> (u64::BITS - MANTISSA);
    // Between 0 and 1, both excluded.
    let uniform = (bits as f64 + 0.5) / (1_u64 << MANTISSA) as f64;
    -(weight as f64) / uniform.ln()
}

/// The finalizer of SplitMix64: every bit of the result depends on every bit of the input.
fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(key: u64, members: &[(u64, u64)]) -> u64 {
        let scored = members.iter();
        let by_score = |a: &&(u64, u64), b: &&(u64, u64)| {
            score(key, a.0, a.1).total_cmp(&score(key, b.0, b.1))
        };
        scored.max_by(by_score).unwrap().0
    }

    #[test]
    fn keys_are_shared_by_weight_and_the_loss_of_a_member_moves_only_its_own() {
        let members: Vec<_> = (1..=10).map(|place| (identity(&place), place)).collect();
        let keys: Vec<_> = (0..20_000).map(|key: u64| identity(&key)).collect();
        let before: Vec<_> = keys.iter().map(|key| owner(*key, &members)).collect();
        for (member, weight) in &members {
            let share = before.iter().filter(|owner| *owner == member).count() as f64;
            let wanted = 20_000.0 * *weight as f64 / 55.0;
            assert!((share / wanted - 1.0).abs() < 0.1, "{share} {wanted}");
        }
        let (lost, left) = members.split_last().unwrap();
        for (key, before) in keys.iter().zip(before) {
            let after = owner(*key, left);
            assert!(after == before || before == lost.0);
        }
    }
}
