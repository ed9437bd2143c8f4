//! Reading a configuration: typed values, and errors with their places.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use config::{Map, Value, ValueKind};

use crate::error::Problems;
use crate::files::{Files, Seen};
use crate::keys::{Content, expected_number, index, is_key};
use crate::loader::Budget;
use crate::loader::blank::Blanks;
use crate::loader::file_name::FileName;
use crate::loader::references::References;
use crate::loader::secret_file::read_secret;
use crate::loader::suggestion::{unknown_key, unknown_word};
use crate::origin::Origin;
use crate::proxy_url::ProxyUrl;
use crate::transport::Transport;

/// What the values of a configuration share while they are read.
#[derive(Default)]
pub(crate) struct Reading {
    pub(crate) problems: Problems,
    pub(crate) files: Files,
    /// Keys without a value in sections with other readers.
    pub(crate) blanks: Blanks,
    pub(crate) references: References,
    /// What is left for the values of all sources.
    pub(crate) budget: Budget,
    /// The folders of the files, by the names that origins have for the files.
    pub(crate) folders: BTreeMap<String, PathBuf>,
    /// The paths where a source has one rule for both transports.
    pub(crate) rules_for_both: RefCell<Vec<String>>,
}

impl Reading {
    /// All errors, and the origins of the values.
    pub(crate) fn into_parts(self) -> (Problems, Arc<[Origin]>) {
        self.blanks.report_all(&self.problems);
        let rules = self.rules_for_both.take();
        let keys = Transport::ALL.map(Transport::as_str);
        self.problems.unite(&rules, keys);
        (self.problems, self.references.into_origins())
    }
}

/// One value of a configuration, with the keys that lead to it and its origin.
///
/// A method that expects a kind of value returns `None` and reports an error if the value is of
/// another kind. So a reader continues, and all errors are found at once.
#[derive(Clone)]
pub struct Node<'a> {
    path: String,
    value: &'a Value,
    reading: &'a Reading,
}

impl<'a> Node<'a> {
    pub(crate) fn new(path: &str, value: &'a Value, reading: &'a Reading) -> Self {
        Self {
            path: path.to_owned(),
            value,
            reading,
        }
    }

