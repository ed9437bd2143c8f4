//! TLS to a target, over any [`Dialer`](transport::Dialer), and whom to trust.
//!
//! Layer 2: knows no proxies, no HTTP and no WebSocket. [`TlsDialer`] puts TLS on the connections of
//! the dialer inside it, be it the one to an exchange or the one to an `https` proxy. [`TlsTrust`]
//! says who may vouch for the other side, and makes the configurations that dialers share.
//!
//! ```
//! use transport::Dialer;
//! use transport_tls::{TlsDialer, TlsTrust};
//!
//! /// TLS to whatever `inner` connects to.
//! fn secure<D: Dialer>(inner: D) -> TlsDialer<D> {
//!     TlsDialer::new(inner, TlsTrust::platform().client_config(&[b"http/1.1"]))
//! }
//! ```

mod dialer;
mod trust;

pub use dialer::{TlsDialer, http1_only};
pub use trust::{TlsTrust, TrustError};

/// Compiles the code in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadMe;
