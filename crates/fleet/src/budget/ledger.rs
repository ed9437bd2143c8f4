//! Who has borrowed how much of a budget.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::collector::CollectorId;

/// Who has borrowed how many units of a budget. As JSON, `{"slices":{"host_1":750}}`, with `"left":["host_1"]` if
/// that one has left, and what it used may still count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    slices: BTreeMap<CollectorId, u32>,
    left: BTreeSet<CollectorId>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<'a> {
    #[serde(borrow)]
    slices: BTreeMap<&'a str, u32>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    left: Vec<&'a str>,
}

impl Ledger {
    /// Parses a ledger.
    ///
    /// # Errors
    /// [`InvalidLedger`] if `json` is none. Then nobody knows how much there is to borrow.
    pub fn parse(json: &[u8]) -> Result<Self, InvalidLedger> {
        let written: Written<'_> = serde_json::from_slice(json).map_err(|_| InvalidLedger)?;
        let slices = written.slices.into_iter().map(|(id, units)| {
            let id = CollectorId::parse(id).map_err(|_| InvalidLedger)?;
            Ok((id, units))
        });
        let left = written.left.into_iter();
        let left = left.map(|id| CollectorId::parse(id).map_err(|_| InvalidLedger));
        Ok(Self {
            slices: slices.collect::<Result<_, _>>()?,
            left: left.collect::<Result<_, _>>()?,
        })
    }

    /// The ledger as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let slices = self.slices.iter().map(|(id, units)| (id.as_str(), *units));
        let written = Written {
            slices: slices.collect(),
            left: self.left.iter().map(CollectorId::as_str).collect(),
        };
        // Texts and numbers are always JSON.
        serde_json::to_string(&written).unwrap_or_default()
    }

    /// How many units `id` has borrowed.
    #[must_use]
    pub fn slice(&self, id: &CollectorId) -> u32 {
        self.slices.get(id).copied().unwrap_or_default()
    }

    /// How many units all have borrowed.
    #[must_use]
    pub fn lent(&self) -> u64 {
        self.slices.values().map(|units| u64::from(*units)).sum()
    }

    /// Those that have borrowed something.
    pub(super) fn borrowers(&self) -> impl Iterator<Item = &CollectorId> {
        self.slices.keys()
    }

    /// Whether `id` has said that it leaves.
    pub(super) fn has_left(&self, id: &CollectorId) -> bool {
        self.left.contains(id)
    }

    /// Writes that `id` leaves, and has used so much.
    pub(crate) fn leave(&mut self, id: &CollectorId, used: u32) {
        self.set(id, used);
        if used > 0 {
            self.left.insert(id.clone());
        }
    }

    /// Writes that `id` has borrowed so much.
    pub(super) fn set(&mut self, id: &CollectorId, units: u32) {
        match units {
            0 => {
                self.slices.remove(id);
                self.left.remove(id);
            }
            units => {
                self.slices.insert(id.clone(), units);
            }
        }
    }
}

/// A text that is no [`Ledger`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a table of slices by collectors")]
pub struct InvalidLedger;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_is_read_as_it_was_written_and_nothing_else_is_one() {
        let json = r#"{"slices":{"a_1":750,"b_2":1}}"#;
        let ledger = Ledger::parse(json.as_bytes()).unwrap();
        assert_eq!(ledger.to_json(), json);
        assert_eq!(ledger.lent(), 751);
        assert_eq!(Ledger::parse(br#"{"slices":{}}"#), Ok(Ledger::default()));
        let json = r#"{"slices":{"a_1":750,"b_2":1},"left":["b_2"]}"#;
        let mut ledger = Ledger::parse(json.as_bytes()).unwrap();
        assert_eq!(ledger.to_json(), json);
        ledger.set(&CollectorId::parse("b_2").unwrap(), 0);
        assert_eq!(ledger.to_json(), r#"{"slices":{"a_1":750}}"#);
        for wrong in [
            "",
            "{}",
            "[]",
            r#"{"slices":{"a":-1}}"#,
            r#"{"slices":{"a":4294967296}}"#,
            r#"{"slices":{"a.b":1}}"#,
            r#"{"slices":{},"left":["a.b"]}"#,
            r#"{"slices":{},"more":1}"#,
        ] {
            assert_eq!(
                Ledger::parse(wrong.as_bytes()),
                Err(InvalidLedger),
                "{wrong}"
            );
        }
    }
}
