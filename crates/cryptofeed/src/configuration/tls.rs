//! The section `tls`.

use std::sync::Arc;

use proxy_config::Node;
use serde_json::{Value, json};
use transport_tls::TlsTrust;

use super::keys::{Key, names, table};

pub(super) const SECTION: &str = "tls";

static KEYS: [Key; 1] = [Key {
    name: "ca_file",
    about: "PEM file of certificate authorities to trust beside the platform's. A relative path \
            starts from the folder of the file that has it.",
    schema: || json!({"type": ["string", "number", "boolean"], "minLength": 1}),
}];

pub(super) fn schema() -> Value {
    table(&KEYS)
}

/// Certificate authorities to trust beside the platform's.
#[derive(Debug)]
pub(super) struct Authorities {
    pem: Arc<[u8]>,
    /// Those of the platform and these.
    pub(super) trust: TlsTrust,
}

/// They are the same if their file has the same in it.
impl PartialEq for Authorities {
    fn eq(&self, other: &Self) -> bool {
        self.pem == other.pem
    }
}

/// Those of `ca_file`, if there is one.
pub(super) fn read(node: &Node<'_>) -> Option<Authorities> {
    let ca_file = node.table(&names(&KEYS))?.field("ca_file")?;
    let pem = ca_file.read_file()?;
    let trust = TlsTrust::platform()
        .with_ca_pem(&pem)
        .map_err(|error| ca_file.report(format_args!("cannot be used: {error}")))
        .ok()?;
    Some(Authorities { pem, trust })
}
