//! JSON, read so that every scalar keeps its text.

use std::fmt;

use config::{Map, Value, ValueKind};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::fault::{DEPTH, Fault, Place, TOO_DEEP, given_twice};
use super::lines::Lines;
use super::values::Values;
use crate::origin::Origin;

/// Parses a text of one value into `values`.
pub(super) fn parse(
    text: &str,
    values: Values<'_, impl Fn(Place) -> Origin>,
) -> Result<Value, Fault> {
    let document = JsonReader {
        text,
        lines: Lines::new(text),
        values,
    };
    let root = serde_json::from_str(text).map_err(|error| document.fault(text, &error))?;
    document.value(root, DEPTH)
}

struct JsonReader<'a, 'v, O> {
    text: &'a str,
    lines: Lines<'a>,
    values: Values<'v, O>,
}

impl<'a, O: Fn(Place) -> Origin> JsonReader<'a, '_, O> {
    fn value(&self, raw: &'a RawValue, depth: usize) -> Result<Value, Fault> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(Fault::new(self.place(raw), TOO_DEEP));
        };
        let kind = match raw.get().bytes().next() {
            Some(b'{') => ValueKind::Table(self.table(self.read(raw)?, depth)?),
            Some(b'[') => {
                let items: Vec<&RawValue> = self.read(raw)?;
                let items = items.into_iter().map(|item| self.value(item, depth));
                ValueKind::Array(items.collect::<Result<_, _>>()?)
            }
            Some(b'"') => ValueKind::String(self.read(raw)?),
            Some(b'n') => ValueKind::Nil,
            // A number, `true` or `false`: `1.10` must not become `1.1`.
            _ => ValueKind::String(raw.get().to_owned()),
        };
        self.values.value(self.place(raw), kind)
    }

    fn table(&self, members: Members<'a>, depth: usize) -> Result<Map<String, Value>, Fault> {
        let mut table = Map::new();
        for (raw, value) in members.0 {
            let key: String = self.read(raw)?;
            let fault = || Fault::new(self.place(raw), given_twice(&key));
            if table.contains_key(&key) {
                return Err(fault());
            }
            table.insert(key, self.value(value, depth)?);
        }
        Ok(table)
    }

    /// Reads a part of the text, which was found to be JSON before.
    fn read<T: Deserialize<'a>>(&self, raw: &'a RawValue) -> Result<T, Fault> {
        serde_json::from_str(raw.get()).map_err(|error| self.fault(raw.get(), &error))
    }

    fn fault(&self, part: &str, error: &serde_json::Error) -> Fault {
        let lines = Lines::new(part);
        let at = lines.start(error.line()) + error.column().saturating_sub(1);
        let problem = error.to_string();
        // The message ends with a place within the part, which is not one in the text.
        let (problem, _) = problem.rsplit_once(" at line ").unwrap_or((&problem, ""));
        Fault::new(self.at(self.offset(part) + at), problem)
    }

    fn place(&self, raw: &RawValue) -> Place {
        self.at(self.offset(raw.get()))
    }

    fn at(&self, offset: usize) -> Place {
        self.lines.at(offset)
    }

    /// The offset of a part of the text.
    fn offset(&self, part: &str) -> usize {
        // `part` borrows from the text: serde has no other way to tell where a value is.
        part.as_ptr().addr() - self.text.as_ptr().addr()
    }
}

/// All members of an object.
// A map would keep only one of two members with the same key.
struct Members<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}
