//! Settings in the form of a configuration.

use std::borrow::Cow;
use std::path::Path;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Entry, Field};

use crate::headers::{ProxyHeaders, REDACTED};
use crate::http_url::HttpUrl;
use crate::proxy_url::ProxyUrl;

/// A value as in a configuration. Serialized, it shows no login and no header's value.
// Settings in code become a source in this form, so it keeps URLs with their logins, and headers with
// their values.
pub(crate) enum Said<'a> {
    Boolean(bool),
    Integer(u64),
    Word(&'static str),
    Text(Cow<'a, str>),
    Url(&'a ProxyUrl),
    HttpUrl(&'a HttpUrl),
    File(&'a Path),
    Headers(&'a ProxyHeaders),
    List(Vec<Self>),
    Table(Vec<(&'a str, Self)>),
}

impl<'a> Said<'a> {
    /// `items`, if there are any.
    pub(crate) fn list(items: impl Iterator<Item = Self>) -> Option<Self> {
        let items: Vec<_> = items.collect();
        (!items.is_empty()).then_some(Self::List(items))
    }

    /// `fields`, if there are any.
    pub(crate) fn table(fields: impl Iterator<Item = (&'a str, Self)>) -> Option<Self> {
        let fields: Vec<_> = fields.collect();
        (!fields.is_empty()).then_some(Self::Table(fields))
    }
}

/// The values of `of` under the keys of a table.
pub(crate) fn said<'a, T>(
    entries: &'static [Entry<T>],
    of: &'a T,
) -> impl Iterator<Item = (&'a str, Said<'a>)> {
    entries.iter().filter_map(move |entry| {
        let said = match entry.field {
            Field::Boolean { get, .. } => Said::Boolean(get(of)?),
            Field::Integer { get, .. } => Said::Integer(get(of)?),
            Field::Word { get, .. } => Said::Word(get(of)?),
            Field::Joint { get } => get(of)?,
        };
        Some((entry.key.name, said))
    })
}

impl Serialize for Said<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Boolean(flag) => serializer.serialize_bool(*flag),
            Self::Integer(number) => serializer.serialize_u64(*number),
            Self::Word(word) => serializer.serialize_str(word),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Url(url) => url.serialize(serializer),
            Self::HttpUrl(url) => serializer.collect_str(url),
            Self::File(path) => path.serialize(serializer),
            Self::Headers(headers) => {
                serializer.collect_map(headers.iter().map(|(name, _)| (name, REDACTED)))
            }
            Self::List(items) => serializer.collect_seq(items),
            Self::Table(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (key, value) in fields {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}
