//! The targets that the environment exempts from its proxies.

use std::net::IpAddr;

use ipnet::IpNet;
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
/// Other entries are ignored.
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
    Network(IpNet),
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
        // First, because the colons of an IPv6 address do not start a port.
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
            Host::Ipv4(address) => Some(Self::Network(IpAddr::V4(address).into())),
            Host::Ipv6(address) => Some(Self::Network(IpAddr::V6(address).into())),
        }
    }

    /// An address, or those of a network.
    fn parse_network(text: &str) -> Option<Self> {
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        text.parse().or_else(|_| address()).ok().map(Self::Network)
    }

    fn contain(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Everything, _) => true,
            (Self::Domain(domain), Host::Domain(name)) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                let before = name.strip_suffix(domain.as_str());
                // `notexample.com` ends in `example.com` as well, but is not below it.
                before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
            }
            (Self::Network(network), Host::Ipv4(host)) => network.contains(&IpAddr::V4(*host)),
            (Self::Network(network), Host::Ipv6(host)) => network.contains(&IpAddr::V6(*host)),
            (Self::Domain(_), Host::Ipv4(_) | Host::Ipv6(_))
            | (Self::Network(_), Host::Domain(_)) => false,
        }
    }
}
