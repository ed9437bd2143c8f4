//! Why a part of the test kit could not be set up.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use transport::BoxError;

/// A certificate, a listener or a proxy could not be set up. The message fits behind "failed to".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// A key or a certificate could not be made, for instance for a name that is none.
    #[error("issue a certificate")]
    Certificate(#[source] BoxError),
    /// The file could not be written.
    #[error("write the certificate to {}", path.display())]
    Write {
        /// Where to.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The address is taken or not of this machine.
    #[error("listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// An `https` proxy was started without a TLS configuration.
    #[error("start an https proxy without a tls configuration")]
    TlsMissing,
}
