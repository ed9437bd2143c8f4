//! Where on this machine a connection begins.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// Where on this machine a connection begins, if that is not left to the operating system.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LocalAddress {
    /// One of the addresses of this machine.
    Ip(IpAddr),
    /// The network interface of this name (`SO_BINDTODEVICE` of Linux).
    Interface(Arc<str>),
}

impl fmt::Display for LocalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Interface(name) => f.write_str(name),
        }
    }
}
