//! Looking after a list of proxies.

use std::sync::Arc;
use std::time::Duration;

use proxy_config::PoolSource;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::state::{ListState, News};
use crate::proxy_source::ProxySource;

/// A list of proxies, and the task that looks after it.
pub(crate) struct ListWatch {
    interval: Duration,
    state: watch::Sender<ListState>,
    task: JoinHandle<()>,
}

impl ListWatch {
    /// Looks after the list of `source`, which is read by `reader`, on this runtime.
    pub(crate) fn start(source: &PoolSource, reader: Arc<dyn ProxySource>) -> Self {
        Self::with(watch::Sender::default(), source, reader)
    }

    /// Looks after the same list from now on, on this runtime and by a new `reader`.
    pub(crate) fn restart(&mut self, source: &PoolSource, reader: Arc<dyn ProxySource>) {
        *self = Self::with(self.state.clone(), source, reader);
    }

    fn with(
        state: watch::Sender<ListState>,
        source: &PoolSource,
        reader: Arc<dyn ProxySource>,
    ) -> Self {
        let interval = source.interval();
        let looks = look_again_and_again(source.clone(), reader, state.clone());
        Self {
            interval,
            state,
            task: tokio::spawn(looks),
        }
    }

    /// Whether nobody looks after the list as often as every `interval`: the runtime has ended that did, or
    /// its source has panicked.
    pub(crate) fn neglects(&self, interval: Duration) -> bool {
        self.task.is_finished() || self.interval > interval
    }

    /// The time between two looks.
    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }

    /// Looks no more, until it is started again.
    pub(crate) fn pause(&self) {
        self.task.abort();
    }

    pub(crate) fn state(&self) -> watch::Receiver<ListState> {
        self.state.subscribe()
    }
}

impl Drop for ListWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn look_again_and_again(
    source: PoolSource,
    reader: Arc<dyn ProxySource>,
    state: watch::Sender<ListState>,
) {
    loop {
        let found = reader.list().await;
        let mut news = News::Nothing;
        state.send_modify(|state| news = state.take(found));
        tell(&source, news);
        sleep(source.interval()).await;
    }
}

fn tell(source: &PoolSource, news: News) {
    match news {
        News::Nothing => {}
        News::Mended => tracing::info!(list = %source, "the list of proxies can be read again"),
        News::Kept { why } => {
            tracing::warn!(list = %source, error = &*why, "the list of proxies is not used; the last one stays");
        }
        News::Changed {
            proxies,
            added,
            gone,
            refused,
            faults,
        } => {
            tracing::info!(list = %source, proxies, added, gone, "the list of proxies has changed");
            if let Some(faults) = faults {
                tracing::warn!(list = %source, refused, faults, "entries of the list of proxies are not used");
            }
        }
    }
}
