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
    let (parts, others) = (Parts::of(one), Parts::of(other));
    match parts.is_plain() && parts.unlike(others) == 0 {
        true => parts.digits.cmp(&others.digits),
        false => compare_any(one, other),
    }
}

/// A number as it lies in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts {
    /// Its digits, but for those that do not fit in here.
    pub(crate) digits: u64,
    more: u32,
    /// Its sign, and how many digits are behind the point.
    form: u32,
}

impl Parts {
    const SIGN: u32 = 1 << 31;

    #[inline]
    pub(crate) fn of(number: Decimal) -> Self {
        let [f0, f1, f2, f3, digits @ .., m0, m1, m2, m3] = number.serialize();
        Self {
            digits: u64::from_le_bytes(digits),
            more: u32::from_le_bytes([m0, m1, m2, m3]),
            form: u32::from_le_bytes([f0, f1, f2, f3]),
        }
    }

    /// Whether it has few digits, and is not negative.
    #[inline]
    pub(crate) fn is_plain(self) -> bool {
        self.more | (self.form & Self::SIGN) == 0
    }

    /// 0 if `other` stands to this number, which is plain, as its digits do: it is plain, and has as many of them
    /// behind the point.
    // Not a `bool`, so that many of them are put together without a branch.
    #[inline]
    pub(crate) fn unlike(self, other: Self) -> u32 {
        (self.form ^ other.form) | other.more
    }
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
