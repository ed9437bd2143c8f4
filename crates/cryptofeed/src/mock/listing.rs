//! The addresses of the mocks. Proxies are listed with their credentials.

use std::path::Path;

use feeds::{EXCHANGES, Registration};
use serde_json::{Map, Value, json};
use testkit::ProxyKind;

use crate::stage::{Exchange, Proxy};

/// The proxies of the printed configuration, which the routes take in turn. None of these needs the
/// certificate authority, which may be that of another process.
const ROUTES: [ProxyKind; 4] = [
    ProxyKind::Http,
    ProxyKind::Socks5h,
    ProxyKind::Socks5,
    ProxyKind::Socks4a,
];

/// Everything that a user of the mocks needs to know.
pub(super) struct Listing<'a> {
    pub(super) ca_file: &'a Path,
    pub(super) exchanges: Option<&'a [Exchange]>,
    pub(super) proxies: Option<&'a [Proxy]>,
    /// How the exchanges behave.
    pub(super) settings: Value,
}

impl Listing<'_> {
    /// The listing for programs, without the servers that are not started.
    pub(super) fn json(&self) -> Value {
        let mut listing =
            Map::from_iter([("ca_file".to_owned(), json!(self.ca_file.to_string_lossy()))]);
        if let Some(exchanges) = self.exchanges {
            let exchanges = exchanges.iter().map(|Exchange { registration, mock }| {
                let urls = json!({"rest_url": mock.rest_url(), "ws_url": mock.ws_url()});
                (registration.id.to_owned(), urls)
            });
            listing.insert("exchanges".to_owned(), exchanges.collect());
            listing.insert("settings".to_owned(), self.settings.clone());
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
        if let Some(exchanges) = self.exchanges {
            // A JSON string is a YAML string.
            yaml += &format!(
                "# {}\ntls: {{ca_file: {}}}\nfeeds:\n",
                self.settings,
                json!(self.ca_file.to_string_lossy())
            );
            for exchange in exchanges {
                let (name, symbols) = (exchange.registration.id, exchange.symbols().join(", "));
                let (rest_url, ws_url) = (exchange.mock.rest_url(), exchange.mock.ws_url());
                yaml += &format!(
                    "  {name}:\n    symbols: [{symbols}]\n    rest_url: {rest_url}\n    ws_url: {ws_url}\n"
                );
            }
        }
        if let Some(proxies) = self.proxies {
            yaml += "proxy:\n  enabled: true\n  strict: true\n  exchanges:\n";
            let mut kinds = ROUTES.into_iter().cycle();
            let mut next_url = || {
                let kind = kinds.next();
                let is_next = |proxy: &&Proxy| Some(proxy.mock.kind()) == kind;
                json!(proxies.iter().find(is_next).map(|proxy| proxy.mock.url()))
            };
            for Registration { id, .. } in EXCHANGES {
                let (http, websocket) = (next_url(), next_url());
                yaml += &format!("    {id}: {{http: {http}, websocket: {websocket}}}\n");
            }
        }
        yaml
    }
}
