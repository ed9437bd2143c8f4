//! What other processes are told of exits, and say of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proxy_config::ExchangeId;
use tokio::time::Instant;
use transport::{Advice, HealthAdvice, HealthMark};

use super::{ExitId, KnownExits};
use crate::pool::breaker::Standing;
use crate::pool::record::Place;

impl KnownExits {
    /// From now on, `advice` is told what speaks against exits, and asked what others say.
    pub(crate) fn set_advice(&mut self, advice: Arc<dyn HealthAdvice>) {
        self.advice = Some(advice);
    }

    /// What others say.
    pub(super) fn heard(&self) -> Arc<[Advice]> {
        let advice = self.advice.as_ref();
        advice.map_or_else(Arc::default, |advice| advice.heard())
    }

    /// What others advise against an exit that a pool of it heeds.
    pub(super) fn advised(
        &mut self,
        id: ExitId,
        exchanges: &BTreeSet<ExchangeId>,
    ) -> BTreeMap<Option<ExchangeId>, Instant> {
        let mut advised = BTreeMap::new();
        let heard = self.heard();
        let Some(exit) = self.exits.get(&id).filter(|_| !heard.is_empty()) else {
            return advised;
        };
        for (pool, place) in &exit.seats {
            let Some(pool) = self.pools.get_mut(pool) else {
                continue;
            };
            for exchange in exchanges.iter().map(Some).chain([None]) {
                let heeded = pool.counsel.heed(&heard, exchange, &pool.members);
                let words = heeded.as_ref().and_then(|words| words.get(place));
                for word in words.into_iter().flatten() {
                    if !word.is_disproved(exchange, &exit.record) {
                        let exchange = exchange.filter(|_| word.is_of_exchange);
                        let until = advised.entry(exchange.cloned()).or_insert(word.until);
                        *until = word.until.max(*until);
                    }
                }
            }
        }
        advised
    }

    /// The breaker of an exit stands so from now on.
    pub(super) fn tell_standing(&self, id: ExitId, standing: Standing) {
        self.tell(id, None, |advice, mark| match standing {
            Standing::Closed => advice.clear(&mark),
            Standing::Until(until) => advice.mark(mark, until),
            Standing::OnTrial => {}
        });
    }

    /// `exchange` does not want an exit until then.
    pub(super) fn tell_ban(&self, id: ExitId, exchange: &ExchangeId, until: Instant) {
        self.tell(id, Some(exchange), |advice, mark| advice.mark(mark, until));
    }

    /// Nothing speaks against an exit any longer, at any exchange that has not banned it.
    pub(super) fn tell_pardon(&self, id: ExitId, now: Instant) {
        let record = self.exits.get(&id).map(|exit| &exit.record);
        for place in record.into_iter().flat_map(|it| it.pardonable(now)) {
            if let Place::Exchange(exchange) = place {
                self.tell(id, Some(exchange), |advice, mark| advice.clear(&mark));
            }
        }
    }

    /// Tells of an exit, if it is a proxy that others can know it by its egress.
    // Logins are not told. One of several exits with the same egress would be taken for all of them.
    fn tell(
        &self,
        id: ExitId,
        exchange: Option<&ExchangeId>,
        say: impl FnOnce(&dyn HealthAdvice, HealthMark),
    ) {
        let Some(advice) = &self.advice else {
            return;
        };
        let egress = self.exits.get(&id).and_then(|exit| exit.egress.as_ref());
        let Some(egress) = egress else {
            return;
        };
        let exits = self.exits.values();
        let mut alike = exits.filter(|exit| exit.egress.as_ref() == Some(egress));
        if alike.nth(1).is_none() {
            let mark = HealthMark {
                egress: egress.clone(),
                exchange: exchange.map(|exchange| exchange.as_str().to_owned()),
            };
            say(&**advice, mark);
        }
    }
}
