//! Settings made in code as a source.

use config::{Map, Value};

use super::PROXY;
use crate::keys::{SETTINGS, Said, said};
use crate::settings::ProxySettings;

/// The document that the settings would be read from, with what they say and nothing else; none if
/// they say nothing. It holds the credentials.
pub(super) fn document(settings: &ProxySettings) -> Option<Value> {
    let section = Said::table(said(&SETTINGS, settings))?;
    Some(value(Map::from([(PROXY.to_owned(), of(section))])))
}

fn of(said: Said<'_>) -> Value {
    match said {
        Said::Boolean(flag) => value(flag.to_string()),
        Said::Integer(number) => value(number.to_string()),
        Said::Word(word) => value(word),
        Said::Url(url) => value(url.reveal()),
        // A path that is no text becomes one that is not there, which is an error.
        Said::File(path) => value(path.to_string_lossy().as_ref()),
        Said::List(items) => value(items.into_iter().map(of).collect::<Vec<_>>()),
        Said::Table(fields) => {
            let fields = fields.into_iter();
            value(
                fields
                    .map(|(key, said)| (key.to_owned(), of(said)))
                    .collect::<Map<_, _>>(),
            )
        }
    }
}

fn value(kind: impl Into<config::ValueKind>) -> Value {
    Value::new(Some(&"code".to_owned()), kind)
}
