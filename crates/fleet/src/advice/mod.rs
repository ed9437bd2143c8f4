//! What collectors advise each other against.
//!
//! Each collector has one entry at the server, its [`Marks`]: what speaks against exits there. Entries have a
//! maximum age, and are written again only when something changes.

mod heard;
mod marks;
mod said;

use std::net::IpAddr;
use std::time::Duration;

use transport::{Egress, Host};

pub(crate) use self::heard::Heard;
pub use self::marks::{InvalidMarks, Marks};
pub(crate) use self::said::Said;

/// The longest time that a mark is advice for, and the maximum age of entries.
// As a ban by an exchange is often for longer, whoever has not asked by then finds out itself.
pub(crate) const LONGEST: Duration = Duration::from_secs(300);

/// Whether it is the same exit for all machines, as far as it tells.
pub(crate) fn is_common(egress: &Egress) -> bool {
    match egress {
        Egress::Proxy(endpoint) => match endpoint.host() {
            Host::Domain(name) => name != "localhost",
            Host::Ipv4(address) => !address.is_loopback(),
            Host::Ipv6(address) => !address.is_loopback(),
        },
        Egress::Address(address) => !IpAddr::is_loopback(address),
        Egress::Direct | Egress::Interface(_) => false,
    }
}
