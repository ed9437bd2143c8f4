//! Putting into the model what feeds and the injector know.

mod exchanges;
mod proxies;

pub(crate) use self::exchanges::exchange;
pub(crate) use self::proxies::{Origins, budgets, lists, proxies, routes};
