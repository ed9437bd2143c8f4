//! Reading the headers for a proxy.

use crate::headers::{InvalidHeader, ProxyHeaders};
use crate::keys::names::{HEADERS, HEADERS_FILE};
use crate::loader::node::{Node, Table};
use crate::proxy_server::ProxyServer;

/// The largest file of headers, in bytes.
const MOST_BYTES: usize = 64 * 1024;

/// The mark that some editors put before UTF-8.
const BYTE_ORDER_MARK: &str = "\u{FEFF}";

/// The headers for a proxy, and the first key that has some.
pub(crate) struct Headers<'a> {
    node: Node<'a>,
    all: ProxyHeaders,
}

impl<'a> Headers<'a> {
    /// `Some(None)` if none of the keys is set, `None` after an error.
    pub(crate) fn read(fields: &Table<'a>) -> Option<Option<Self>> {
        let table = fields.field(HEADERS);
        let file = fields.field(HEADERS_FILE);
        let Some(node) = table.as_ref().or(file.as_ref()).cloned() else {
            return Some(None);
        };
        let mut all = ProxyHeaders::default();
        let listed = table.map_or(Some(()), |table| add_table(&mut all, &table));
        let filed = file.map_or(Some(()), |file| add_file(&mut all, &file));
        listed.and(filed)?;
        Some(Some(Self { node, all }))
    }

    /// The proxy with the headers, if it can be sent them.
    pub(crate) fn add_to(self, server: ProxyServer) -> Option<ProxyServer> {
        self.all
            .check(server.url())
            .map_err(|error| self.node.report(error))
            .ok()?;
        Some(server.with_headers(self.all))
    }
}

fn add_table(headers: &mut ProxyHeaders, table: &Node<'_>) -> Option<()> {
    // All of them, also after an error, so that each error is reported.
    let add = |(name, node): (&str, Node<'_>)| {
        let added = headers.insert(name, node.text()?);
        added.map_err(|error| node.report(error)).ok()
    };
    let added: Vec<_> = table.entries()?.into_iter().map(add).collect();
    added.into_iter().collect()
}

fn add_file(headers: &mut ProxyHeaders, file: &Node<'_>) -> Option<()> {
    let content = file.read_file()?;
    if content.len() > MOST_BYTES {
        file.report_file("is too large for headers: more than 64 KiB");
        return None;
    }
    let Ok(text) = std::str::from_utf8(&content) else {
        file.report_file("is not UTF-8");
        return None;
    };
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let lines = (1..).zip(text.lines());
    let mut all = Some(());
    let mut is_empty = true;
    for (number, line) in lines {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        is_empty = false;
        if let Err(problem) = add_line(headers, line) {
            file.report_file(format_args!("has an error in line {number}: {problem}"));
            all = None;
        }
    }
    if is_empty {
        file.report_file("has no headers");
        return None;
    }
    all
}

fn add_line(headers: &mut ProxyHeaders, line: &str) -> Result<(), LineError> {
    let (name, value) = line.split_once(':').ok_or(LineError::NoHeader)?;
    Ok(headers.insert(name, value.trim_ascii())?)
}

/// What is wrong with a line, without its text.
#[derive(Debug, thiserror::Error)]
enum LineError {
    #[error("expected `name: value`")]
    NoHeader,
    #[error(transparent)]
    Invalid(#[from] InvalidHeader),
}
