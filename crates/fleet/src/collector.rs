//! Who takes part in a fleet.

use std::fmt;
use std::iter::repeat_with;
use std::sync::Arc;

/// One run of a collector. A process that is started again is another one, so nobody takes what it does
/// for what the process before it did.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CollectorId(Arc<str>);

impl CollectorId {
    /// The longest one, in bytes.
    pub const MAX_LENGTH: usize = 64;

    /// Parses an id: 1 to 64 letters of ASCII, digits, `-` and `_`.
    ///
    /// # Errors
    /// [`InvalidCollectorId`] if `text` has another form.
    pub fn parse(text: &str) -> Result<Self, InvalidCollectorId> {
        let is_possible = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let is_id = (1..=Self::MAX_LENGTH).contains(&text.len()) && text.chars().all(is_possible);
        match is_id {
            true => Ok(Self(text.into())),
            false => Err(InvalidCollectorId),
        }
    }

    /// A new id that begins with `name`, such as that of the machine, as far as it can be part of one.
    #[must_use]
    pub fn new_run_of(name: &str) -> Self {
        let kept = name.chars().map(|c| match c {
            c if c.is_ascii_alphanumeric() => c,
            _ => '-',
        });
        let name: String = kept.take(Self::MAX_LENGTH / 2).collect();
        let run: String = repeat_with(fastrand::alphanumeric).take(12).collect();
        Self(format!("{name}_{run}").into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CollectorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is no [`CollectorId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to 64 letters of ASCII, digits, - and _")]
pub struct InvalidCollectorId;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_part_of_a_key_and_each_run_has_its_own() {
        for wrong in ["", "a.b", "a b", "a*", ">", "ä", &"a".repeat(65)] {
            assert_eq!(
                CollectorId::parse(wrong),
                Err(InvalidCollectorId),
                "{wrong}"
            );
        }
        for name in ["", "host.example", &"ö".repeat(100)] {
            let [one, other] = [0, 1].map(|_| CollectorId::new_run_of(name));
            assert_ne!(one, other);
            assert_eq!(CollectorId::parse(one.as_str()), Ok(one));
        }
    }
}
