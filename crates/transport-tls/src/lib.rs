//! TLS to a target, over any [`Dialer`](transport::Dialer), and the certificate authorities to
//! trust.
//!
//! Layer 2: knows no proxies, no HTTP and no WebSocket. [`TlsDialer`] adds TLS to the connections
//! of its inner dialer, which may lead to an exchange or to an `https` proxy. [`TlsTrust`] has the
//! certificate authorities, and makes the configurations that dialers share.
//!
//! ```
//! use transport::Dialer;
//! use transport_tls::{TlsDialer, TlsTrust};
//!
//! /// TLS to whatever `inner` connects to.
//! fn secure<D: Dialer>(inner: D, trust: &TlsTrust) -> TlsDialer<D> {
//!     TlsDialer::new(inner, trust.client_config(&[b"http/1.1"]))
//! }
//! # #[cfg(feature = "ring")]
//! # let trust = TlsTrust::platform();
//! ```
//!
//! # Cryptography
//!
//! The default feature `ring` has the constructors [`TlsTrust::platform`] and [`TlsTrust::none`].
//! Without it, [`TlsTrust::new`] takes the provider of the program:
//!
//! ```
//! use std::sync::Arc;
//!
//! use transport_tls::rustls::crypto::CryptoProvider;
//! use transport_tls::{TlsTrust, TrustError};
//!
//! fn trust(provider: CryptoProvider) -> Result<TlsTrust, TrustError> {
//!     Ok(TlsTrust::new(Arc::new(provider))?.with_platform())
//! }
//! ```
//!
//! The process-wide default of rustls is neither read nor set. In a program with two providers,
//! rustls cannot determine a default by itself; such a program names one of them, or uses the
//! crates of this family with `default-features = false`.

mod certificate_fault;
mod dialer;
mod stream;
mod trust;

pub use certificate_fault::CertificateFault;
pub use dialer::{TlsDialer, http1_only, is_certificate_wanted};
/// The version of rustls that the types in the signatures come from.
pub use rustls;
pub use trust::{TlsTrust, TrustError, with_own_sessions};

/// Compiles the code in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadMe;
