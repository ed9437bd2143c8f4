//! The targets that the environment exempts from its proxies.

use std::net::IpAddr;

use url::Host;

use crate::destination::Destination;

/// The entries of `NO_PROXY`, separated by commas or spaces:
///
/// - `*`: everything;
/// - `example.com`, `.example.com` or `*.example.com`: that name and all names below it;
/// - `192.0.2.1`, `2001:db8::1` or `[2001:db8::1]`: that address, if a target is given as one;
/// - `192.0.2.0/24`, `2001:db8::/32`: the addresses of that network;
/// - one of these except for networks with `:443` behind it: for that port only.
///
/// What is none of these exempts nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoProxy {
    variable: &'static str,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    targets: Targets,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Targets {
    Everything,
    /// In ASCII, without a dot at either end.
    Domain(String),
    Network {
        address: IpAddr,
        prefix: u32,
    },
}

impl NoProxy {
    pub(crate) fn parse(variable: &'static str, text: &str) -> Self {
        let entries = text.split(|c: char| c == ',' || c.is_whitespace());
        Self {
            variable,
            entries: entries.filter_map(Entry::parse).collect(),
        }
    }

    pub(crate) fn variable(&self) -> &'static str {
        self.variable
    }

    /// Whether nothing is exempt.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn exempts(&self, destination: &Destination<'_>) -> bool {
        self.entries.iter().any(|entry| entry.exempts(destination))
    }

    /// Whether there is no destination that is not exempt.
    pub(crate) fn exempts_everything(&self) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.targets == Targets::Everything && entry.port.is_none())
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        if let Some(targets) = Targets::parse_network(text) {
            return Some(Self {
                targets,
                port: None,
            });
        }
        let is_port = |(_, port): &(&str, &str)| port.bytes().all(|b| b.is_ascii_digit());
        let (host, port) = match text.rsplit_once(':').filter(is_port) {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (text, None),
        };
        Some(Self {
            targets: Targets::parse(host)?,
            port,
        })
    }

    fn exempts(&self, destination: &Destination<'_>) -> bool {
        self.port.is_none_or(|port| port == destination.port())
            && self.targets.contain(destination.host())
    }
}

impl Targets {
    fn parse(host: &str) -> Option<Self> {
        if host == "*" {
            return Some(Self::Everything);
        }
        let name = host.strip_prefix('*').unwrap_or(host);
        let name = name.strip_prefix('.').unwrap_or(name);
        let name = name.strip_suffix('.').unwrap_or(name);
        match Host::parse(name).ok()? {
            Host::Domain(name) => Some(Self::Domain(name)),
            Host::Ipv4(address) => Some(Self::address(address.into())),
            Host::Ipv6(address) => Some(Self::address(address.into())),
        }
    }

    /// An address, or several with a common prefix.
    fn parse_network(text: &str) -> Option<Self> {
        let Some((address, prefix)) = text.split_once('/') else {
            return text.parse().ok().map(Self::address);
        };
        let (address, prefix) = (address.parse().ok()?, prefix.parse().ok()?);
        (prefix <= bits(address)).then_some(Self::Network { address, prefix })
    }

    fn address(address: IpAddr) -> Self {
        Self::Network {
            address,
            prefix: bits(address),
        }
    }

    fn contain(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Everything, _) => true,
            (Self::Domain(domain), Host::Domain(name)) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                let before = name.strip_suffix(domain.as_str());
                before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
            }
            (Self::Network { address, prefix }, Host::Ipv4(host)) => {
                have_common_prefix(*address, (*host).into(), *prefix)
            }
            (Self::Network { address, prefix }, Host::Ipv6(host)) => {
                have_common_prefix(*address, (*host).into(), *prefix)
            }
            (Self::Domain(_), Host::Ipv4(_) | Host::Ipv6(_))
            | (Self::Network { .. }, Host::Domain(_)) => false,
        }
    }
}

fn bits(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn have_common_prefix(a: IpAddr, b: IpAddr, prefix: u32) -> bool {
    // A shift by all bits gives `None`, and an empty prefix is common to all.
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            let shift = 32 - prefix;
            a.to_bits().checked_shr(shift) == b.to_bits().checked_shr(shift)
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            let shift = 128 - prefix;
            a.to_bits().checked_shr(shift) == b.to_bits().checked_shr(shift)
        }
        _ => false,
    }
}
