//! What all collectors of a fleet agree about.

use std::time::Duration;

use async_nats::jetstream::stream::Config;

use super::joining::JoinError;
use crate::shard::ShardCount;
use crate::terms::Terms;

/// What all that use a bucket agree about. It is a part of the bucket's configuration, so one is not there
/// without the other, and whoever creates the bucket again has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Agreed {
    /// After which entries are removed, or never for 0.
    pub(super) max_age: Duration,
    shards: Option<ShardCount>,
}

impl Agreed {
    /// About a bucket of leases.
    pub(super) fn leases(shards: ShardCount, terms: Terms) -> Self {
        Self {
            max_age: terms.lease(),
            shards: Some(shards),
        }
    }

    /// About a bucket whose entries are removed at this age.
    pub(super) fn max_age(max_age: Duration) -> Self {
        Self {
            max_age,
            shards: None,
        }
    }

    /// The description of the bucket.
    // Entries are removed, and version 2.9 has no metadata.
    pub(super) fn description(self) -> Option<String> {
        let shards = self.shards.map(ShardCount::value);
        shards.map(|shards| format!("{shards}{SHARDS}"))
    }

    /// Whether it is what a bucket says that was found.
    pub(super) fn expect(self, found: &Config) -> Result<(), JoinError> {
        if found.max_age != self.max_age {
            return Err(JoinError::OtherLease(found.max_age));
        }
        if self.shards.is_none() {
            return Ok(());
        }
        let description = found.description.as_deref().unwrap_or_default();
        let shards = description.strip_suffix(SHARDS);
        let shards = shards.and_then(|it| ShardCount::new(it.parse().ok()?));
        match shards {
            shards if shards == self.shards => Ok(()),
            Some(shards) => Err(JoinError::OtherShards(shards.value())),
            None => Err(JoinError::OtherBucket(found.name.clone())),
        }
    }
}

const SHARDS: &str = " shards";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_agreed_is_read_from_the_bucket_and_nothing_else_is_agreed() {
        let terms = Terms::default();
        let [eight, nine] = [8, 9].map(|count| ShardCount::new(count).unwrap());
        let bucket = |max_age, description: Option<&str>| Config {
            name: "KV_prod_leases".to_owned(),
            max_age,
            description: description.map(ToOwned::to_owned),
            ..Config::default()
        };
        let agreed = Agreed::leases(eight, terms);
        let description = agreed.description();
        let found = bucket(terms.lease(), description.as_deref());
        assert!(agreed.expect(&found).is_ok());
        let refused = Agreed::leases(nine, terms).expect(&found).unwrap_err();
        assert_eq!(refused.to_string(), "the fleet has 8 shards");
        let longer = bucket(terms.lease() * 2, description.as_deref());
        let refused = agreed.expect(&longer).unwrap_err();
        assert_eq!(refused.to_string(), "the fleet has leases of 20s");
        for other in [
            None,
            Some(""),
            Some("0 shards"),
            Some("8"),
            Some("8 apples"),
        ] {
            let refused = agreed.expect(&bucket(terms.lease(), other)).unwrap_err();
            let told = "the bucket KV_prod_leases is there, and is none of a fleet";
            assert_eq!(refused.to_string(), told, "{other:?}");
        }
        let budgets = Agreed::max_age(Duration::ZERO);
        assert!(budgets.expect(&bucket(Duration::ZERO, None)).is_ok());
    }
}
