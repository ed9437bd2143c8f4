//! Mock exchanges in this process, which remember who came to them.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;

use feeds::{Backpack, Binance};
use testkit::{ExchangeTransport, MockExchange, MockProxy, ProxyKind, TestCa};

use crate::workspace::Workspace;

/// Both exchanges, and the file with their certificate authority.
pub(crate) struct World {
    pub(crate) ca: TestCa,
    pub(crate) ca_file: PathBuf,
    pub(crate) binance: MockExchange,
    pub(crate) backpack: MockExchange,
}

impl World {
    pub(crate) async fn start(workspace: &Workspace) -> Self {
        let ca = TestCa::new().unwrap();
        let ca_file = workspace.file("ca.pem", &ca.pem());
        let tls = ca.server_config(&[]).unwrap();
        Self {
            binance: Binance::mock().tls(tls.clone()).start().await.unwrap(),
            backpack: Backpack::mock().tls(tls).start().await.unwrap(),
            ca,
            ca_file,
        }
    }

    /// A proxy with the credentials `u` and `s3cret` that comes from `127.0.0.<number>`.
    pub(crate) async fn proxy(&self, kind: ProxyKind, number: u8) -> MockProxy {
        self.proxy_for(kind, number, "u", "s3cret").await
    }

    /// A proxy with these credentials that comes from `127.0.0.<number>`.
    pub(crate) async fn proxy_for(
        &self,
        kind: ProxyKind,
        number: u8,
        user: &str,
        password: &str,
    ) -> MockProxy {
        MockProxy::builder(kind)
            .tls(self.ca.server_config(&[]).unwrap())
            .credentials(user, password)
            .egress([127, 0, 0, number].into())
            .start()
            .await
            .unwrap()
    }

    /// The section `feeds`, for both exchanges.
    pub(crate) fn feeds(&self) -> String {
        format!(
            "feeds:\n\
             \x20 binance: {{symbols: [BTC-USDT, ETH-USDT], rest_url: '{}', ws_url: '{}'}}\n\
             \x20 backpack: {{symbols: [SOL-USDC], rest_url: '{}', ws_url: '{}'}}\n",
            self.binance.rest_url(),
            self.binance.ws_url(),
            self.backpack.rest_url(),
            self.backpack.ws_url(),
        )
    }
}

/// Where `exchange` saw the connections to one of its listeners come from.
pub(crate) fn peers(exchange: &MockExchange, transport: ExchangeTransport) -> BTreeSet<IpAddr> {
    let connections = exchange.ledger().connections();
    let connections = connections.iter();
    connections
        .filter(|connection| connection.transport == transport)
        .map(|connection| connection.peer.ip())
        .collect()
}
