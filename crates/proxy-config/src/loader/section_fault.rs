//! The errors of deserializing a section, which do not show its values.

use std::error::Error;
use std::fmt;

use serde::de::{self, Expected, Unexpected};

use crate::loader::node::Node;
use crate::loader::suggestion::{unknown_key, unknown_word};

/// The text that replaces a text of the configuration in a message.
const HIDDEN: &str = "***";

/// The shortest text to replace, in bytes. Shorter ones occur in messages by chance.
const LEAST_HIDDEN: usize = 4;

/// The error of the deserializer of a section.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It has been reported where it was found.
    Told,
    Missing(&'static str),
    Wrong(String),
    /// The message of the type itself, which may show the value.
    Custom(String),
}

impl Fault {
    pub(crate) fn wrong(problem: impl fmt::Display) -> Self {
        Self::Wrong(problem.to_string())
    }

    /// Reports it for `node`, unless it has been reported.
    pub(crate) fn tell(self, node: &Node<'_>) {
        match self {
            Self::Told => {}
            Self::Missing(key) if node.is_wrong_with(key) => {}
            Self::Missing(_) | Self::Wrong(_) => node.report(self),
            Self::Custom(message) => node.report(without_texts(message, node)),
        }
    }

    /// The same error, reported.
    pub(crate) fn told(self, node: &Node<'_>) -> Self {
        self.tell(node);
        Self::Told
    }
}

/// A message about `node` without the texts in it.
fn without_texts(message: String, node: &Node<'_>) -> String {
    let mut texts = Vec::new();
    add_texts(&mut texts, node);
    texts.retain(|text| text.len() >= LEAST_HIDDEN);
    // The longest first: replacing a part of a text would leave the rest of it.
    texts.sort_unstable_by_key(|text| usize::MAX - text.len());
    texts.iter().fold(message, |message, text| {
        let escaped = text.escape_debug().to_string();
        message.replace(&escaped, HIDDEN).replace(text, HIDDEN)
    })
}

fn add_texts<'a>(texts: &mut Vec<&'a str>, node: &Node<'a>) {
    texts.extend(node.as_text());
    for (key, node) in node.children() {
        texts.push(key);
        add_texts(texts, &node);
    }
}

/// The kind of value that was found.
fn kind(unexpected: &Unexpected<'_>) -> &'static str {
    match unexpected {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
        Unexpected::Unit | Unexpected::Option => "nothing",
        Unexpected::Seq => "a list",
        Unexpected::Map => "a table",
        _ => "text",
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told => f.write_str("the value is not as it should be"),
            Self::Missing(key) => write!(f, "`{key}` is missing"),
            Self::Wrong(problem) => f.write_str(problem),
            Self::Custom(message) => f.write_str(message),
        }
    }
}

impl Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Custom(message.to_string())
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = kind(&unexpected);
        Self::wrong(format_args!("expected {expected}, found {found}"))
    }

    fn invalid_value(_unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::wrong(format_args!("expected {expected}"))
    }

    fn invalid_length(_length: usize, expected: &dyn Expected) -> Self {
        Self::wrong(format_args!("expected {expected}"))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::Wrong(unknown_word(variant, expected))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::Wrong(unknown_key(field, expected).to_string())
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::wrong(format_args!("`{field}` is given twice, under two names"))
    }
}
