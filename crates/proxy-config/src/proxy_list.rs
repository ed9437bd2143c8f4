//! A list of proxies, as a source gives it.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;

use crate::ca_file::UnreadableFile;
use crate::files::Files;
use crate::headers::ProxyHeaders;
use crate::pool::PoolMember;
use crate::proxy_url::ProxyUrl;

/// The most proxies that are taken from one list.
const MOST_MEMBERS: usize = 10_000;

/// How many bad entries are kept with their reasons.
const MOST_FAULTS: usize = 16;

/// The byte order mark of some editors.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The proxies of a list, and the entries that are not proxies.
///
/// ```
/// use proxy_config::ProxyList;
///
/// let list = ProxyList::parse(b"# Frankfurt\nsocks5h://a.example:1080\nb.example:1080\n");
/// assert_eq!(list.members().len(), 1);
/// assert!(list.faults()[0].to_string().starts_with("line 3: Proxy URL must include scheme"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxyList {
    members: Vec<PoolMember>,
    faults: Vec<ListFault>,
    refused: usize,
}

impl ProxyList {
    /// A list of these proxies, of which one that is named twice counts once. A member that is direct, or
    /// reached from a local address, is a [fault](Self::faults).
    #[must_use]
    pub fn new(members: impl IntoIterator<Item = PoolMember>) -> Self {
        let members = members.into_iter().enumerate();
        Self::collect(members.map(|(index, member)| (index + 1, Ok(member))))
    }

    /// Reads a list: one URL a line, where `#` begins a comment, or the YAML or JSON list that
    /// `pool.proxies` may be. It is the latter if it begins with `-` or `[`, and needs the feature
    /// `loader`.
    ///
    /// Entries have a URL, a login, `headers`, `handshake`, `quick_ack`, `egress`, `weight` and `enabled`. They
    /// cannot name files or addresses of this machine, or a way without a proxy: whoever writes the list may
    /// be somebody else.
    ///
    /// At most 10,000 proxies are taken. What is bad is among the [faults](Self::faults), and the rest is
    /// used.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        let Ok(text) = std::str::from_utf8(text) else {
            return Self::collect([(1, Err("the list is not UTF-8".to_owned()))]);
        };
        match text.lines().find_map(content) {
            Some(first) if first.starts_with(['-', '[']) => Self::collect(structured(text)),
            _ => Self::collect(lines(text)),
        }
    }

    /// Reads the list in a file, within 10 seconds.
    ///
    /// # Errors
    /// [`UnreadableFile`] if it cannot be read, or has more than 16 MiB.
    pub fn read(path: &Path) -> Result<Self, UnreadableFile> {
        let content = Files::default().read(path);
        let content = content.map_err(|unread| UnreadableFile::new(path, unread))?;
        Ok(Self::parse(&content))
    }

    fn collect(entries: impl IntoIterator<Item = (usize, Result<PoolMember, String>)>) -> Self {
        let mut list = Self::default();
        let mut seen = HashSet::new();
        for (line, entry) in entries {
            match entry.and_then(listable) {
                Ok(_) if list.members.len() >= MOST_MEMBERS => {
                    list.refuse(line, format!("there are more than {MOST_MEMBERS} proxies"));
                }
                // Without two entries for its connections and its health.
                Ok((proxy, _)) if seen.contains(&proxy) => {
                    list.refuse(line, "the proxy is listed twice".to_owned());
                }
                Ok((proxy, member)) => {
                    seen.insert(proxy);
                    list.members.push(member);
                }
                Err(problem) => list.refuse(line, problem),
            }
        }
        list
    }

    fn refuse(&mut self, line: usize, problem: String) {
        self.refused += 1;
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(ListFault { line, problem });
        }
    }

    /// The proxies, including those that are not enabled.
    #[must_use]
    pub fn members(&self) -> &[PoolMember] {
        &self.members
    }

    /// Whether no proxy of the list can be chosen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.members.iter().any(PoolMember::is_enabled)
    }

    /// The first 16 entries that are not used.
    #[must_use]
    pub fn faults(&self) -> &[ListFault] {
        &self.faults
    }

    /// How many entries are not used.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.refused
    }
}

/// The member with what no other of the list has, or why it cannot be one: a list is of proxies, and has no say
/// in where on this machine connections begin.
fn listable(member: PoolMember) -> Result<((ProxyUrl, ProxyHeaders), PoolMember), String> {
    let server = member.server().ok_or("a list cannot name a direct exit")?;
    if server.bind().is_some() {
        return Err("a list cannot name a local address".to_owned());
    }
    let proxy = (server.url().clone(), server.headers().clone());
    Ok((proxy, member))
}

/// The part of a line before its comment.
fn content(line: &str) -> Option<&str> {
    // A `#` within a URL is no comment: it would cut a password short.
    let comment = line.char_indices().find(|(at, c)| {
        let before = line
            .get(..*at)
            .and_then(|before| before.chars().next_back());
        *c == '#' && before.is_none_or(char::is_whitespace)
    });
    let line = comment.and_then(|(at, _)| line.get(..at)).unwrap_or(line);
    Some(line.trim()).filter(|content| !content.is_empty())
}

fn lines(text: &str) -> impl Iterator<Item = (usize, Result<PoolMember, String>)> + '_ {
    let lines = text.lines().enumerate();
    lines.filter_map(|(index, line)| {
        let url = ProxyUrl::parse(content(line)?);
        let member = url.map(PoolMember::new);
        Some((index + 1, member.map_err(|error| error.to_string())))
    })
}

#[cfg(feature = "loader")]
use crate::loader::list_entries as structured;

#[cfg(not(feature = "loader"))]
fn structured(_text: &str) -> [(usize, Result<PoolMember, String>); 1] {
    [(1, Err("a YAML list needs the feature `loader`".to_owned()))]
}

/// An entry of a list that is not used. Shows nothing that may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListFault {
    line: usize,
    problem: String,
}

impl ListFault {
    /// The line of the entry, counted from 1; for a list without lines, its place.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// What is wrong with it.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

impl fmt::Display for ListFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}
