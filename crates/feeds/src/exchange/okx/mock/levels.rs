//! Levels of a book as OKX writes them.

use testkit::mock::{Instrument, Level};

use super::unpadded;

/// `[["8476.98","415","0","13"],…]`: price, size, nothing, number of orders. The mock has one order
/// at each price.
pub(super) fn json(levels: impl IntoIterator<Item = Level>, instrument: &Instrument) -> String {
    let levels: Vec<_> = levels
        .into_iter()
        .map(|Level { price, quantity }| {
            let orders = u8::from(quantity > 0);
            let price = unpadded(instrument.price(price));
            let quantity = unpadded(instrument.quantity(quantity));
            format!(r#"["{price}","{quantity}","0","{orders}"]"#)
        })
        .collect();
    format!("[{}]", levels.join(","))
}
