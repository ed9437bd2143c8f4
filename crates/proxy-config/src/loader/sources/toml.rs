//! TOML, read so that every scalar keeps its text.

use config::{Map, Value, ValueKind};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{DEPTH, Fault, Place, TOO_DEEP};
use super::lines::Lines;
use super::values::Values;
use crate::origin::Origin;

/// Parses a text into `values`.
pub(super) fn parse(
    text: &str,
    values: Values<'_, impl Fn(Place) -> Origin>,
) -> Result<Value, Fault> {
    let lines = Lines::new(text);
    let root = DeTable::parse(text).map_err(|error| {
        let start = error.span().map_or(text.len(), |span| span.start);
        // The message alone: the whole error shows the line, which may have a password in it.
        Fault::new(lines.at(start), error.message())
    })?;
    let document = TomlReader {
        text,
        lines,
        values,
    };
    let table = document.table(root.into_inner(), DEPTH - 1)?;
    Ok(Value::new(None, table))
}

struct TomlReader<'a, 'v, O> {
    text: &'a str,
    lines: Lines<'a>,
    values: Values<'v, O>,
}

impl<'a, O: Fn(Place) -> Origin> TomlReader<'a, '_, O> {
    fn table(&self, table: DeTable<'a>, depth: usize) -> Result<Map<String, Value>, Fault> {
        let entries = table.into_iter();
        entries
            .map(|(key, value)| Ok((key.into_inner().into_owned(), self.value(value, depth)?)))
            .collect()
    }

    fn value(&self, value: Spanned<DeValue<'a>>, depth: usize) -> Result<Value, Fault> {
        let span = value.span();
        let place = self.lines.at(span.start);
        let Some(depth) = depth.checked_sub(1) else {
            return Err(Fault::new(place, TOO_DEEP));
        };
        let kind = match value.into_inner() {
            DeValue::String(text) => ValueKind::String(text.into_owned()),
            DeValue::Table(table) => ValueKind::Table(self.table(table, depth)?),
            DeValue::Array(items) => {
                let items = items.into_iter().map(|item| self.value(item, depth));
                ValueKind::Array(items.collect::<Result<_, _>>()?)
            }
            // Their text in the file: a password may look like any of these.
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => {
                ValueKind::String(self.text.get(span).unwrap_or_default().to_owned())
            }
        };
        self.values.value(place, kind)
    }
}
