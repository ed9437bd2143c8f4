#![doc = include_str!("../README.md")]

pub use {
    async_trait, bytes, feeds, futures_util, http, proxy_config, proxy_injector, proxy_resolve,
    rust_decimal, tokio, transport, transport_http, transport_tls, transport_tunnel, transport_ws,
};

#[cfg(feature = "sinks")]
pub use sinks;
#[cfg(feature = "status")]
pub use status;

pub use feeds::{
    Backpack, Binance, Channel, Events, Exchange, Feed, FeedEvent, FeedEventKind, FeedHandle,
    FeedStatus, L2Delta, L2Snapshot, Level, OrderBook, OutOfStep, QueueLimits, Side, Subscription,
    Symbol, SymbolPattern, Ticker, Trade, event_queue,
};
pub use proxy_config::{
    ConfigErrors, ConnectionProxies, ExchangeId, PoolConfig, ProxyConfig, ProxyRule, ProxySettings,
    ProxyUrl, Sources, Transport,
};
pub use proxy_injector::{HttpSession, ProxyInjector, Scope, StackRequest, WsSession};
pub use proxy_resolve::{Resolution, Route, RouteSource};
pub use transport::{
    Connection, DialError, Dialer, HttpError, HttpTransport, Message, ResponseLimits, Target,
    WebSocket, WsDialer, WsError, WsRequest,
};
pub use transport_tls::TlsTrust;

/// Compiles the code in the workspace's README.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct ReadMe;
