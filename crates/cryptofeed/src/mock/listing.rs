//! The addresses of the mocks. Proxies are listed with their credentials.

use std::path::Path;

use serde_json::{Map, Value, json};
use testkit::{MockExchange, ProxyKind};

use crate::stage::{Exchanges, Proxy};

/// Everything that a user of the mocks needs to know.
pub(super) struct Listing<'a> {
    pub(super) ca_file: &'a Path,
    pub(super) exchanges: Option<&'a Exchanges>,
    pub(super) proxies: Option<&'a [Proxy]>,
}

impl Listing<'_> {
    /// The listing for programs, without the servers that are not started.
    pub(super) fn json(&self) -> Value {
        let mut listing =
            Map::from_iter([("ca_file".to_owned(), json!(self.ca_file.to_string_lossy()))]);
        if let Some(Exchanges { binance, backpack }) = self.exchanges {
            let urls =
                |mock: &MockExchange| json!({"rest_url": mock.rest_url(), "ws_url": mock.ws_url()});
            let exchanges = json!({"binance": urls(binance), "backpack": urls(backpack)});
            listing.insert("exchanges".to_owned(), exchanges);
        }
        if let Some(proxies) = self.proxies {
            let proxies = proxies.iter().map(|proxy| {
                let about = json!({"url": proxy.mock.url(), "egress": proxy.egress});
                (proxy.mock.kind().to_string(), about)
            });
            listing.insert("proxies".to_owned(), proxies.collect());
        }
        listing.into()
    }

    /// The configuration for `cryptofeed run`. A half that is not served is left out, so that the
    /// files of two processes can be combined.
    pub(super) fn yaml(&self) -> String {
        let mut yaml = String::new();
        if let Some(Exchanges { binance, backpack }) = self.exchanges {
            // A JSON string is a YAML string.
            yaml += &format!(
                "tls: {{ca_file: {}}}\nfeeds:\n",
                json!(self.ca_file.to_string_lossy())
            );
            for (name, symbols, mock) in [
                ("binance", "BTC-USDT, ETH-USDT", binance),
                ("backpack", "SOL-USDC, BTC-USDC", backpack),
            ] {
                let (rest_url, ws_url) = (mock.rest_url(), mock.ws_url());
                yaml += &format!(
                    "  {name}:\n    symbols: [{symbols}]\n    rest_url: {rest_url}\n    ws_url: {ws_url}\n"
                );
            }
        }
        if let Some(proxies) = self.proxies {
            let url = |kind| {
                let proxy = proxies.iter().find(|proxy| proxy.mock.kind() == kind);
                json!(proxy.map(|proxy| proxy.mock.url()))
            };
            // None of these needs the certificate authority, which may be that of another process.
            yaml += &format!(
                "proxy:\n  enabled: true\n  strict: true\n  exchanges:\n    \
                 binance: {{http: {}, websocket: {}}}\n    \
                 backpack: {{http: {}, websocket: {}}}\n",
                url(ProxyKind::Http),
                url(ProxyKind::Socks5h),
                url(ProxyKind::Socks5),
                url(ProxyKind::Socks4a),
            );
        }
        yaml
    }
}
