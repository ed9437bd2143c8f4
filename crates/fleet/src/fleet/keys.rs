//! The keys of entries.

use std::fmt::Write;

use transport::Account;

use crate::collector::CollectorId;
use crate::shard::Shard;

/// What the keys of collectors begin with.
pub(super) const MEMBERS: &str = "member";
/// What the keys of bans begin with.
pub(super) const BANS: &str = "ban";
/// Where it is told that all have written what they hold.
pub(super) const COMPLETE: &str = "complete";
/// What the keys of advice begin with.
pub(super) const ADVICE: &str = "advice";

/// Under which key a collector says that it is there.
pub(super) fn member_key(id: &CollectorId) -> String {
    format!("{MEMBERS}.{id}")
}

/// The collector of such a key.
pub(super) fn member_of(key: &str) -> Option<CollectorId> {
    collector_of(MEMBERS, key)
}

/// Under which key a collector says what it advises against.
pub(super) fn advice_key(id: &CollectorId) -> String {
    format!("{ADVICE}.{id}")
}

/// The collector of such a key.
pub(super) fn adviser_of(key: &str) -> Option<CollectorId> {
    collector_of(ADVICE, key)
}

fn collector_of(prefix: &str, key: &str) -> Option<CollectorId> {
    let id = key.strip_prefix(prefix)?.strip_prefix('.')?;
    CollectorId::parse(id).ok()
}

pub(super) fn shard_key(shard: Shard) -> String {
    format!("shard.{shard}")
}

/// Where the ledger of a budget is.
pub(super) fn ledger_key(account: &Account, window: &str) -> String {
    format!("ledger.{}.{}", account_key(account), escaped(window))
}

/// Where a ban is told.
pub(super) fn ban_key(account: &Account) -> String {
    format!("{BANS}.{}", account_key(account))
}

fn account_key(account: &Account) -> String {
    let egress = account.egress.to_string();
    format!("{}.{}", escaped(&account.exchange), escaped(&egress))
}

/// Letters of ASCII, digits and `-` as they are, and every other byte as `=` and two hexadecimal digits.
fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut key, byte| {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            key.push(char::from(byte));
        } else {
            // Writing into a string does not fail.
            let _ = write!(key, "={byte:02x}");
        }
        key
    })
}

#[cfg(test)]
mod tests {
    use transport::Egress;

    use super::*;

    #[test]
    fn each_account_has_a_key_of_its_own() {
        let direct = Account {
            exchange: "binance".to_owned(),
            egress: Egress::Direct,
        };
        assert_eq!(
            ledger_key(&direct, "weight"),
            "ledger.binance.direct.weight"
        );
        let proxy = |endpoint: &str| Account {
            exchange: "my_exchange".to_owned(),
            egress: Egress::Proxy(endpoint.parse().unwrap()),
        };
        let named = ban_key(&proxy("proxy.example:1080"));
        assert_eq!(named, "ban.my=5fexchange.proxy=2eexample=3a1080");
        let numbered = ban_key(&proxy("[2001:db8::1]:1080"));
        let is_possible = |c: char| c.is_ascii_alphanumeric() || "-_=.".contains(c);
        assert!(numbered.chars().all(is_possible), "{numbered}");
        assert_eq!(numbered.split('.').count(), 3);
    }
}
