//! Settings made in code as a source.

use config::{Map, Value, ValueKind};

use super::PROXY;
use crate::keys::{SETTINGS, Said, said};
use crate::loader::references::References;
use crate::origin::Origin;
use crate::settings::ProxySettings;

/// The settings as a document, with the keys that are set; `None` if none is. URLs are references,
/// not texts, because a text would have `***` for the credentials.
pub(super) fn document(settings: &ProxySettings, references: &References) -> Option<Value> {
    let section = Said::table(said(&SETTINGS, settings))?;
    let section = value(section, references);
    Some(Value::new(None, Map::from([(PROXY.to_owned(), section)])))
}

fn value(said: Said<'_>, references: &References) -> Value {
    let kind = match said {
        Said::Boolean(flag) => flag.to_string().into(),
        Said::Integer(number) => number.to_string().into(),
        Said::Word(word) => word.into(),
        Said::Text(text) => text.into_owned().into(),
        Said::Url(url) => references.url(url.clone()),
        Said::HttpUrl(url) => url.reveal().into(),
        // A path that is not UTF-8 becomes one that does not exist, which is an error.
        Said::File(path) => path.to_string_lossy().into_owned().into(),
        Said::Headers(headers) => {
            let text = |value: &str| Value::new(Some(&references.mark(Origin::Code)), value);
            let fields = headers.iter();
            ValueKind::Table(
                fields
                    .map(|(name, value)| (name.to_owned(), text(value)))
                    .collect(),
            )
        }
        Said::List(items) => {
            let items = items.into_iter().map(|item| value(item, references));
            ValueKind::Array(items.collect())
        }
        Said::Table(fields) => {
            let fields = fields.into_iter();
            let fields = fields.map(|(key, said)| (key.to_owned(), value(said, references)));
            ValueKind::Table(fields.collect())
        }
    };
    Value::new(Some(&references.mark(Origin::Code)), kind)
}
