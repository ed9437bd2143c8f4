//! One price of an order book.

use std::cmp::Ordering;

use rust_decimal::Decimal;

/// A price and the size that is offered there. In JSON: `["61837.63", "0.02"]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// The price of one unit of the base asset, in the quote asset.
    pub price: Decimal,
    /// The size in the base asset. In a change of a book it is the new size; zero removes the price.
    pub size: Decimal,
}

/// How one number stands to another: as [`Ord`] has it, and in a fraction of the time where both have as many
/// digits behind the point, as the prices of a market do.
#[inline]
pub(crate) fn compare(one: Decimal, other: Decimal) -> Ordering {
    match (plain(one), plain(other)) {
        ((scale, Some(one)), (other_scale, Some(other))) if scale == other_scale => one.cmp(&other),
        _ => compare_any(one, other),
    }
}

/// The digits behind the point of a number, and all of its digits, if they are few and it is not negative.
#[inline]
fn plain(number: Decimal) -> (u32, Option<u64>) {
    let parts = number.unpack();
    let is_plain = parts.hi == 0 && !parts.negative;
    let digits = u64::from(parts.mid) << 32 | u64::from(parts.lo);
    (parts.scale, is_plain.then_some(digits))
}

// Not inlined: a search is as short as can be without it.
#[inline(never)]
fn compare_any(one: Decimal, other: Decimal) -> Ordering {
    one.cmp(&other)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number() -> impl Strategy<Value = Decimal> {
        let mantissa = prop_oneof![-3..3_i128, -(1_i128 << 96) + 1..1 << 96];
        (mantissa, 0..3_u32, any::<bool>()).prop_map(|(mantissa, scale, is_negative)| {
            let mut number = Decimal::from_i128_with_scale(mantissa, scale);
            number.set_sign_negative(is_negative);
            number
        })
    }

    proptest! {
        #[test]
        fn numbers_stand_to_each_other_as_their_order_has_it(one in number(), other in number()) {
            prop_assert_eq!(compare(one, other), one.cmp(&other));
        }
    }
}
