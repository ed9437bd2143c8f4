//! A key-value bucket in memory.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

#[cfg(test)]
use crate::{Answer, Ask, CollectorId, Holder, Shard};

/// A key-value bucket in memory, with the rules of one in JetStream: every write has a higher revision
/// than all before it, in the whole bucket, and entries of the maximum age are removed without a word.
#[derive(Debug)]
pub(crate) struct Bucket {
    max_age: Option<Duration>,
    revision: u64,
    entries: BTreeMap<String, Written>,
}

#[derive(Debug)]
struct Written {
    value: Bytes,
    revision: u64,
    at: Instant,
}

/// The entry has another revision than expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Conflict;

impl Bucket {
    pub(crate) fn new(max_age: Option<Duration>) -> Self {
        Self {
            max_age,
            revision: 0,
            entries: BTreeMap::new(),
        }
    }

    pub(crate) fn entry(&self, key: &str, now: Instant) -> Option<(Bytes, u64)> {
        let written = self.entries.get(key)?;
        let is_old = self.max_age.is_some_and(|age| now >= written.at + age);
        (!is_old).then(|| (written.value.clone(), written.revision))
    }

    /// The keys of all entries.
    pub(crate) fn keys(&self, now: Instant) -> Vec<String> {
        let keys = self.entries.keys();
        keys.filter(|key| self.entry(key, now).is_some())
            .cloned()
            .collect()
    }

    pub(crate) fn put(&mut self, key: &str, value: Bytes, now: Instant) -> u64 {
        self.revision += 1;
        let revision = self.revision;
        let written = Written {
            value,
            revision,
            at: now,
        };
        self.entries.insert(key.to_owned(), written);
        revision
    }

    /// Writes an entry if it has the revision `expected`, or if there is none for 0.
    pub(crate) fn update(
        &mut self,
        key: &str,
        value: Bytes,
        expected: u64,
        now: Instant,
    ) -> Result<u64, Conflict> {
        self.expect(key, expected, now)?;
        Ok(self.put(key, value, now))
    }

    /// Removes an entry if it has the revision `expected`.
    pub(crate) fn delete(
        &mut self,
        key: &str,
        expected: u64,
        now: Instant,
    ) -> Result<u64, Conflict> {
        self.expect(key, expected, now)?;
        self.entries.remove(key);
        self.revision += 1;
        Ok(self.revision)
    }

    /// What it answers to a question about a shard.
    #[cfg(test)]
    pub(crate) fn ask(
        &mut self,
        shard: Shard,
        ask: Ask,
        owner: &CollectorId,
        now: Instant,
    ) -> Answer {
        let key = shard.to_string();
        let value = owner.as_str().to_owned().into();
        let written = match ask {
            Ask::Take { expected } | Ask::HandOver { expected } => {
                self.update(&key, value, expected, now)
            }
            Ask::Release { expected } => self.delete(&key, expected, now),
            Ask::Look => {
                let holder = self.entry(&key, now).map(|(value, revision)| Holder {
                    owner: CollectorId::parse(str::from_utf8(&value).unwrap()).unwrap(),
                    revision,
                });
                return Answer::Found(holder);
            }
        };
        match written {
            Ok(revision) => Answer::Done(revision),
            Err(Conflict) => Answer::Conflict,
        }
    }

    fn expect(&self, key: &str, expected: u64, now: Instant) -> Result<(), Conflict> {
        let revision = self.entry(key, now).map_or(0, |(_, revision)| revision);
        match revision == expected {
            true => Ok(()),
            false => Err(Conflict),
        }
    }
}
