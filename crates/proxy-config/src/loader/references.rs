//! Data that the values of `config` cannot hold.
//!
//! Such a value has a text for its origin, and is itself a text, a number, a table or a list. An
//! [`Origin`] and a [`ProxyUrl`] are more than that. They are kept here, and the values have their
//! indices: an origin's in place of its text, a URL's as a number of a type that no other value
//! has.

use std::cell::RefCell;
use std::sync::Arc;

use config::{Value, ValueKind};

use crate::loader::node::sorted;
use crate::origin::Origin;
use crate::proxy_url::ProxyUrl;

/// What values refer to by index.
#[derive(Debug, Default)]
pub(crate) struct References {
    origins: RefCell<Vec<Origin>>,
    urls: RefCell<Vec<ProxyUrl>>,
}

impl References {
    /// The text that stands for `origin` in a value.
    pub(crate) fn mark(&self, origin: Origin) -> String {
        let mut origins = self.origins.borrow_mut();
        origins.push(origin);
        (origins.len() - 1).to_string()
    }

    /// A URL of settings in code.
    // Not as text: its text has `***` for the login.
    pub(crate) fn url(&self, url: ProxyUrl) -> ValueKind {
        let mut urls = self.urls.borrow_mut();
        urls.push(url);
        (urls.len() as u64 - 1).into()
    }

    pub(crate) fn origin(&self, value: &Value) -> Option<Origin> {
        origin_in(&self.origins.borrow(), value).cloned()
    }

    /// The URL that a value refers to.
    pub(crate) fn url_of(&self, value: &Value) -> Option<ProxyUrl> {
        let ValueKind::U64(number) = value.kind else {
            return None;
        };
        let number = usize::try_from(number).ok()?;
        self.urls.borrow().get(number).cloned()
    }

    /// The origins, for the values that are kept after all is read.
    pub(crate) fn into_origins(self) -> Arc<[Origin]> {
        self.origins.into_inner().into()
    }
}

/// The origin of `value`, one of `origins`.
pub(crate) fn origin_in<'a>(origins: &'a [Origin], value: &Value) -> Option<&'a Origin> {
    origins.get(mark_of(value)?.parse::<usize>().ok()?)
}

/// The text that stands for the origin of a value. For a table without one it is that of the first
/// entry: merged tables come from several sources.
pub(crate) fn mark_of(value: &Value) -> Option<&str> {
    let children = || match &value.kind {
        ValueKind::Table(table) => sorted(table)
            .into_iter()
            .find_map(|(_, value)| mark_of(value)),
        ValueKind::Array(values) => values.iter().find_map(mark_of),
        _ => None,
    };
    value.origin().or_else(children)
}