    /// The same place with another value.
    pub(crate) fn with_value<'b>(&self, value: &'b Value) -> Node<'b>
    where
        'a: 'b,
    {
        Node {
            path: self.path.clone(),
            value,
            reading: self.reading,
        }
    }

    pub(crate) fn value(&self) -> &'a Value {
        self.value
    }

    pub(crate) fn blanks(&self) -> &'a Blanks {
        &self.reading.blanks
    }

    /// Notes that the value is one rule for both transports, so that its errors are reported once.
    pub(crate) fn note_rule_for_both(&self) {
        let mut rules = self.reading.rules_for_both.borrow_mut();
        rules.push(self.path.clone());
    }

    /// The keys that lead to the value, such as `feeds.binance.symbols[0]`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What set the value. For a table, what set its first entry.
    #[must_use]
    pub fn origin(&self) -> Option<Origin> {
        self.reading.references.origin(self.value)
    }

    /// Reports an error in the value. `problem` must not show the value.
    pub fn report(&self, problem: impl fmt::Display) {
        self.reading
            .problems
            .report(&self.path, self.origin(), problem);
    }

    /// The value as a table with the keys `known`; every other key is an error, and so are a key
    /// without a value and a table without any key.
    #[must_use]
    pub fn table(&self, known: &[&str]) -> Option<Table<'a>> {
        self.checked_table(known, |key, node| node.report(unknown_key(key, known)))
    }

    /// The value as a table with the keys of `content`. Another key is an error, which shows the
    /// key only if it is known elsewhere: to YAML, the text after a comma in a password is a key.
    pub(crate) fn table_of(&self, content: &Content) -> Option<Table<'a>> {
        let known = content.names();
        self.checked_table(&known, |key, node| {
            let shown = if is_key(key) { key } else { UNKNOWN };
            let node = self.child(shown, node.value);
            node.report(unknown_key(key, &known));
        })
    }

    fn checked_table(
        &self,
        known: &[&str],
        report_unknown: impl Fn(&str, &Self),
    ) -> Option<Table<'a>> {
        let problems = &self.reading.problems;
        self.reading.blanks.report_in(&self.path, known, problems);
        if self.is_empty_table() {
            self.report(EMPTY);
        }
        for (key, node) in self.entries()? {
            if !known.contains(&key) {
                report_unknown(key, &node);
            }
        }
        Some(Table(self.clone()))
    }

    /// The entries of a table, with their keys, or of a list; none for any other value. Reports
    /// nothing.
    #[must_use]
    pub fn children(&self) -> Vec<(&'a str, Self)> {
        match &self.value.kind {
            ValueKind::Table(table) => {
                let entries = sorted(table).into_iter();
                entries
                    .map(|(key, value)| (key, self.child(key, value)))
                    .collect()
            }
            ValueKind::Array(values) => {
                let items = values.iter().enumerate();
                items
                    .map(|(index, value)| ("", self.item(index, value)))
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    /// The value as a table with any keys, sorted by key. A key without a value is an error.
    #[must_use]
    pub fn entries(&self) -> Option<Vec<(&'a str, Self)>> {
        let problems = &self.reading.problems;
        self.reading.blanks.report_in(&self.path, &[], problems);
        let table = match &self.value.kind {
            ValueKind::Table(table) => table,
            ValueKind::Nil => return Some(Vec::new()),
            _ => return self.expected("a table"),
        };
        let entries = sorted(table).into_iter();
        // A value that is nothing was unset by a stronger source, or is reported above.
        let entries = entries.filter(|(_, value)| value.kind != ValueKind::Nil);
        Some(
            entries
                .map(|(key, value)| (key, self.child(key, value)))
                .collect(),
        )
    }

    /// The value as a list. A table with the keys `0`, `1` and so on counts as a list: the names of
    /// variables contain indices.
    #[must_use]
    pub fn list(&self) -> Option<Vec<Self>> {
        let values: Vec<_> = match &self.value.kind {
            ValueKind::Array(values) => values.iter().collect(),
            ValueKind::Table(table) if self.is_indexed() => {
                let places = 0..table.len();
                let value = |place: usize| table.get(&place.to_string());
                match places.map(value).collect() {
                    Some(values) => values,
                    None => {
                        self.report("list indices start at 0 and have no gaps");
                        return None;
                    }
                }
            }
            _ => return self.expected("a list"),
        };
        let items = values.into_iter().enumerate();
        Some(
            items
                .map(|(place, value)| self.item(place, value))
                .collect(),
        )
    }

    pub(crate) fn is_nothing(&self) -> bool {
        self.value.kind == ValueKind::Nil
    }

    /// Whether the value is a list, or a list as a table by index.
    pub(crate) fn is_list(&self) -> bool {
        matches!(self.value.kind, ValueKind::Array(_)) || self.is_indexed()
    }

    pub(crate) fn is_empty_table(&self) -> bool {
        matches!(&self.value.kind, ValueKind::Table(table) if table.is_empty())
    }

    /// Whether the value is a list as a table by index, which is what variables make.
    pub(crate) fn is_indexed(&self) -> bool {
        matches!(&self.value.kind, ValueKind::Table(table)
            if !table.is_empty() && table.keys().all(|key| index(key).is_some()))
    }

    /// The value as text.
    #[must_use]
    pub fn text(&self) -> Option<&'a str> {
        match self.value.kind {
            ValueKind::Boolean(_) | ValueKind::I128(_) => {
                self.report(NOT_A_TEXT);
                None
            }
            _ => self.as_text().or_else(|| self.expected("text")),
        }
    }

    /// The value, if it is text. Another kind is not an error.
    #[must_use]
    pub fn as_text(&self) -> Option<&'a str> {
        match &self.value.kind {
            ValueKind::String(text) => Some(text),
            _ => None,
        }
    }

    /// The text of a scalar of any type.
    fn scalar(&self) -> Option<Cow<'a, str>> {
        match &self.value.kind {
            ValueKind::Boolean(flag) => Some(flag.to_string().into()),
            ValueKind::I128(number) => Some(number.to_string().into()),
            _ => self.text().map(Cow::Borrowed),
        }
    }

    /// Reports the error of `result`, which must not show the value.
    fn or_report<T, E: fmt::Display>(&self, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.report(error)).ok()
    }

    /// The value as a text that `parse` accepts. Its errors must not show the text.
    #[must_use]
    pub fn parse<T, E: fmt::Display>(
        &self,
        parse: impl FnOnce(&'a str) -> Result<T, E>,
    ) -> Option<T> {
        self.or_report(parse(self.text()?))
    }

    /// The value as the URL of a proxy.
    pub(crate) fn url(&self) -> Option<ProxyUrl> {
        let in_code = self.reading.references.url_of(self.value);
        in_code.or_else(|| self.parse(ProxyUrl::parse))
    }

    /// The value as a boolean: true or false, yes or no, on or off, 1 or 0.
    #[must_use]
    pub fn boolean(&self) -> Option<bool> {
        self.or_report(match self.scalar()?.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Ok(true),
            "false" | "no" | "off" | "0" => Ok(false),
            _ => Err("expected true or false, yes or no, on or off, 1 or 0"),
        })
    }

    /// The value as one of the words `all`.
    pub(crate) fn word(&self, all: &[&'static str]) -> Option<&'static str> {
        self.parse(|text| {
            let known = all.iter().copied().find(|word| *word == text);
            known.ok_or_else(|| unknown_word(text, all))
        })
    }

    /// The value as a whole number in `range`.
    #[must_use]
    pub fn integer(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let text = self.scalar()?;
        // `u64::from_str` takes a leading plus.
        let digits = Some(text).filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
        let number = digits.and_then(|digits| digits.parse().ok());
        let number = number.filter(|number| range.contains(number));
        self.or_report(number.ok_or_else(|| expected_number(&range)))
    }

    /// The value as the path of a file. A relative path in a file starts from the folder of that
    /// file; any other starts from the working directory.
    #[must_use]
    pub fn file_path(&self) -> Option<PathBuf> {
        let text = self.text()?;
        if text.is_empty() {
            self.report("expected the path of a file");
            return None;
        }
        Some(
            self.folder()
                .map_or_else(|| text.into(), |folder| folder.join(text)),
        )
    }

    /// The content of the file at [`file_path`](Self::file_path). Within one load, each file is
    /// read once, and all of them within 10 seconds.
    #[must_use]
    pub fn read_file(&self) -> Option<Arc<[u8]>> {
        let path = self.file_path()?;
        let read = self.reading.files.read(&path);
        read.map_err(|unread| {
            let name = self.file_name(&path, unread.seen());
            self.report(format_args!("{name} {unread}"));
        })
        .ok()
    }

    /// The secret in the file at [`file_path`](Self::file_path), such as a password: at most 64 KiB, without
    /// a byte order mark before it and newlines behind it. An empty one is an error.
    #[must_use]
    pub fn read_secret(&self) -> Option<Vec<u8>> {
        read_secret(self)
    }

    /// Whether an error is reported for the value, or for the value of its `key`.
    pub(crate) fn is_wrong_with(&self, key: &str) -> bool {
        let problems = &self.reading.problems;
        problems.has(&join(&self.path, key)) || problems.has(&self.path)
    }

    /// Notes that something is wrong with a file that [was read](Self::read_file).
    pub(crate) fn report_file(&self, problem: impl fmt::Display) {
        let seen = Seen {
            file: true,
            folder: true,
        };
        if let Some(path) = self.file_path() {
            let name = self.file_name(&path, seen);
            self.report(format_args!("{name} {problem}"));
        }
    }

    fn file_name<'b>(&'b self, path: &'b Path, seen: Seen) -> FileName<'b> {
        let written = Path::new(self.as_text().unwrap_or_default());
        FileName::of(path, written, self.folder(), seen)
    }

    /// The folder of the file that contains the value.
    fn folder(&self) -> Option<&'a Path> {
        let Origin::File { name, .. } = self.origin()? else {
            return None;
        };
        self.reading.folders.get(&*name).map(PathBuf::as_path)
    }

    pub(crate) fn child(&self, key: &str, value: &'a Value) -> Self {
        Self {
            path: join(&self.path, key),
            value,
            reading: self.reading,
        }
    }

    pub(crate) fn item(&self, place: usize, value: &'a Value) -> Self {
        Self {
            path: format!("{}[{place}]", self.path),
            value,
            reading: self.reading,
        }
    }

    fn expected<T>(&self, what: &str) -> Option<T> {
        // Nothing here is often the rest of a value that was left out because of an error.
        if self.value.kind == ValueKind::Nil && self.reading.problems.has(&self.path) {
            return None;
        }
        let found = match &self.value.kind {
            ValueKind::Table(_) => "a table",
            ValueKind::Array(_) => "a list",
            ValueKind::Nil => "nothing",
            ValueKind::Boolean(_) | ValueKind::I128(_) => "a number or a boolean",
            _ => "text",
        };
        self.report(format_args!("expected {what}, found {found}"));
        None
    }
}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("path", &self.path)
            .field("origin", &self.origin())
            .finish_non_exhaustive()
    }
}

