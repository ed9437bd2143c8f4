//! The exchanges that there is a codec for. An exchange is its folder, beside this file, and two lines
//! here: its module, and its entry in [`EXCHANGES`].

use std::sync::Arc;

use super::{Exchange, InvalidUrl};

// The paths keep the folders beside this file; rustfmt finds no module that a macro declares.
#[path = "backpack/mod.rs"]
mod backpack;
#[path = "binance/mod.rs"]
mod binance;
#[path = "kraken/mod.rs"]
mod kraken;
#[path = "okx/mod.rs"]
mod okx;

/// Exports what the modules export, and lists the exchanges. A module has the name of its exchange, and
/// a type with `new`, `Default` and, behind the feature `mock`, `mock`.
macro_rules! exchanges {
    ($($module:ident :: $exchange:ident, $about:literal;)*) => {
        $(pub use self::$module::*;)*

        /// Every exchange that there is a codec for.
        pub static EXCHANGES: &[Registration] = &[$(Registration {
            id: stringify!($module),
            about: $about,
            at: |rest_url, ws_url| Ok(Arc::new($exchange::new(rest_url, ws_url)?)),
            default: || Arc::new($exchange::default()),
            #[cfg(feature = "mock")]
            mock: $exchange::mock,
        },)*];
    };
}

exchanges! {
    binance::Binance, "Binance, spot";
    backpack::Backpack, "Backpack, spot and perpetuals";
    kraken::Kraken, "Kraken, spot";
    okx::Okx, "OKX, spot";
}

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
    /// A mock of the exchange, to be started.
    #[cfg(feature = "mock")]
    pub mock: fn() -> testkit::MockExchangeBuilder,
}

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
