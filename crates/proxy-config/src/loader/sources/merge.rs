//! One source over another.

use std::mem;

use config::{Map, Value, ValueKind};

use crate::keys::index;

/// Lays a stronger value over a weaker one: tables field by field, a table of the items of a list
/// by their places item by item, and anything else in the place of what was there.
pub(super) fn merge(weaker: &mut Value, stronger: Value) {
    let ValueKind::Table(fields) = stronger.kind else {
        *weaker = stronger;
        return;
    };
    let mut table = match mem::take(&mut weaker.kind) {
        ValueKind::Table(table) => table,
        ValueKind::Array(items) if fields.keys().all(|key| index(key).is_some()) => {
            let places = (0..).map(|place: usize| place.to_string());
            places.zip(items).collect()
        }
        _ => Map::new(),
    };
    for (key, value) in fields {
        merge(table.entry(key).or_default(), value);
    }
    *weaker = Value::new(None, table);
}
