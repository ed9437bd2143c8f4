//! Files as sources.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use config::{Value, ValueKind};

use super::values::Values;
use super::{json, toml, yaml};
use crate::loader::node::Reading;
use crate::origin::Origin;

#[derive(Clone)]
pub(super) enum File {
    OnDisk(PathBuf),
    InMemory { name: String, text: String },
}

#[derive(Clone, Copy)]
enum Format {
    Yaml,
    Toml,
    Json,
}

impl Format {
    fn of(name: &Path) -> Option<Self> {
        match name.extension()?.to_str()? {
            "yaml" | "yml" => Some(Self::Yaml),
            "toml" => Some(Self::Toml),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

impl File {
    fn name(&self) -> String {
        match self {
            Self::OnDisk(path) => path.display().to_string(),
            Self::InMemory { name, .. } => name.clone(),
        }
    }

    /// The folder that relative paths in the file start from.
    pub(super) fn folder(&self) -> Option<(String, PathBuf)> {
        match self {
            Self::OnDisk(path) => Some((self.name(), path.parent()?.to_owned())),
            Self::InMemory { .. } => None,
        }
    }

    pub(super) fn document(&self, reading: &Reading) -> Option<Value> {
        let name: Arc<str> = self.name().into();
        let at = |place| Origin::File {
            name: name.clone(),
            place,
        };
        let report = |problem: &dyn fmt::Display| {
            reading.problems.report("", Some(at(None)), problem);
        };
        let (format, text) = match self {
            Self::OnDisk(path) => {
                let Some(format) = Format::of(path) else {
                    report(&"expected a .yaml, .yml, .toml or .json file");
                    return None;
                };
                let content = reading.files.read(path);
                let content = content.map_err(|unread| report(&unread)).ok()?;
                let text = String::from_utf8(content.to_vec())
                    .map_err(|_| report(&"is not UTF-8; save it as UTF-8"));
                (format, text.ok()?)
            }
            Self::InMemory { name, text } => {
                let format = Format::of(Path::new(name)).unwrap_or(Format::Yaml);
                (format, text.clone())
            }
        };
        // The byte order mark of some editors.
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
        let values = Values::new(reading, |place| at(Some(place)));
        let document = match format {
            Format::Yaml => yaml::parse(text, values),
            Format::Toml => toml::parse(text, values),
            Format::Json => json::parse(text, values),
        };
        let document = document
            .map_err(|fault| {
                let place = Some(at(Some(fault.place)));
                reading.problems.report("", place, fault.problem);
            })
            .ok()?;
        let is_empty = match &document.kind {
            ValueKind::Nil => true,
            ValueKind::Table(sections) => sections.is_empty(),
            _ => false,
        };
        // Without an error, a file that lost its content would make all connections direct.
        if is_empty {
            report(&"there is nothing in it");
            return None;
        }
        Some(document)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}
