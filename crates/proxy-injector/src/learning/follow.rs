//! Learning as the settings say, in the background.

use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::Instant;

use super::AT_ONCE;
use super::agenda::Agenda;
use super::outcome::Outcome;
use super::ways::ways_by_and_by;
use crate::admission::sleep_to;
use crate::egress_mirror::EgressMirror;
use crate::injector::ProxyInjector;
use crate::route_key::RouteKey;

impl ProxyInjector {
    /// [Learns](Self::learn_egresses) from the server that the settings name
    /// ([`egress_url`](proxy_config::ProxySettings::egress_url)): of each exit once, of one that a list adds when it
    /// comes, and of all of them after a reload. Until then, and where there is no answer, what is known stays; an exit
    /// without an answer asks again, after 5 seconds at first, and an hour at most. If a reload takes the server away,
    /// what was learned is forgotten.
    ///
    /// This never ends, and learns for as long as it is polled. What comes of it is logged.
    pub async fn follow_egresses(self: Arc<Self>) -> Infallible {
        let mut settings = self.watch();
        let mut has_learned = false;
        loop {
            let url = settings.borrow_and_update().egress_url().cloned();
            let follow = async {
                match url.clone().map(EgressMirror::new) {
                    Some(mirror) => self.follow(&mirror).await,
                    None => pending().await,
                }
            };
            if url.is_none() && has_learned {
                self.forget_all_but(&[]);
            }
            has_learned = url.is_some();
            tokio::select! {
                // It fails only without a sender, which `self` has.
                _ = settings.changed() => {}
                never = follow => match never {},
            }
        }
    }

    /// Learns from `mirror`, until a reload.
    async fn follow(self: &Arc<Self>, mirror: &EgressMirror) -> Infallible {
        let mut agenda = Agenda::default();
        let mut ways = pin!(ways_by_and_by(Arc::clone(self)));
        let mut asks = FuturesUnordered::new();
        let mut outcome = Outcome::default();
        loop {
            while asks.len() < AT_ONCE
                && let Some(way) = agenda.begin(Instant::now())
            {
                asks.push(self.learn(mirror, way));
            }
            if asks.is_empty() {
                outcome.tell(agenda.unknown());
            }
            let next_at = agenda.next_at().filter(|_| asks.len() < AT_ONCE);
            tokio::select! {
                Some(learned) = asks.next() => {
                    let key = RouteKey::of(&learned.exit);
                    agenda.end(&key, learned.address.is_ok(), Instant::now());
                    outcome.note(&learned);
                }
                Some(now) = ways.next() => {
                    self.forget_all_but(&now);
                    agenda.set(now);
                }
                () = sleep_to(next_at) => {}
            }
        }
    }
}
