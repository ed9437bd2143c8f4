//! The section `tls`.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use proxy_config::Node;
use serde_json::{Value, json};
use transport_tls::{TlsTrust, TrustError};

use super::keys::{Key, names, table};

pub(super) const SECTION: &str = "tls";

const CA_FILE: &str = "ca_file";

pub(super) static KEYS: [Key; 1] = [Key {
    name: CA_FILE,
    about: Cow::Borrowed(
        "PEM file of certificate authorities to trust in addition to the platform's. A relative \
         path starts from the folder of the file that contains it.",
    ),
    schema: || json!({"type": ["string", "number", "boolean"], "minLength": 1}),
    cells: [
        "path of a PEM file",
        "none",
        "*could not be read*, *cannot be used*",
    ],
}];

pub(super) fn schema() -> Value {
    table(&KEYS)
}

/// Valid certificate authorities from a file, in addition to the platform's.
#[derive(Debug, PartialEq)]
pub(super) struct Authorities(Arc<[u8]>);

impl Authorities {
    /// The platform's authorities and these.
    pub(super) fn trust(&self) -> TlsTrust {
        // The content has been checked, so that it is not refused here.
        let platform = TlsTrust::platform();
        platform.clone().with_ca_pem(&self.0).unwrap_or(platform)
    }
}

/// The authorities in `ca_file`, if it is set.
pub(super) fn read(node: &Node<'_>) -> Option<Authorities> {
    let ca_file = node.table(&names(&KEYS))?.field(CA_FILE)?;
    authorities(&ca_file)
}

/// Reports every `ca_file` of a proxy below `node` that cannot be used.
// `proxy-config` knows no TLS and only reads the files. Unchecked, a bad one would fail each dial.
pub(super) fn check_proxies(node: &Node<'_>) {
    for (key, node) in node.children() {
        if key == CA_FILE {
            let _ = authorities(&node);
        } else {
            check_proxies(&node);
        }
    }
}

/// The authorities in the file at `ca_file`, if they can be used.
pub(super) fn authorities(ca_file: &Node<'_>) -> Option<Authorities> {
    let pem = ca_file.read_file()?;
    match TlsTrust::none().with_ca_pem(&pem) {
        Ok(_) => Some(Authorities(pem)),
        Err(error) => {
            ca_file.report(format_args!("cannot be used: {}", cause(&error)));
            None
        }
    }
}

/// Why a file cannot be used.
fn cause(error: &TrustError) -> impl fmt::Display {
    error.source().map(ToString::to_string).unwrap_or_default()
}
