//! Looking after a list of proxies.

use std::sync::Arc;
use std::time::Duration;

use proxy_config::PoolSource;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::state::{ListState, News};
use crate::proxy_source::ProxySource;

/// How long after the first look the second one is if there is no good list so far; then twice that, and so on, up
/// to the interval of the source.
// Nothing can be sent until then, and the network of a machine that has just started may not be there yet.
const FIRST_RETRY: Duration = Duration::from_secs(1);

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
    let mut retry = FIRST_RETRY;
    loop {
        let found = reader.list().await;
        let mut news = News::Nothing;
        state.send_modify(|state| {
            news = state.take(found);
            state.stamp(Instant::now());
        });
        tell(&source, news);
        let has_list = state.borrow().list().is_some();
        let pause = match has_list {
            true => source.interval(),
            false => retry.min(source.interval()),
        };
        retry = retry.saturating_mul(2);
        sleep(pause).await;
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

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use parking_lot::Mutex;
    use proxy_config::ProxyList;
    use transport::BoxError;

    use super::*;

    /// Fails until it has been asked so often.
    struct Failing(Mutex<u32>);

    #[async_trait]
    impl ProxySource for Failing {
        async fn list(&self) -> Result<Option<ProxyList>, BoxError> {
            let mut left = self.0.lock();
            *left = left.saturating_sub(1);
            match *left {
                0 => Ok(Some(ProxyList::parse(b"http://a:1"))),
                _ => Err("no network".into()),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_list_is_looked_for_again_sooner_than_after_the_interval() {
        let source = PoolSource::program("p").with_interval_seconds(3600);
        let start = Instant::now();
        let reader = Arc::new(Failing(Mutex::new(4)));
        let watch = ListWatch::start(&source.unwrap(), reader.clone());
        let mut state = watch.state();
        let _ = state
            .wait_for(|state| state.list().is_some())
            .await
            .unwrap();
        assert_eq!(start.elapsed(), Duration::from_secs(1 + 2 + 4));
        // With a list, the interval counts.
        *reader.0.lock() = 2;
        sleep(Duration::from_secs(3599)).await;
        assert!(state.borrow().wrong().is_none());
        sleep(Duration::from_secs(2)).await;
        assert!(state.borrow().wrong().is_some());
    }
}
