//! Which way connections take, why, and who said so.
//!
//! `cargo run -p proxy-injector --example explain_routes` connects to nothing.

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::sync::Arc;

use proxy_config::{ExchangeId, Sources, Transport};
use proxy_injector::ProxyInjector;
use proxy_resolve::Route;

const FILE: &str = "\
proxy:
  enabled: true
  strict: true
  default:
    http: socks5h://alice:secret@proxy.example:1080
  exchanges:
    binance:
      websocket: https://eu.proxy.example:8443
    backpack: direct
";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let loaded = Sources::new()
        .with_text("cryptofeed.yaml", FILE)
        .with_env([(
            "CRYPTOFEED_PROXY_EXCHANGES__BINANCE__HTTP",
            "http://variable.example:8080",
        )])
        .load()?;
    let injector = Arc::new(ProxyInjector::new(loaded.settings().clone()));
    for name in ["binance", "backpack", "kraken"] {
        let exchange = ExchangeId::new(name)?;
        let scope = injector.exchange(exchange.clone());
        for transport in Transport::ALL {
            let resolution = scope.resolve(transport);
            let route = match resolution.route() {
                Route::Direct => "direct".to_owned(),
                Route::DirectFrom(exit) => exit.to_string(),
                Route::Refused => "refused".to_owned(),
                Route::Proxy(proxy) => proxy.to_string(),
                Route::Pool(pool) => pool.to_string(),
            };
            let origins = loaded.explain(&exchange, transport, None);
            let origin = origins.and_then(|origins| origins.rule().map(ToString::to_string));
            println!(
                "{name:9} {transport:9} {route:42} {:8} {}",
                resolution.source().to_string(),
                origin.as_deref().unwrap_or("-")
            );
        }
    }
    Ok(())
}
