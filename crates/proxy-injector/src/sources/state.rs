//! What is known of a list of proxies.

use std::collections::HashSet;
use std::sync::Arc;

use proxy_config::{ListFault, PoolMember, ProxyHeaders, ProxyList, ProxyUrl};
use tokio::time::Instant;
use transport::{BoxError, chain};

/// The last good list, and what was wrong since.
//
//     a list with a proxy -----------------> in use, and nothing is wrong
//     unchanged ---------------------------> nothing is wrong
//     an empty list, or an error ----------> wrong; what was in use stays in use
#[derive(Debug, Clone, Default)]
pub(crate) struct ListState {
    list: Option<Arc<ProxyList>>,
    wrong: Option<Arc<str>>,
    has_looked: bool,
    good_at: Option<Instant>,
}

/// What there is to tell of a look at a list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Another list is in use.
    Changed {
        proxies: usize,
        added: usize,
        gone: usize,
        refused: usize,
        /// The reasons of entries that are not used, if there are any.
        faults: Option<String>,
    },
    /// What is in use stays in use, since this is wrong.
    Kept { why: Arc<str> },
    /// What was wrong is not any longer, and what is in use stays in use.
    Mended,
    /// There is nothing new.
    Nothing,
}

impl ListState {
    /// The last good list.
    pub(crate) fn list(&self) -> Option<&Arc<ProxyList>> {
        self.list.as_ref()
    }

    /// What is wrong, if something is.
    pub(crate) fn wrong(&self) -> Option<&Arc<str>> {
        self.wrong.as_ref()
    }

    /// Whether it has been looked for.
    pub(crate) fn has_looked(&self) -> bool {
        self.has_looked
    }

    /// When nothing was wrong the last time.
    pub(crate) fn good_at(&self) -> Option<Instant> {
        self.good_at
    }

    /// Remembers that this was known at `now`.
    pub(crate) fn stamp(&mut self, now: Instant) {
        if self.wrong.is_none() {
            self.good_at = Some(now);
        }
    }

    /// Takes what a look has found.
    pub(crate) fn take(&mut self, found: Result<Option<ProxyList>, BoxError>) -> News {
        self.has_looked = true;
        let list = match found {
            Err(error) => return self.keep(&chain(&*error).to_string()),
            Ok(Some(list)) if list.is_empty() => {
                let why = match faults(&list) {
                    Some(faults) => format!("it has no proxy: {faults}"),
                    None => "it has no proxy that is enabled".to_owned(),
                };
                return self.keep(&why);
            }
            Ok(list) => list,
        };
        let was_wrong = self.wrong.take().is_some();
        let before = self.list.as_deref();
        match list.filter(|list| before != Some(list)) {
            Some(list) => {
                let news = News::of(before, &list);
                self.list = Some(Arc::new(list));
                news
            }
            None if was_wrong => News::Mended,
            None => News::Nothing,
        }
    }

    fn keep(&mut self, why: &str) -> News {
        if self.wrong.as_deref() == Some(why) {
            return News::Nothing;
        }
        let why = Arc::from(why);
        self.wrong = Some(Arc::clone(&why));
        News::Kept { why }
    }
}

impl News {
    fn of(before: Option<&ProxyList>, list: &ProxyList) -> Self {
        let before = before.map(usable).unwrap_or_default();
        let now = usable(list);
        Self::Changed {
            proxies: now.len(),
            added: now.difference(&before).count(),
            gone: before.difference(&now).count(),
            refused: list.refused(),
            faults: faults(list),
        }
    }
}

/// What tells the proxies of `list` that can be chosen from each other.
fn usable(list: &ProxyList) -> HashSet<(&ProxyUrl, &ProxyHeaders)> {
    let members = list.members().iter();
    let enabled = members.filter(|member| PoolMember::is_enabled(member));
    let servers = enabled.filter_map(PoolMember::server);
    servers
        .map(|server| (server.url(), server.headers()))
        .collect()
}

fn faults(list: &ProxyList) -> Option<String> {
    let faults: Vec<_> = list.faults().iter().map(ListFault::to_string).collect();
    (!faults.is_empty()).then(|| faults.join("; "))
}
