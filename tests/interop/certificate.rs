//! The certificate of a proxy.

use std::net::IpAddr;
use std::path::PathBuf;

use super::server::Server;

/// A self-signed certificate, which is its own authority, and the files that servers read.
pub(super) struct Certificate {
    pub(super) pem: String,
    pub(super) certificate_file: PathBuf,
    pub(super) key_file: PathBuf,
}

impl Certificate {
    pub(super) fn issue(server: &Server, name: IpAddr) -> Self {
        let issued = rcgen::generate_simple_self_signed([name.to_string()]).unwrap();
        let pem = issued.cert.pem();
        Self {
            certificate_file: server.write("certificate.pem", &pem),
            key_file: server.write("key.pem", &issued.signing_key.serialize_pem()),
            pem,
        }
    }
}
