//! The configuration of proxies, validated.
//!
//! Layer 0: this crate opens no socket and knows no runtime. Values of its types are always valid,
//! cannot be changed afterwards, and never print a user name or a password.
//!
//! - [`ProxyUrl`] and its [`Scheme`] and [`Credentials`]: one proxy's address.
//! - [`ProxyServer`], [`ProxyConfig`]: one proxy, and the way through it.
//! - [`PoolConfig`]: several proxies to choose from; [`PoolSource`] and [`ProxyList`]: from a list outside.
//! - [`Exit`], [`DirectExit`], [`Bind`]: one way out of this machine, also from a local address.
//! - [`ProxyRule`], [`ConnectionProxies`], [`ProxySettings`]: the rules, per exchange and transport.
//! - [`AmbientProxies`]: the proxies of `HTTPS_PROXY` and similar variables, if they are to be used.
//! - [`Sources`], [`Document`], [`Loaded`]: environment over file over code, merged field by field.
//! - [`json_schema`]: the same for editors.
//! - [`Node`], [`Table`], [`ConfigErrors`]: reading a configuration, and errors with their places.
//!
//! The last three, and `Deserialize` for the types, are the feature `loader`, which is on by default.
//! Without it the types are made in code, and no parser of a file format is compiled.

#![cfg_attr(
    not(feature = "loader"),
    expect(dead_code, reason = "some of it is there for the loader")
)]

mod ambient;
mod bind;
mod breaker_config;
mod ca_file;
mod connection_proxies;
mod credentials;
mod destination;
mod dial_options;
mod error;
mod exchange_id;
mod exit;
mod files;
mod handshake_mode;
mod headers;
mod health_check;
mod http_url;
mod keys;
#[cfg(feature = "loader")]
mod loader;
mod no_proxy;
mod origin;
mod pool;
mod pool_source;
mod proxy_config;
mod proxy_list;
mod proxy_server;
mod proxy_url;
mod scheme;
mod settings;
mod transport;

pub use ambient::AmbientProxies;
pub use bind::{Bind, InterfaceName, InvalidBind};
pub use breaker_config::{BreakerConfig, InvalidBreaker};
pub use ca_file::UnreadableFile;
pub use connection_proxies::{ConnectionProxies, ProxyRule};
pub use credentials::{Credentials, CredentialsError};
pub use destination::Destination;
pub use dial_options::{InvalidTimeout, TooManyHops};
pub use error::{ConfigError, ConfigErrors};
pub use exchange_id::{ExchangeId, InvalidExchangeId};
pub use exit::{DirectExit, Exit};
pub use handshake_mode::HandshakeMode;
pub use headers::{InvalidHeader, ProxyHeaders};
pub use health_check::{HealthCheck, HealthCheckMethod, InvalidHealthCheck};
pub use http_url::{HttpUrl, HttpUrlError};
#[cfg(feature = "loader")]
pub use loader::{Document, Loaded, Node, RuleOrigins, Sources, Table, json_schema, nearest};
pub use origin::Origin;
pub use pool::{InvalidPool, InvalidVia, InvalidWeight, PoolConfig, PoolMember, PoolStrategy};
pub use pool_source::{InvalidInterval, ListRoute, PoolSource, SourcePlace};
pub use proxy_config::ProxyConfig;
pub use proxy_list::{ListFault, ProxyList};
pub use proxy_server::ProxyServer;
pub use proxy_url::{ProxyUrl, ProxyUrlError};
pub use scheme::{DnsSide, Scheme};
pub use settings::ProxySettings;
pub use transport::Transport;
pub use url::Host;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
