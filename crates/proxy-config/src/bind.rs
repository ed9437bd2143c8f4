//! Where on this machine connections begin.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;
use std::sync::Arc;

/// Where on this machine connections begin.
///
/// ```
/// use proxy_config::Bind;
///
/// assert!(matches!("192.0.2.7".parse(), Ok(Bind::Address(_))));
/// assert!("0.0.0.0".parse::<Bind>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Bind {
    /// One of the addresses of this machine.
    Address(IpAddr),
    /// A network interface; Linux only.
    Interface(InterfaceName),
}

/// The name of a network interface: 1 to 15 bytes, as Linux has them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InterfaceName(Arc<str>);

impl InterfaceName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An address, or the name of an interface.
impl FromStr for Bind {
    type Err = InvalidBind;

    fn from_str(text: &str) -> Result<Self, InvalidBind> {
        let Ok(address) = text.parse::<IpAddr>() else {
            return interface(text).map(Self::Interface);
        };
        let address = address.to_canonical();
        let is_broadcast = address == Ipv4Addr::BROADCAST;
        match address.is_unspecified() || address.is_multicast() || is_broadcast {
            true => Err(InvalidBind::NoHost),
            false => Ok(Self::Address(address)),
        }
    }
}

fn interface(name: &str) -> Result<InterfaceName, InvalidBind> {
    // As Linux checks names, and no misspelt address.
    let is_of_name = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | ':');
    let is_number = name.chars().all(|c| c.is_ascii_digit() || c == '.');
    if name.len() > 15 || is_number || !name.chars().all(is_of_name) {
        return Err(InvalidBind::Neither);
    }
    match cfg!(target_os = "linux") {
        true => Ok(InterfaceName(name.into())),
        false => Err(InvalidBind::NoInterfaces),
    }
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(ip) => ip.fmt(f),
            Self::Interface(name) => f.write_str(name.as_str()),
        }
    }
}

/// A text that says nowhere to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidBind {
    /// It is neither an address nor the name of an interface.
    #[error("expected an address of this machine, or the name of a network interface")]
    Neither,
    /// No single machine has the address.
    #[error(
        "expected an address of this machine; this one stands for any, or for several machines"
    )]
    NoHost,
    /// The operating system has no such option.
    #[error("expected an address of this machine; interfaces work on Linux only")]
    NoInterfaces,
}
