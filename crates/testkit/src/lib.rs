//! Mock exchanges, real proxies and recording dialers for tests and the demo.

mod ca;
mod dialers;
mod error;
mod exchange;
mod ledger;
mod proxy;
mod server;

pub use ca::TestCa;
pub use dialers::{PanickingDialer, RecordingDialer};
pub use error::SetupError;
pub use exchange::{
    ExchangeConnection, ExchangeRequest, ExchangeTransport, Fault, MockExchange,
    MockExchangeBuilder, Replay,
};
pub use ledger::Ledger;
pub use proxy::{
    Authentication, MockProxy, MockProxyBuilder, ProxyConnection, ProxyFault, ProxyKind,
    TunnelRequest, TunnelTarget,
};
