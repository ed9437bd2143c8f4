//! What a pool heeds of the advice of other processes.

use std::collections::HashMap;
use std::sync::Arc;

use proxy_config::ExchangeId;
use tokio::time::Instant;
use transport::Advice;

use super::choice::Member;
use crate::pool::record::Record;

/// What another process says against a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// Of an exchange that does not want it, and not of itself.
    pub(super) is_of_exchange: bool,
    pub(super) heard_at: Instant,
    pub(super) until: Instant,
}

impl Word {
    /// Whether the member, of which this is the record, has worked here since: for `exchange`, if that is meant.
    pub(super) fn is_disproved(&self, exchange: Option<&ExchangeId>, record: &Record) -> bool {
        let exchange = exchange.filter(|_| self.is_of_exchange);
        record.has_worked_since(exchange, self.heard_at)
    }
}

/// What is said against members, by their places.
pub(super) type Words = HashMap<usize, Vec<Word>>;

/// What a pool heeds of the advice of other processes.
//
// Whoever has no network itself, or lies, marks every exit. So who advises against more than half of the
// members is not heeded; and where all together do, nobody is. Advice then never takes more than half of a
// pool out of its turns.
#[derive(Debug, Default)]
pub(super) struct Counsel {
    heard: Arc<[Advice]>,
    heeded: HashMap<Option<ExchangeId>, Arc<Words>>,
}

impl Counsel {
    /// What is heeded of `heard` for connections to `exchange` through a pool of `members`. `None` is nothing.
    pub(super) fn heed(
        &mut self,
        heard: &Arc<[Advice]>,
        exchange: Option<&ExchangeId>,
        members: &[Member],
    ) -> Option<Arc<Words>> {
        if !Arc::ptr_eq(&self.heard, heard) {
            self.heard = Arc::clone(heard);
            self.heeded.clear();
        }
        if heard.is_empty() {
            return None;
        }
        let exchange = exchange.cloned();
        let heeded = self.heeded.entry(exchange).or_insert_with_key(|exchange| {
            let exchange = exchange.as_ref().map(ExchangeId::as_str);
            Arc::new(judge(heard, exchange, members))
        });
        (!heeded.is_empty()).then(|| Arc::clone(heeded))
    }
}

fn judge(heard: &[Advice], exchange: Option<&str>, members: &[Member]) -> Words {
    let mut places = HashMap::new();
    for (place, member) in members.iter().enumerate() {
        // Exits with the same egress differ by what is secret, so nobody can say which of them is meant.
        let known = places.entry(&member.stated).or_insert(Some(place));
        *known = known.filter(|known| *known == place && member.exit.proxy().is_some());
    }
    let mut by_adviser: HashMap<&str, Words> = HashMap::new();
    for advice in heard {
        let of_exchange = advice.mark.exchange.as_deref();
        let place = places.get(&advice.mark.egress).copied().flatten();
        if let Some(place) = place
            && (of_exchange.is_none() || of_exchange == exchange)
        {
            let words = by_adviser.entry(&advice.adviser).or_default();
            words.entry(place).or_default().push(Word {
                is_of_exchange: of_exchange.is_some(),
                heard_at: advice.heard_at,
                until: advice.until,
            });
        }
    }
    let is_most = |words: &Words| words.len() * 2 > members.len();
    let mut heeded = Words::new();
    for words in by_adviser.into_values().filter(|words| !is_most(words)) {
        for (place, words) in words {
            heeded.entry(place).or_default().extend(words);
        }
    }
    match is_most(&heeded) {
        true => Words::new(),
        false => heeded,
    }
}

#[cfg(test)]
mod tests;
