//! Keys of the command's own sections. Their readers, their JSON Schema and the table in
//! `docs/technical-specification.md` use the same lists.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

/// A key, and what it is for.
pub(super) struct Key {
    pub(super) name: &'static str,
    /// Its documentation for users, in one or two sentences.
    pub(super) about: Cow<'static, str>,
    /// The JSON Schema of its value.
    pub(super) schema: fn() -> Value,
    /// Its value, its default, and its errors.
    #[cfg_attr(not(test), expect(dead_code, reason = "it is for the documentation"))]
    pub(super) cells: [&'static str; 3],
}

/// The names of `keys`, for their reader.
pub(super) fn names(keys: &[Key]) -> Vec<&'static str> {
    keys.iter().map(|key| key.name).collect()
}

/// The JSON Schema of a table with `keys`.
pub(super) fn table(keys: &[Key]) -> Value {
    let property = |key: &Key| {
        let mut schema = (key.schema)();
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("description".to_owned(), (*key.about).into());
        }
        (key.name.to_owned(), schema)
    };
    json!({
        "type": "object",
        "minProperties": 1,
        "properties": keys.iter().map(property).collect::<Map<_, _>>(),
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use testkit::documented;

    use super::*;
    use crate::configuration::{feeds, fleet, memory, rest, sinks, status, tls};

    const PAGE: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/technical-specification.md"
    );

    fn rows(before: &str, keys: &[Key]) -> Vec<String> {
        let row = |key: &Key| {
            let [value, absent, wrong] = key.cells;
            let name = match before.strip_suffix('.') {
                Some(section) => format!("`{section}.{}`", key.name),
                None => format!("{before}`{}`", key.name),
            };
            format!("| {name} | {value} | {absent} | {} | {wrong} |", key.about)
        };
        keys.iter().map(row).collect()
    }

    #[test]
    fn the_specification_has_every_key_as_it_is() {
        let head = [
            "| key | value | default | meaning | errors |",
            "|---|---|---|---|---|",
        ];
        let rows = [
            head.map(str::to_owned).to_vec(),
            rows("feeds.", &feeds::keys()),
            rows("feed: ", &feeds::FEED),
            rows("rest.", &rest::KEYS),
            rows("tls.", &tls::KEYS),
            rows("memory.", &memory::KEYS),
            rows("sinks.", &sinks::KEYS),
            rows("sinks.files.", &sinks::files::KEYS),
            rows("sinks.nats.", &sinks::nats::KEYS),
            rows("status.", &status::KEYS),
            rows("fleet.", &fleet::KEYS),
        ];
        let table = rows.concat().join("\n");
        assert_eq!(documented(PAGE, "keys of the command", &table), Ok(()));
    }
}
