//! What is told of what was learned.

use std::collections::HashSet;
use std::net::IpAddr;

use transport::chain;

use super::LearnedEgress;

/// What came of the questions since the last lines in the log.
// A pool may have thousands of exits, so of each kind, the first is shown.
#[derive(Default)]
pub(super) struct Outcome {
    learned: usize,
    addresses: HashSet<IpAddr>,
    /// The first exit that got no answer, and why.
    failed: Option<(String, String)>,
    /// How many have another address than before, and the first of them: before, and now.
    changed: (usize, Option<(String, IpAddr, IpAddr)>),
    /// How many have an address that is none of the internet, and the first of them.
    internal: (usize, Option<(String, IpAddr)>),
}

impl Outcome {
    pub(super) fn note(&mut self, learned: &LearnedEgress) {
        let exit = || learned.exit.to_string();
        let seen = match &learned.address {
            Ok(seen) => *seen,
            Err(error) => {
                let failed = || (exit(), chain(error).to_string());
                self.failed.get_or_insert_with(failed);
                return;
            }
        };
        self.learned += 1;
        self.addresses.insert(seen);
        if let Some(before) = learned.before.filter(|before| *before != seen) {
            let (count, first) = &mut self.changed;
            *count += 1;
            first.get_or_insert_with(|| (exit(), before, seen));
        }
        if is_internal(seen) {
            let (count, first) = &mut self.internal;
            *count += 1;
            first.get_or_insert_with(|| (exit(), seen));
        }
    }

    /// Of `unknown` exits, the address is not known.
    pub(super) fn tell(&mut self, unknown: usize) {
        let told = std::mem::take(self);
        if told.learned > 0 {
            tracing::info!(
                learned = told.learned,
                addresses = told.addresses.len(),
                unknown,
                "learned by which addresses exits leave"
            );
        }
        if let (exits, Some((proxy, before, seen))) = told.changed {
            tracing::warn!(
                proxy,
                %before,
                %seen,
                exits,
                "exits leave by other addresses than before; one that takes another address for each connection needs \
                 an `egress` of its own; the first is shown"
            );
        }
        if let (exits, Some((proxy, seen))) = told.internal {
            tracing::warn!(
                proxy,
                %seen,
                exits,
                "exits leave by addresses that are none of the internet; if `egress_url` is behind a load balancer, it \
                 sees that one and not the exits; the first is shown"
            );
        }
        if let Some((proxy, error)) = told.failed {
            tracing::warn!(
                proxy,
                error,
                unknown,
                "it is not known by which addresses exits leave, so they have budgets of their own; the first is shown"
            );
        }
    }
}

/// Whether no exchange on the internet sees `address`.
fn is_internal(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            // Shared by the customers of a provider (RFC 6598).
            let is_shared = first == 100 && (64..128).contains(&second);
            address.is_private() || address.is_loopback() || address.is_link_local() || is_shared
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_no_exchange_on_the_internet_sees_is_internal() {
        for (address, expected) in [
            ("10.0.0.1", true),
            ("172.31.0.1", true),
            ("192.168.1.1", true),
            ("127.0.0.1", true),
            ("169.254.1.1", true),
            ("100.64.0.1", true),
            ("100.128.0.1", false),
            ("8.8.8.8", false),
            ("::1", true),
            ("fd00::1", true),
            ("fe80::1", true),
            ("2606:4700::1", false),
        ] {
            assert_eq!(is_internal(address.parse().unwrap()), expected, "{address}");
        }
    }
}
