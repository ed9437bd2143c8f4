//! Keys without a value.
//!
//! `url:` or `"url": null` sets nothing, which is never intended: the value was forgotten, or cut
//! off by a `#`, or is a password that needs quotes. Each source is therefore searched for such
//! keys before anything is read or merged.
//!
//! A key without a value may be the rest of a secret that contains a comma, so it is shown only if
//! it is a known key. A key that is unknown here is kept until the table is read, because its
//! reader names the known keys.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::mem;

use config::{Value, ValueKind};

use crate::error::Problems;
use crate::keys::Content;
use crate::loader::node::{Node, UNKNOWN, join, sorted};
use crate::loader::suggestion::unknown_key;
use crate::origin::Origin;

/// The error for a key without a value.
pub(crate) const BLANK: &str = "the key has no value; quote it if it is text, or remove the key";

/// The probable cause if a key is unknown and has no value.
const REST: &str = "the key has no value; quote a value that contains a comma";

/// The meaning of a key.
enum Found<'a> {
    /// A valid key, by its first name, with the content of its value.
    Known(&'a str, &'static Content),
    /// A name that the user or another reader chose, with the content of its value.
    Named(Option<&'static Content>),
    /// A key that is not valid here.
    Unknown,
}

/// Reports an error for every key without a value in a source's section. `content` is the expected
/// content, if it is known here.
pub(crate) fn refuse_blanks(node: &Node<'_>, content: Option<&Content>) {
    match &node.value().kind {
        ValueKind::Nil => node.report(BLANK),
        ValueKind::Array(items) => {
            let content = match content {
                Some(Content::List(item)) => Some(*item),
                Some(_) => return,
                None => None,
            };
            for (place, item) in items.iter().enumerate() {
                refuse_blanks(&node.item(place, item), content);
            }
        }
        ValueKind::Table(table) => {
            for (key, value) in sorted(table) {
                let is_blank = value.kind == ValueKind::Nil;
                match found(content, key) {
                    Found::Known(name, content) => {
                        refuse_blanks(&node.child(name, value), Some(content));
                    }
                    Found::Named(content) if !is_blank => {
                        // Exchange ids and names of headers are in lower case in the merged document, and so in all
                        // errors.
                        let name = key.to_ascii_lowercase();
                        let key = if content.is_some() { &name } else { key };
                        refuse_blanks(&node.child(key, value), content);
                    }
                    Found::Named(_) | Found::Unknown if is_blank => {
                        note(node, key, value);
                    }
                    // The reader of the table reports that it is unknown.
                    Found::Named(_) | Found::Unknown => {}
                }
            }
        }
        _ => {}
    }
}

/// Keeps the keys without a value for the reader of the table.
pub(crate) fn note_blanks(node: &Node<'_>) {
    if let ValueKind::Table(table) = &node.value().kind {
        let blanks = sorted(table).into_iter();
        for (key, value) in blanks.filter(|(_, value)| value.kind == ValueKind::Nil) {
            note(node, key, value);
        }
    }
}

fn note(table: &Node<'_>, key: &str, value: &Value) {
    let origin = table.with_value(value).origin();
    table.blanks().note(table.path(), key, origin);
}

fn found<'a>(content: Option<&Content>, key: &'a str) -> Found<'a> {
    match content {
        None => Found::Named(None),
        Some(Content::Exchanges) => Found::Named(Some(&Content::ConnectionProxies)),
        Some(Content::Headers) => Found::Named(Some(&Content::Text)),
        Some(content) => match content.child(key) {
            Some((name, content)) => Found::Known(name, content),
            None => Found::Unknown,
        },
    }
}

/// The keys without a value whose table has not been read yet, by the path of that table.
#[derive(Debug, Default)]
pub(crate) struct Blanks(RefCell<BTreeMap<String, Vec<Blank>>>);

#[derive(Debug)]
struct Blank {
    key: String,
    origin: Option<Origin>,
}

impl Blanks {
    fn note(&self, table: &str, key: &str, origin: Option<Origin>) {
        let mut tables = self.0.borrow_mut();
        let blanks = tables.entry(table.to_owned()).or_default();
        blanks.push(Blank {
            key: key.to_owned(),
            origin,
        });
    }

    /// Reports an error for each in `table`, whose keys are `known`.
    pub(crate) fn report_in(&self, table: &str, known: &[&str], problems: &Problems) {
        let here = self.0.borrow_mut().remove(table);
        for blank in here.into_iter().flatten() {
            blank.report(table, known, problems);
        }
    }

    /// Reports an error for each whose table was not read.
    pub(crate) fn report_all(&self, problems: &Problems) {
        for (table, blanks) in mem::take(&mut *self.0.borrow_mut()) {
            for blank in blanks {
                blank.report(&table, &[], problems);
            }
        }
    }
}

impl Blank {
    fn report(self, table: &str, known: &[&str], problems: &Problems) {
        let origin = self.origin;
        if known.contains(&self.key.as_str()) {
            problems.report(&join(table, &self.key), origin, BLANK);
        } else if known.is_empty() {
            // Any key is valid there, or nothing read the table: it may be the rest of a secret.
            problems.report(&join(table, UNKNOWN), origin, BLANK);
        } else {
            let unknown = unknown_key(&self.key, known);
            let problem = format!("{unknown}; {REST}");
            problems.report(&join(table, UNKNOWN), origin, problem);
        }
    }
}
