//! Who is asked by which addresses exits leave.

use proxy_config::{HttpUrl, Loaded, Origin};
use serde::Serialize;

/// The server, and what set it.
#[derive(Debug, Serialize)]
pub(super) struct EgressUrl {
    #[serde(serialize_with = "as_text")]
    value: HttpUrl,
    set_by: Option<Origin>,
}

impl EgressUrl {
    pub(super) fn of(loaded: &Loaded) -> Option<Self> {
        Some(Self {
            value: loaded.settings().egress_url()?.clone(),
            set_by: loaded.egress_url_set_by().cloned(),
        })
    }

    pub(super) fn line(&self) -> String {
        let set_by = self.set_by.as_ref().map(ToString::to_string);
        let set_by = set_by.as_deref().unwrap_or("default");
        format!("proxy.egress_url: {} ({set_by})\n", self.value)
    }
}

/// Without what is secret in it.
fn as_text<S: serde::Serializer>(url: &HttpUrl, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(url)
}
