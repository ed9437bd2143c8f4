//! The decision which route a connection takes, and why.
//!
//! Layer 1: [`resolve`] is a pure function from settings to a [`Resolution`]. It knows no sockets,
//! does not allocate, cannot fail, and gives the same answer to the same question.
//!
//! The first of these that applies decides:
//!
//! 0. There are rules, or the settings are strict, and nobody said `enabled`: refused.
//! 1. The system is disabled, or nothing at all was said: the legacy proxy if there is one, else
//!    direct.
//! 2. The exchange has a rule for the transport.
//! 3. The default has a rule for the transport.
//! 4. The settings ask for the environment's proxies, and there is one for the destination, or the
//!    destination is exempt from it.
//! 5. There is a legacy proxy.
//! 6. Nothing: direct, or refused if the settings are strict.
//!
//! A connection that belongs to no exchange is not the system's concern: steps 2 to 4 are left out
//! for it. Only step 4 depends on the destination.
//!
//! ```
//! use proxy_config::{ConnectionProxies, ExchangeId, ProxyConfig, ProxySettings, Transport};
//! use proxy_resolve::{Route, RouteSource, resolve};
//!
//! let proxy = ProxyConfig::new("socks5h://proxy.example:1080".parse()?);
//! let settings = ProxySettings::enabled()
//!     .with_default(ConnectionProxies::both(proxy.clone()));
//!
//! let binance = ExchangeId::new("binance")?;
//! let resolution = resolve(&settings, Some(&binance), Transport::WebSocket, None, None);
//! assert_eq!(resolution.route(), &Route::Proxy(proxy));
//! assert_eq!(resolution.source(), RouteSource::Default);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod resolution;
mod resolve;

pub use resolution::{Resolution, Route, RouteSource};
pub use resolve::resolve;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
