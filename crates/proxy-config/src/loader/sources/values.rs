//! Making values, within a budget.

use std::cell::Cell;

use config::{Value, ValueKind};

use super::fault::{Fault, Place};
use crate::loader::node::Reading;
use crate::origin::Origin;

/// How many bytes the values of all sources may take together, after aliases are expanded.
// A few lines of aliases of aliases could fill the memory. Values are copied while they are merged
// and read, so the load takes several times as much.
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// What a value takes in addition to its text: itself, and the text that stands for its origin.
const OF_VALUE: usize = size_of::<Value>() + 24;

const TOO_LARGE: &str =
    "the configuration is too large: its values would take more than 32 MiB (aliases are copies)";

/// The bytes that are left for values.
#[derive(Debug)]
pub(crate) struct Budget(Cell<usize>);

impl Default for Budget {
    fn default() -> Self {
        Self(Cell::new(MOST_BYTES))
    }
}

impl Budget {
    fn take(&self, bytes: usize, at: Place) -> Result<(), Fault> {
        let left = self.0.get().checked_sub(bytes);
        self.0.set(left.unwrap_or_default());
        left.map(|_| ()).ok_or_else(|| Fault::new(at, TOO_LARGE))
    }
}

/// Makes the values of one source.
pub(super) struct Values<'a, O> {
    reading: &'a Reading,
    /// The origin of a value at a place.
    origin: O,
}

impl<'a, O: Fn(Place) -> Origin> Values<'a, O> {
    pub(super) fn new(reading: &'a Reading, origin: O) -> Self {
        Self { reading, origin }
    }

    /// A value at a place of the source.
    pub(super) fn value(&self, at: Place, kind: ValueKind) -> Result<Value, Fault> {
        self.reading.budget.take(bytes(&kind), at)?;
        let mark = self.reading.references.mark((self.origin)(at));
        Ok(Value::new(Some(&mark), kind))
    }

    /// A copy of a value, for a place of the source.
    pub(super) fn copy(&self, at: Place, value: &Value) -> Result<Value, Fault> {
        self.reading.budget.take(all_bytes(value), at)?;
        Ok(value.clone())
    }
}

/// The bytes of a value without those in it.
fn bytes(kind: &ValueKind) -> usize {
    OF_VALUE
        + match kind {
            ValueKind::String(text) => text.len(),
            ValueKind::Table(table) => table.keys().map(String::len).sum(),
            _ => 0,
        }
}

/// The bytes of a value with those in it.
fn all_bytes(value: &Value) -> usize {
    let within = match &value.kind {
        ValueKind::Table(table) => table.values().map(all_bytes).sum(),
        ValueKind::Array(values) => values.iter().map(all_bytes).sum(),
        _ => 0,
    };
    bytes(&value.kind) + within
}
