//! The figures of all benchmarks, in a file.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::machine::Machine;
use super::measurement::{Judged, Measurement};
use super::table::{self, Style};
use super::versions;
use crate::error::Result;

/// The figures of all benchmarks that were run.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    machine: Machine,
    /// The versions of the packages that were measured.
    #[serde(default)]
    versions: BTreeMap<String, String>,
    sections: BTreeMap<String, Vec<Measurement>>,
}

impl Report {
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(serde_json::from_str(&text)?)
    }

    /// The figures in `path`; none if there is no such file.
    pub(crate) fn load_or_new(path: &Path) -> Result<Self> {
        match fs::exists(path) {
            Ok(true) => Self::load(path),
            Ok(false) => Ok(Self::default()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn store(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(fs::write(path, text)?)
    }

    /// Forgets what was known of `section`.
    pub(crate) fn replace(&mut self, section: &str, measurements: Vec<Measurement>) {
        self.machine = Machine::this();
        self.versions = versions::locked();
        self.sections.insert(section.to_owned(), measurements);
    }

    pub(crate) fn machine(&self) -> &Machine {
        &self.machine
    }

    pub(crate) fn versions(&self) -> impl Iterator<Item = (&str, &str)> {
        let versions = self.versions.iter();
        versions.map(|(name, version)| (name.as_str(), version.as_str()))
    }

    pub(crate) fn section(&self, section: &str) -> &[Measurement] {
        self.sections.get(section).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn sections(&self) -> impl Iterator<Item = (&str, &[Measurement])> {
        let sections = self.sections.iter();
        sections.map(|(section, measurements)| (section.as_str(), measurements.as_slice()))
    }

    /// The tables of one section.
    pub(crate) fn tables(&self, section: &str, style: Style) -> String {
        table::groups(section, self.section(section), style)
    }

    /// Every target of every section.
    pub(crate) fn targets(&self) -> impl Iterator<Item = Judged<'_>> {
        self.sections().flat_map(|(section, measurements)| {
            measurements.iter().flat_map(move |measurement| {
                let targets = measurement.targets.iter();
                targets.map(move |target| Judged {
                    section,
                    group: &measurement.group,
                    target,
                })
            })
        })
    }

    /// A table of every target.
    pub(crate) fn verdict(&self, style: Style) -> String {
        table::targets(self.targets(), style)
    }
}
