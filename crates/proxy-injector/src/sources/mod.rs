//! The lists of proxies that pools get their members from.

mod file;
mod state;
mod url;
mod watch;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use proxy_config::{PoolSource, ProxyList, ProxyRule, ProxySettings, SourcePlace};
use tokio::sync::watch::Receiver;
use transport::BoxError;

pub(crate) use self::file::FileSource;
pub(crate) use self::state::ListState;
pub(crate) use self::url::UrlSource;
use self::watch::ListWatch;
use crate::proxy_source::ProxySource;

/// The most bytes of a list.
const MOST_BYTES: usize = 1024 * 1024;

/// The lists in use.
#[derive(Default)]
pub(crate) struct Sources {
    /// Those of the program, by their names.
    pub(crate) programs: HashMap<Box<str>, Arc<dyn ProxySource>>,
    watches: Mutex<HashMap<SourcePlace, ListWatch>>,
}

impl Sources {
    /// What is known of the list of `source`, which is looked after from now on; `None` if it is not
    /// in use, by `is_used`. A `reader` is made if nobody reads it.
    pub(crate) fn follow(
        &self,
        source: &PoolSource,
        is_used: impl FnOnce() -> bool,
        reader: impl FnOnce() -> Arc<dyn ProxySource>,
    ) -> Option<Receiver<ListState>> {
        let mut watches = self.watches.lock();
        // With the lock: either the settings of a reload are seen here, or the reload ends the watch.
        if !is_used() {
            return None;
        }
        if let Some(watch) = watches.get_mut(source.place()) {
            if watch.neglects(source.interval()) {
                watch.restart(source, reader());
            }
            return Some(watch.state());
        }
        let watch = ListWatch::start(source, reader());
        let state = watch.state();
        watches.insert(source.place().clone(), watch);
        Some(state)
    }

    /// What is known of the list of `source`, if somebody looks after it.
    pub(crate) fn state(&self, source: &PoolSource) -> Option<ListState> {
        let watches = self.watches.lock();
        Some(watches.get(source.place())?.state().borrow().clone())
    }

    /// What is known of all lists that somebody looks after.
    pub(crate) fn states(&self) -> Vec<Receiver<ListState>> {
        let watches = self.watches.lock();
        watches.values().map(ListWatch::state).collect()
    }

    /// Looks no more after the lists that `settings` do not use. The others stay as they are.
    pub(crate) fn retain(&self, settings: &ProxySettings) {
        let used: Vec<_> = sources_of(settings).collect();
        self.watches.lock().retain(|place, watch| {
            let mut here = used.iter().filter(|source| source.place() == place);
            let is_used = here.clone().next().is_some();
            if here.all(|source| source.interval() != watch.interval()) {
                watch.pause();
            }
            is_used
        });
    }
}

/// The sources that pools of `settings` have.
pub(crate) fn sources_of(settings: &ProxySettings) -> impl Iterator<Item = &PoolSource> {
    let exchanges = settings.exchanges().map(|(_, proxies)| proxies);
    let all = [settings.default_proxies()].into_iter().chain(exchanges);
    let rules = all.flat_map(|proxies| [proxies.http(), proxies.websocket()]);
    rules.flatten().filter_map(|rule| match rule {
        ProxyRule::Pool(pool) => pool.source(),
        ProxyRule::Direct | ProxyRule::DirectFrom(_) | ProxyRule::Proxy(_) => None,
    })
}

/// The source of a program that has none of that name.
pub(crate) struct Missing;

#[async_trait]
impl ProxySource for Missing {
    async fn list(&self) -> Result<Option<ProxyList>, BoxError> {
        Err("the program has no source of this name".into())
    }
}
