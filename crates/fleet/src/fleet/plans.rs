//! What the collectors of a fleet would stream.

use std::collections::BTreeMap;

use crate::collector::CollectorId;
use crate::rendezvous::score;

/// What each collector would stream if it were alone, as a number that is the same for the same. A symbol that only
/// some of them have is streamed by nobody, if its shard belongs to another.
#[derive(Debug, Default)]
pub(super) struct Plans {
    own: Option<String>,
    others: BTreeMap<CollectorId, Option<String>>,
}

impl Plans {
    /// Takes what this one would stream.
    pub(super) fn set_own(&mut self, plan: &str) {
        self.own = Some(format!("{:016x}", score(plan, "plan")));
        let told = self.others.iter();
        let told = told.filter(|(_, it)| self.differs(it.as_deref()));
        told.for_each(|(id, _)| tell(id));
    }

    /// What this one says with its presence.
    pub(super) fn said(&self, presence: &str) -> String {
        match &self.own {
            Some(own) => format!("{presence} {own}"),
            None => presence.to_owned(),
        }
    }

    /// Takes what another says, and returns its presence.
    pub(super) fn hear<'a>(&mut self, id: &CollectorId, said: &'a [u8]) -> &'a [u8] {
        let mut parts = said.splitn(2, |byte| *byte == b' ');
        let presence = parts.next().unwrap_or_default();
        let plan = parts
            .next()
            .map(|it| String::from_utf8_lossy(it).into_owned());
        let is_new = self.others.get(id) != Some(&plan);
        if is_new && self.differs(plan.as_deref()) {
            tell(id);
        }
        if is_new {
            self.others.insert(id.clone(), plan);
        }
        presence
    }

    /// How many of those that are there differ from this one.
    pub(super) fn differing(&mut self, is_there: impl Fn(&CollectorId) -> bool) -> usize {
        self.others.retain(|id, _| is_there(id));
        let others = self.others.values();
        others.filter(|it| self.differs(it.as_deref())).count()
    }

    /// Who says nothing has nothing to compare.
    fn differs(&self, other: Option<&str>) -> bool {
        matches!((&self.own, other), (Some(own), Some(other)) if own != other)
    }
}

fn tell(id: &CollectorId) {
    tracing::warn!(target: "fleet", collector = %id, "a collector of the fleet has other feeds or another stream than this one; \
         what only one of them has may be stored by nobody");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_would_stream_other_things_is_counted_while_it_is_there() {
        let [a, b, c] = ["a", "b", "c"].map(|name| CollectorId::parse(name).unwrap());
        let said = |plan: &str, presence: &str| {
            let mut plans = Plans::default();
            plans.set_own(plan);
            plans.said(presence)
        };
        let mut plans = Plans::default();
        assert_eq!(plans.said("3,17"), "3,17");
        assert_eq!(plans.hear(&a, said("one", "3,17").as_bytes()), b"3,17");
        assert_eq!(plans.hear(&b, said("other", "").as_bytes()), b"");
        assert_eq!(plans.hear(&c, b"leaving"), b"leaving");
        assert_eq!(plans.differing(|_| true), 0);
        plans.set_own("one");
        assert_eq!(plans.differing(|_| true), 1);
        plans.set_own("other");
        assert_eq!(plans.differing(|_| true), 1);
        assert_eq!(plans.differing(|id| *id != a), 0);
        assert_eq!(plans.hear(&b, said("one", "5").as_bytes()), b"5");
        assert_eq!(plans.differing(|_| true), 1);
    }
}
