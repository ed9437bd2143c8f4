//! An exchange and a proxy of every kind, in a process of their own.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use serde::{Deserialize, Serialize};
use testkit::{MockProxy, ProxyKind, TestCa};

use super::exchange;
use super::prepared_route::{PreparedRoute, Route};
use crate::child::{Child, say, until_abandoned};
use crate::error::Result;
use crate::measure::pin;
use crate::scale::raise_file_limit;

/// What the proxies call the exchange.
const NAME: &str = "exchange.test";

/// What the proxy that wants a password wants to hear.
const LOGIN: (&str, &str) = ("alice", "open-sesame");

/// The ways to the exchange of a running process.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct World {
    ways: Vec<PreparedRoute>,
}

impl World {
    pub(crate) fn way(&self, route: Route) -> Result<&PreparedRoute> {
        let mut ways = self.ways.iter();
        let found = ways.find(|way| way.route == route);
        Ok(found.ok_or("there is no such way")?)
    }

    /// Starts one at the loopback address, whose certificate goes to `ca_file`.
    pub(crate) fn start(ca_file: &Path) -> Result<(Child, Self)> {
        let program = Command::new(std::env::current_exe()?);
        Self::start_by(program, Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST, ca_file)
    }

    /// Starts one at `ip` by `command`, which runs this program somewhere, for clients that are at
    /// `client`.
    pub(super) fn start_by(
        mut command: Command,
        ip: Ipv4Addr,
        client: Ipv4Addr,
        ca_file: &Path,
    ) -> Result<(Child, Self)> {
        command
            .args(["child", "dial", "world"])
            .args([ip, client].map(|ip| ip.to_string()))
            .arg(ca_file);
        let mut child = Child::start(command)?;
        let world = child.hear()?;
        Ok((child, world))
    }
}

/// Runs a [`World`].
#[derive(Debug, Args)]
pub(crate) struct Serve {
    ip: IpAddr,
    client: IpAddr,
    ca_file: PathBuf,
}

impl Serve {
    pub(super) fn run(self) -> Result<()> {
        raise_file_limit()?;
        pin(1);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        let (_proxies, ways) = runtime.block_on(self.start())?;
        say(&World { ways })?;
        until_abandoned()
    }

    async fn start(&self) -> Result<(Vec<MockProxy>, Vec<PreparedRoute>)> {
        let ca = TestCa::new()?;
        ca.write_pem(&self.ca_file)?;
        let tls = ca.server_config(&[NAME, &self.ip.to_string()])?;
        let ports = exchange::serve(self.ip, tls.clone()).await?;
        // Ports that were used stay taken for a minute, so every process has its own addresses.
        let [.., high, low] = std::process::id().to_be_bytes();
        let mut proxies = Vec::new();
        let mut ways = Vec::new();
        for (route, number) in Route::ALL.into_iter().zip(1..) {
            let mut way = PreparedRoute {
                route,
                proxy: None,
                egress: self.client,
                host: self.ip.to_string(),
                stream_port: ports.stream,
                rest_port: ports.rest,
                ca_file: self.ca_file.clone(),
            };
            if let Some(kind) = kind(route) {
                let egress = Ipv4Addr::new(127, high, low, number).into();
                let mut proxy = MockProxy::builder(kind)
                    .address((self.ip, 0).into())
                    .tls(tls.clone())
                    .egress(egress)
                    .host(NAME, self.ip);
                if route == Route::Socks5hPassword {
                    proxy = proxy.credentials(LOGIN.0, LOGIN.1);
                }
                let proxy = proxy.start().await?;
                way.proxy = Some(proxy.url());
                way.egress = egress;
                way.host = NAME.to_owned();
                proxies.push(proxy);
            }
            ways.push(way);
        }
        Ok((proxies, ways))
    }
}

fn kind(route: Route) -> Option<ProxyKind> {
    Some(match route {
        Route::Direct => return None,
        Route::Connect => ProxyKind::Http,
        Route::HttpsProxy => ProxyKind::Https,
        Route::Socks4a => ProxyKind::Socks4a,
        Route::Socks5h | Route::Socks5hPassword => ProxyKind::Socks5h,
    })
}