/// A table whose keys are known.
#[derive(Debug, Clone)]
pub struct Table<'a>(Node<'a>);

impl<'a> Table<'a> {
    /// The value of `key`, if there is one.
    #[must_use]
    pub fn field(&self, key: &str) -> Option<Node<'a>> {
        let value = child(self.0.value, key)?;
        (value.kind != ValueKind::Nil).then(|| self.0.child(key, value))
    }

    /// The value of `key`; it is an error if there is none.
    #[must_use]
    pub fn required(&self, key: &str) -> Option<Node<'a>> {
        let field = self.field(key);
        // A key without a value and an empty table are reported as such, and not as a missing key
        // too.
        if field.is_none() && !self.0.is_wrong_with(key) {
            self.0.report(format_args!("`{key}` is missing"));
        }
        field
    }
}

/// The part of a path that replaces a key that is not shown.
pub(crate) const UNKNOWN: &str = "?";

/// The error for a value that should be text, but that a deserializer has parsed.
const NOT_A_TEXT: &str = "expected text, found a number or a boolean, whose text as it was written is \
                          lost; quote it";

/// The error for an empty table.
pub(crate) const EMPTY: &str = "the table is empty; set a key in it, or remove it";

/// Appends a key to a path. A key with other characters than keys have may be a misplaced URL, so
/// it is not repeated.
pub(crate) fn join(path: &str, key: &str) -> String {
    let key = if is_plain(key) { key } else { UNKNOWN };
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// Whether a key may be shown.
pub(crate) fn is_plain(key: &str) -> bool {
    // The rules for exchange ids, which are the freest of all keys.
    (1..=64).contains(&key.len())
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
}

/// The value of a key of a table.
pub(crate) fn child<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    match &value.kind {
        ValueKind::Table(table) => table.get(key),
        _ => None,
    }
}

pub(crate) fn sorted(table: &Map<String, Value>) -> Vec<(&str, &Value)> {
    // `config` has hash maps, and errors must come in the same order in every run.
    let mut entries: Vec<_> = table
        .iter()
        .map(|(key, value)| (key.as_str(), value))
        .collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    entries
}
