//! One price of an order book.

use rust_decimal::Decimal;

/// A price and the size that is offered there. In JSON: `["61837.63", "0.02"]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// The price of one unit of the base asset, in the quote asset.
    pub price: Decimal,
    /// The size in the base asset. In a change of a book it is the new size; zero removes the price.
    pub size: Decimal,
}
