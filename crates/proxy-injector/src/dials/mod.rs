//! What came of the dials through each exit.

mod failure;
mod history;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use proxy_config::{ExchangeId, Exit, Transport};
use tokio::time::Instant;
use transport::{Connection, DialError, Dialer, Target};

pub(crate) use self::failure::{Failure, word};
pub(crate) use self::history::History;
use crate::metrics::{DialMeter, Names, RequestMeter};
use crate::route_key::RouteKey;

/// How many exits are remembered before those are forgotten that were not dialed for an hour.
// A list may bring thousands, each for minutes only.
const MOST_EXITS: usize = 1024;

/// After this time, an exit may be forgotten.
const OLD: Duration = Duration::from_secs(3600);

/// The histories of all exits, by what makes one another one.
#[derive(Debug, Default)]
pub(crate) struct Dials {
    histories: Mutex<Histories>,
    names: Names,
}

#[derive(Debug, Default)]
struct Histories {
    by_exit: HashMap<RouteKey, Arc<Mutex<History>>>,
    prune_at: usize,
}

impl Dials {
    /// The history of dials by `exit`.
    fn of(&self, exit: &Exit) -> Arc<Mutex<History>> {
        let key = RouteKey::of(exit);
        let mut histories = self.histories.lock();
        if let Some(known) = histories.by_exit.get(&key) {
            return Arc::clone(known);
        }
        if histories.by_exit.len() >= MOST_EXITS.max(histories.prune_at) {
            let now = Instant::now();
            let is_used = |history: &Arc<Mutex<History>>| {
                Arc::strong_count(history) > 1 || history.lock().is_newer_than(OLD, now)
            };
            histories.by_exit.retain(|_, history| is_used(history));
            // Twice what is left, so that the cost for each new one is constant.
            histories.prune_at = 2 * histories.by_exit.len();
        }
        Arc::clone(histories.by_exit.entry(key).or_default())
    }

    /// The histories of `exits`, as far as there are any.
    pub(crate) fn histories(&self, exits: &[RouteKey]) -> Vec<Option<Arc<Mutex<History>>>> {
        let histories = self.histories.lock();
        let known = exits.iter().map(|key| histories.by_exit.get(key));
        known.map(Option::<&_>::cloned).collect()
    }

    /// The names that proxies have in metrics.
    #[cfg(feature = "metrics")]
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    /// What measures REST requests of one exchange by `exit`.
    pub(crate) fn request_meter(&self, exchange: Option<&ExchangeId>, exit: &Exit) -> RequestMeter {
        RequestMeter::new(exchange, exit, &self.names)
    }

    /// A dial that is about to begin.
    pub(crate) fn dialing(
        &self,
        exchange: Option<&ExchangeId>,
        transport: Transport,
        exit: &Exit,
    ) -> Dialing {
        Dialing {
            history: self.of(exit),
            exchange: exchange.cloned(),
            transport,
            meter: DialMeter::new(exchange, transport, exit, &self.names),
        }
    }
}

/// Dials of one exchange by one transport through one exit.
#[derive(Debug, Clone)]
pub(crate) struct Dialing {
    history: Arc<Mutex<History>>,
    exchange: Option<ExchangeId>,
    transport: Transport,
    meter: DialMeter,
}

impl Dialing {
    /// Has `dial` counted, and how long it takes until it can be used: with TLS to the exchange, and
    /// for a WebSocket with the upgrade.
    pub(crate) async fn watch<T>(
        &self,
        dial: impl Future<Output = Result<T, DialError>>,
    ) -> Result<T, DialError> {
        let watched = Watched {
            dialing: self,
            since: Instant::now(),
            has_ended: false,
        };
        let outcome = dial.await;
        watched.end(outcome.as_ref().err());
        outcome
    }

    /// Keeps the failure of a check, which counts as no dial.
    pub(crate) fn note_check(&self, error: &DialError) {
        let failure = self.failure(error, true);
        self.history.lock().keep(failure);
    }

    fn failure(&self, error: &DialError, is_check: bool) -> Failure {
        Failure::new(error, self.exchange.as_ref(), self.transport, is_check)
    }
}

/// A dial under way. Dropped before its end, it was given up.
struct Watched<'a> {
    dialing: &'a Dialing,
    since: Instant,
    has_ended: bool,
}

impl Watched<'_> {
    fn end(mut self, error: Option<&DialError>) {
        self.has_ended = true;
        let Dialing { history, meter, .. } = self.dialing;
        let took = self.since.elapsed();
        meter.end(error, took);
        match error {
            None => history.lock().succeed(took, Instant::now()),
            Some(error) => {
                let failure = self.dialing.failure(error, false);
                history.lock().fail(failure);
            }
        }
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            let Dialing { history, meter, .. } = self.dialing;
            meter.give_up();
            history.lock().give_up(Instant::now());
        }
    }
}

/// Has the dials of the inner dialer counted.
pub(crate) struct WatchedDialer {
    pub(crate) inner: Arc<dyn Dialer>,
    pub(crate) dialing: Dialing,
}

#[async_trait]
impl Dialer for WatchedDialer {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        self.dialing.watch(self.inner.dial(target)).await
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use proxy_config::{ProxyConfig, ProxyUrl};

    use super::*;

    fn proxy(number: usize) -> Exit {
        let url: ProxyUrl = format!("http://u:s3cret@p{number}:1").parse().unwrap();
        ProxyConfig::new(url).into()
    }

    #[tokio::test(start_paused = true)]
    async fn a_dial_that_is_dropped_before_its_end_was_given_up() {
        let dials = Dials::default();
        let dialing = dials.dialing(None, Transport::WebSocket, &Exit::Direct);
        let waits = dialing.watch(pending::<Result<(), DialError>>());
        assert!(
            tokio::time::timeout(Duration::from_secs(1), waits)
                .await
                .is_err()
        );
        dialing.watch(async { Ok(()) }).await.unwrap();
        let counts = dials.of(&Exit::Direct).lock().counts();
        assert_eq!((counts.succeeded, counts.given_up), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn exits_that_come_and_go_are_forgotten_and_those_in_use_are_not() {
        let dials = Dials::default();
        let used = dials.dialing(None, Transport::Http, &proxy(0));
        for number in 1..MOST_EXITS {
            let dialing = dials.dialing(None, Transport::Http, &proxy(number));
            dialing.watch(async { Ok(()) }).await.unwrap();
        }
        assert_eq!(dials.histories.lock().by_exit.len(), MOST_EXITS);
        tokio::time::advance(OLD).await;
        let _new = dials.dialing(None, Transport::Http, &proxy(MOST_EXITS));
        assert_eq!(dials.histories.lock().by_exit.len(), 2);
        used.watch(async { Ok(()) }).await.unwrap();
        let of_used = dials.histories(&[RouteKey::of(&proxy(0))]);
        let [Some(history)] = &of_used[..] else {
            panic!("it is forgotten");
        };
        assert_eq!(history.lock().counts().succeeded, 1);
    }
}
