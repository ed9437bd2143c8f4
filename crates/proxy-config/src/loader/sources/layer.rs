//! One source over another, merged by `config`.

use std::fmt;
use std::mem;

use config::{ConfigError, Map, Source, Value, ValueKind};

use super::PROXY;
use crate::keys::{Content, index};
use crate::loader::blank::{note_blanks, refuse_blanks};
use crate::loader::node::{Node, child};
use crate::loader::shape::shape;

/// The key above the sections of a layer.
// `config` parses the first keys of a source as paths, and the name of a section may contain a dot.
const ROOT: &str = "root";

/// One source, in the shape for merging.
#[derive(Clone)]
pub(super) struct Layer(Value);

impl Layer {
    /// Errors in the source are reported, and their values left out.
    pub(super) fn new(document: &Node<'_>, sections: &[&str]) -> Option<Self> {
        note_blanks(document);
        document.table(sections)?;
        let shape = |section: &&str| {
            let value = child(document.value(), section)?;
            if value.kind == ValueKind::Nil {
                // Noted as blank above.
                return None;
            }
            let node = document.child(section, value);
            let content = Some(&Content::Settings).filter(|_| *section == PROXY);
            refuse_blanks(&node, content);
            let value = match *section {
                PROXY => shape(&node, &Content::Settings)?,
                _ => value.clone(),
            };
            Some(((*section).to_owned(), value))
        };
        let sections: Map<_, _> = sections.iter().filter_map(shape).collect();
        Some(Self(Value::new(None, sections)))
    }
}

/// Lays `layers` over each other, the weakest first.
///
/// # Errors
/// None that is known: a layer has been read before it is one.
pub(super) fn merge(layers: impl IntoIterator<Item = Layer>) -> Result<Value, ConfigError> {
    let mut document = Value::default();
    for layer in layers {
        if let ValueKind::Table(table) = &mut document.kind
            && let Some(weaker) = table.get_mut(ROOT)
        {
            number_items(weaker, &layer.0);
        }
        layer.collect_to(&mut document)?;
    }
    Ok(match &mut document.kind {
        ValueKind::Table(table) => table.remove(ROOT).unwrap_or_default(),
        _ => document,
    })
}

/// Turns the lists that `stronger` sets item by item into tables by index: `config` replaces lists
/// as a whole, and would drop the other items.
fn number_items(weaker: &mut Value, stronger: &Value) {
    let ValueKind::Table(fields) = &stronger.kind else {
        return;
    };
    if let ValueKind::Array(items) = &mut weaker.kind
        && fields.keys().all(|key| index(key).is_some())
    {
        let places = (0..).map(|place: usize| place.to_string());
        let items: Map<_, _> = places.zip(mem::take(items)).collect();
        *weaker = Value::new(None, items);
    }
    if let ValueKind::Table(table) = &mut weaker.kind {
        for (key, field) in fields {
            if let Some(weaker) = table.get_mut(key) {
                number_items(weaker, field);
            }
        }
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(Map::from([(ROOT.to_owned(), self.0.clone())]))
    }
}

/// Shows no values, which may be secrets.
impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layer").finish_non_exhaustive()
    }
}
