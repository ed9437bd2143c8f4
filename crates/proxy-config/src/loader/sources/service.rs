//! Environment variables that Kubernetes sets.
//!
//! A Service named `cryptofeed-proxy` adds these to every pod of its namespace:
//!
//! ```text
//! CRYPTOFEED_PROXY_SERVICE_HOST=10.0.0.11
//! CRYPTOFEED_PROXY_SERVICE_PORT=1080
//! CRYPTOFEED_PROXY_SERVICE_PORT_SOCKS=1080
//! CRYPTOFEED_PROXY_PORT=tcp://10.0.0.11:1080
//! CRYPTOFEED_PROXY_PORT_1080_TCP=tcp://10.0.0.11:1080
//! CRYPTOFEED_PROXY_PORT_1080_TCP_PROTO=tcp
//! CRYPTOFEED_PROXY_PORT_1080_TCP_PORT=1080
//! CRYPTOFEED_PROXY_PORT_1080_TCP_ADDR=10.0.0.11
//! ```
//!
//! They are ignored only if the first two are among them. A single one may be a misspelt variable
//! of ours.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};

const HOST: &str = "_SERVICE_HOST";

const PORT: &str = "_SERVICE_PORT";

/// The Services in the environment.
pub(super) struct Services<'a>(Vec<&'a str>);

impl<'a> Services<'a> {
    /// A Service counts if its address and its port are set.
    pub(super) fn of(variables: &'a [(String, OsString)]) -> Self {
        let has_port = |service: &str| {
            let mut variables = variables.iter();
            variables.any(|(name, value)| {
                name.strip_prefix(service) == Some(PORT) && is_port(text(value))
            })
        };
        let addresses = variables
            .iter()
            .filter(|(_, value)| is_address(text(value)))
            .filter_map(|(name, _)| name.strip_suffix(HOST));
        Self(addresses.filter(|service| has_port(service)).collect())
    }

    /// Whether a variable belongs to a Service.
    pub(super) fn have(&self, name: &str, value: &OsString) -> bool {
        let mut services = self.0.iter();
        services.any(|service| {
            name.strip_prefix(service)
                .is_some_and(|rest| is_of_service(rest, text(value)))
        })
    }
}

/// Whether a Service has a variable that ends in `rest`, with such a value.
fn is_of_service(rest: &str, value: &str) -> bool {
    if rest == HOST {
        return is_address(value);
    }
    if let Some(rest) = rest.strip_prefix(PORT) {
        return (rest.is_empty() || rest.strip_prefix('_').is_some_and(is_name)) && is_port(value);
    }
    let Some(rest) = rest.strip_prefix("_PORT") else {
        return false;
    };
    // Nothing, `_1080_TCP`, or `_1080_TCP_PROTO` and the like.
    let words: Vec<_> = rest.split('_').collect();
    match *words {
        [""] => is_url(value),
        ["", port, "TCP" | "UDP" | "SCTP"] => is_port(port) && is_url(value),
        ["", port, "TCP" | "UDP" | "SCTP", what] if is_port(port) => match what {
            "PROTO" => is_protocol(value),
            "PORT" => is_port(value),
            "ADDR" => is_address(value),
            _ => false,
        },
        _ => false,
    }
}

fn text(value: &OsString) -> &str {
    value.to_str().unwrap_or_default()
}

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    !text.is_empty() && bytes.all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

fn is_protocol(text: &str) -> bool {
    matches!(text, "tcp" | "udp" | "sctp")
}

fn is_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(protocol, address)| {
        is_protocol(protocol) && address.parse::<SocketAddr>().is_ok()
    })
}
