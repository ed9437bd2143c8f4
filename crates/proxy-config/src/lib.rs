//! What the user wrote about proxies, validated.
//!
//! Layer 0: this crate opens no socket and knows no runtime. Every type in it is obtainable only
//! valid, cannot be changed afterwards, and never prints a user name or a password.
//!
//! - [`ProxyUrl`] and its [`Scheme`] and [`Credentials`]: one proxy's address.
//! - [`ProxyConfig`], [`ProxyRule`], [`ConnectionProxies`], [`ProxySettings`]: what applies where.

mod connection_proxies;
mod credentials;
mod exchange_id;
mod proxy_config;
mod proxy_url;
mod scheme;
mod settings;
mod transport;

pub use connection_proxies::{ConnectionProxies, ProxyRule};
pub use credentials::{Credentials, CredentialsError};
pub use exchange_id::{ExchangeId, InvalidExchangeId};
pub use proxy_config::{InvalidTimeout, ProxyConfig};
pub use proxy_url::{ProxyUrl, ProxyUrlError};
pub use scheme::{DnsSide, Scheme};
pub use settings::ProxySettings;
pub use transport::Transport;
pub use url::Host;
