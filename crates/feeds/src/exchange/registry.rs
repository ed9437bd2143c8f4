//! The exchanges that there is a codec for.

use std::sync::Arc;

use super::{Backpack, Binance, Exchange, InvalidUrl, Kraken, Okx};

/// Makes an exchange of the addresses of its REST and its WebSocket.
type At = fn(rest_url: &str, ws_url: &str) -> Result<Arc<dyn Exchange>, InvalidUrl>;

/// An exchange that there is a codec for.
#[derive(Debug, Clone, Copy)]
pub struct Registration {
    /// The exchange's name in lower case: `binance`.
    pub id: &'static str,
    /// What of the exchange there is, such as `Binance, spot`.
    pub about: &'static str,
    /// The exchange at other addresses, those of REST and of the WebSocket, such as a mock's.
    pub at: At,
    /// The exchange at its own addresses.
    pub default: fn() -> Arc<dyn Exchange>,
}

/// Every exchange that there is a codec for.
pub static EXCHANGES: &[Registration] = &[
    Registration {
        id: "binance",
        about: "Binance, spot",
        at: |rest_url, ws_url| Ok(Arc::new(Binance::new(rest_url, ws_url)?)),
        default: || Arc::new(Binance::default()),
    },
    Registration {
        id: "backpack",
        about: "Backpack, spot and perpetuals",
        at: |rest_url, ws_url| Ok(Arc::new(Backpack::new(rest_url, ws_url)?)),
        default: || Arc::new(Backpack::default()),
    },
    Registration {
        id: "kraken",
        about: "Kraken, spot",
        at: |rest_url, ws_url| Ok(Arc::new(Kraken::new(rest_url, ws_url)?)),
        default: || Arc::new(Kraken::default()),
    },
    Registration {
        id: "okx",
        about: "OKX, spot",
        at: |rest_url, ws_url| Ok(Arc::new(Okx::new(rest_url, ws_url)?)),
        default: || Arc::new(Okx::default()),
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::exchange::faults;

    #[test]
    fn every_exchange_fits_together() {
        for registration in EXCHANGES {
            let faults = faults(&*(registration.default)());
            assert_eq!(faults, [""; 0], "{}", registration.id);
        }
    }

    #[test]
    fn every_exchange_is_registered_once_and_under_its_own_name() {
        let mut ids = BTreeSet::new();
        for Registration {
            id, at, default, ..
        } in EXCHANGES
        {
            assert!(ids.insert(id), "{id}");
            assert_eq!(default().id(), *id);
            let elsewhere = at("http://127.0.0.1:1/x", "ws://127.0.0.1:2").unwrap();
            assert_eq!(elsewhere.id(), *id);
            let metadata = elsewhere.metadata_request().unwrap();
            assert!(
                metadata
                    .uri()
                    .to_string()
                    .starts_with("http://127.0.0.1:1/x/")
            );
            let ping = elsewhere.ping_request().unwrap();
            assert!(ping.uri().to_string().starts_with("http://127.0.0.1:1/x/"));
        }
    }
}
