//! Keys of the sections that the command has. Their readers and their JSON Schema are made from the
//! same lists.

use serde_json::{Map, Value, json};

/// A key, and what it is for.
pub(super) struct Key {
    pub(super) name: &'static str,
    /// For whoever writes a configuration, in one or two sentences.
    pub(super) about: &'static str,
    /// The JSON Schema of its value.
    pub(super) schema: fn() -> Value,
}

/// The names of `keys`, which is what a reader knows.
pub(super) fn names<const N: usize>(keys: &[Key; N]) -> [&'static str; N] {
    keys.each_ref().map(|key| key.name)
}

/// The JSON Schema of a table with `keys`.
pub(super) fn table(keys: &[Key]) -> Value {
    let property = |key: &Key| {
        let mut schema = (key.schema)();
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("description".to_owned(), key.about.into());
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
