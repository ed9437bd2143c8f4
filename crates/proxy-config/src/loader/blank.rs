//! Keys that have nothing after them.
//!
//! `url:` or `"url": null` says nothing, and is never meant to: the value was forgotten, or cut off
//! by a `#`, or is a password that has to stand in quotes. So each source is searched for such keys
//! before anything is read or merged.
//!
//! A key without a value may be the rest of a secret with a comma in it, and is shown only if it is
//! a known one. So one that is not known here is kept until somebody reads the table that it stands
//! in, and says which keys are.

use std::cell::RefCell;
use std::mem;

use config::{Value, ValueKind};

use crate::error::Problems;
use crate::keys::Content;
use crate::loader::node::{Node, UNKNOWN, join, sorted};
use crate::loader::suggestion::unknown_key;
use crate::origin::Origin;

/// What is wrong with a key that has nothing after it.
pub(crate) const BLANK: &str = "the key has no value; quote it if it is text, or remove the key";

/// What may have happened where a key is neither known nor followed by anything.
const REST: &str = "the key has no value; quote a value that contains a comma";

/// What a key and what stands after it are.
enum Found<'a> {
    /// A key that may stand there, by its first name, with what may stand after it.
    Known(&'a str, &'static Content),
    /// A name that somebody else gave, with what may stand after it.
    Named(Option<&'static Content>),
    /// A key that should not be there.
    Unknown,
}

/// Notes an error for everything in a source's section that is nothing. `content` is what may stand
/// there, if that is known here.
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
                        let name = key.to_ascii_lowercase();
                        let key = if content.is_some() { &name } else { key };
                        refuse_blanks(&node.child(key, value), content);
                    }
                    Found::Named(_) | Found::Unknown if is_blank => {
                        note(node, key, value);
                    }
                    // Whoever reads the table says that it is unknown.
                    Found::Named(_) | Found::Unknown => {}
                }
            }
        }
        _ => {}
    }
}

/// Keeps the keys of a table that have nothing after them for whoever reads the table.
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
        Some(content) => match content.child(key) {
            Some((name, content)) => Found::Known(name, content),
            None => Found::Unknown,
        },
    }
}

/// The keys without a value that wait for somebody who knows which keys there are.
#[derive(Debug, Default)]
pub(crate) struct Blanks(RefCell<Vec<Blank>>);

#[derive(Debug)]
struct Blank {
    /// The keys that lead to the table that it stands in.
    table: String,
    key: String,
    origin: Option<Origin>,
}

impl Blanks {
    fn note(&self, table: &str, key: &str, origin: Option<Origin>) {
        self.0.borrow_mut().push(Blank {
            table: table.to_owned(),
            key: key.to_owned(),
            origin,
        });
    }

    /// Notes an error for each that stands in `table`, whose keys are `known`.
    pub(crate) fn report_in(&self, table: &str, known: &[&str], problems: &Problems) {
        let waiting = mem::take(&mut *self.0.borrow_mut());
        let (here, elsewhere): (Vec<_>, _) =
            waiting.into_iter().partition(|blank| blank.table == table);
        *self.0.borrow_mut() = elsewhere;
        for blank in here {
            blank.report(known, problems);
        }
    }

    /// Notes an error for each whose table nobody has read.
    pub(crate) fn report_all(&self, problems: &Problems) {
        for blank in mem::take(&mut *self.0.borrow_mut()) {
            blank.report(&[], problems);
        }
    }
}

impl Blank {
    fn report(self, known: &[&str], problems: &Problems) {
        let origin = self.origin;
        if known.contains(&self.key.as_str()) {
            problems.report(&join(&self.table, &self.key), origin, BLANK);
        } else if known.is_empty() {
            problems.report(&join(&self.table, UNKNOWN), origin, BLANK);
        } else {
            let unknown = unknown_key(&self.key, known);
            let problem = format!("{unknown}; {REST}");
            problems.report(&join(&self.table, UNKNOWN), origin, problem);
        }
    }
}
