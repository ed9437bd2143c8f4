//! What a list of proxies has now.

use proxy_config::{ListFault, PoolConfig, ProxyList, SourcePlace};
use serde::Serialize;

/// The list that a pool gets its proxies from, as far as it can be read without a connection.
#[derive(Debug, Serialize)]
pub(super) struct Listing {
    /// Without what is secret in it.
    source: String,
    /// How many of its proxies can be chosen; `None` if it cannot be read, or is read only when connections
    /// are made.
    proxies: Option<usize>,
    /// How many entries are not used.
    refused: usize,
    /// Why the first of those are not.
    faults: Vec<String>,
    error: Option<String>,
    #[serde(skip)]
    listed: PoolConfig,
}

impl Listing {
    /// The list of `pool`, if it has one.
    pub(super) fn of(pool: &PoolConfig) -> Option<Self> {
        let source = pool.source()?;
        let listing = Self {
            source: source.to_string(),
            proxies: None,
            refused: 0,
            faults: Vec::new(),
            error: None,
            listed: pool.clone(),
        };
        Some(match source.place() {
            SourcePlace::File(path) => match ProxyList::read(path) {
                Ok(list) => listing.with(&list),
                Err(error) => Self {
                    error: Some(error.to_string()),
                    ..listing
                },
            },
            SourcePlace::Url { .. } => listing,
            SourcePlace::Program(_) => Self {
                error: Some("this program has no source of its own".to_owned()),
                ..listing
            },
        })
    }

    fn with(self, list: &ProxyList) -> Self {
        let listed = self.listed.with_listed(list.members().iter().cloned());
        Self {
            proxies: Some(listed.enabled_members().count()),
            refused: list.refused(),
            faults: list.faults().iter().map(ListFault::to_string).collect(),
            listed,
            ..self
        }
    }

    /// The pool with the proxies that the list has now.
    pub(super) fn pool(&self) -> &PoolConfig {
        &self.listed
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let proxies = match (self.proxies, &self.error) {
            (Some(1), _) => "- 1 proxy now".to_owned(),
            (Some(proxies), _) => format!("- {proxies} proxies now"),
            (None, Some(error)) => format!("- none now: {error}"),
            (None, None) => "- fetched when connections are made".to_owned(),
        };
        let faults = self
            .faults
            .iter()
            .map(|fault| format!("- not used: {fault}"));
        let untold = self.refused - self.faults.len();
        let more = (untold > 0).then(|| format!("- and {untold} more that are not used"));
        [proxies].into_iter().chain(faults).chain(more).collect()
    }
}
