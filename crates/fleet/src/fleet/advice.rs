//! What collectors advise each other, as those who select exits see it.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use transport::{Advice, HealthAdvice, HealthMark};

use super::answers::{Answered, Answering};
use super::keys::{advice_key, adviser_of};
use crate::advice::{Heard, Marks, Said, is_common};
use crate::collector::CollectorId;
use crate::store::{Change, Store};

/// What the collectors of a fleet advise each other against. Clones are the same.
///
/// An exit is known by the endpoint of its last proxy, or by the address that is configured as what exchanges
/// see, without its login. One at a loopback address is another one on each machine, and is not told. What a collector has found is written at most six times a minute.
#[derive(Debug, Clone, Default)]
pub struct FleetAdvice(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// This collector has found something.
    found: Notify,
}

#[derive(Debug, Default)]
struct State {
    said: Said,
    heard: Heard,
    list: Arc<[Advice]>,
    /// When the list changes by itself.
    list_at: Option<std::time::Instant>,
}

impl State {
    fn renew_list(&mut self, now: std::time::Instant) {
        self.list = self.heard.list(now);
        self.list_at = self.heard.due(now);
    }
}

impl HealthAdvice for FleetAdvice {
    fn mark(&self, mark: HealthMark, until: Instant) {
        if is_common(&mark.egress) {
            let mut state = self.0.state.lock();
            state.said.mark(mark, until.into_std(), now());
            self.0.found.notify_one();
        }
    }

    fn clear(&self, mark: &HealthMark) {
        self.0.state.lock().said.clear(mark, now());
        self.0.found.notify_one();
    }

    fn heard(&self) -> Arc<[Advice]> {
        Arc::clone(&self.0.state.lock().list)
    }
}

/// What tells the others, and hears them.
pub(super) struct Adviser {
    own: CollectorId,
    advice: FleetAdvice,
    store: Arc<dyn Store>,
    patience: Duration,
}

impl Adviser {
    pub(super) fn new(
        own: CollectorId,
        advice: FleetAdvice,
        store: Arc<dyn Store>,
        patience: Duration,
    ) -> Self {
        Self {
            own,
            advice,
            store,
            patience,
        }
    }

    /// Ends when this collector has found something.
    pub(super) async fn found(&self) {
        self.advice.0.found.notified().await;
    }

    /// When to poll again, unless something changes before.
    pub(super) fn due(&self) -> Option<std::time::Instant> {
        let state = self.advice.0.state.lock();
        [state.said.due(), state.list_at]
            .into_iter()
            .flatten()
            .min()
    }

    /// What to write now.
    pub(super) fn poll(&self) -> Option<Answering> {
        let (mut state, now) = (self.advice.0.state.lock(), now());
        if state.list_at.is_some_and(|at| at <= now) {
            state.renew_list(now);
        }
        let marks = state.said.poll(now)?;
        let (store, patience) = (Arc::clone(&self.store), self.patience);
        let key = advice_key(&self.own);
        Some(Box::pin(async move {
            let written = timeout(patience, store.put(&key, marks.to_json().into())).await;
            Answered::Advised(matches!(written, Ok(Ok(_))))
        }))
    }

    pub(super) fn answer(&self, is_written: bool) {
        self.advice.0.state.lock().said.wrote(is_written);
    }

    /// What it has told may have been lost.
    pub(super) fn doubt(&self) {
        self.advice.0.state.lock().said.doubt(now());
    }

    /// Another collector has found something. Of what is none, nothing is heeded.
    pub(super) fn hear(&self, change: &Change) {
        let Some(id) = adviser_of(&change.key).filter(|id| *id != self.own) else {
            return;
        };
        let marks = change.value.as_ref().map(|json| Marks::parse(json));
        let marks = marks.and_then(Result::ok).unwrap_or_default();
        let (mut state, now) = (self.advice.0.state.lock(), now());
        state.heard.hear(id, marks, now);
        state.renew_list(now);
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}
