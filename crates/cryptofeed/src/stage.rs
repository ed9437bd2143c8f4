//! The mock exchanges and the proxies of `demo` and `mock`, on this machine.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use feeds::{EXCHANGES, Registration};
use testkit::{MockExchange, MockExchangeBuilder, MockProxy, ProxyKind, SetupError, TestCa};

use crate::failure::Failure;

/// The ports of the servers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ports {
    /// Any free ports of the loopback.
    Any,
    /// This port of the loopback for the first server, the next port for the next one, and so on.
    From(u16),
}

impl Ports {
    fn next(&mut self) -> SocketAddr {
        let port = match self {
            Self::Any => 0,
            Self::From(next) => {
                let port = *next;
                *next = next.saturating_add(1);
                port
            }
        };
        (Ipv4Addr::LOCALHOST, port).into()
    }
}

/// The login of the proxies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Login<'a> {
    pub(crate) user: &'a str,
    pub(crate) password: &'a str,
}

/// A mock of an exchange.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) registration: &'static Registration,
    pub(crate) mock: MockExchange,
}

impl Exchange {
    /// Starts a mock of every exchange as `set_up` has it: REST and WebSocket of the first, then those of
    /// the next.
    pub(crate) async fn start_all(
        ca: &TestCa,
        ports: &mut Ports,
        set_up: impl Fn(MockExchangeBuilder) -> MockExchangeBuilder,
    ) -> Result<Vec<Self>, Failure> {
        let mut exchanges = Vec::new();
        for registration in EXCHANGES {
            let mock = set_up((registration.mock)())
                .tls(ca.server_config(&[]).map_err(failure)?)
                .rest_address(ports.next())
                .ws_address(ports.next())
                .start()
                .await
                .map_err(failure)?;
            exchanges.push(Self { registration, mock });
        }
        Ok(exchanges)
    }

    /// Two symbols to stream.
    pub(crate) fn symbols(&self) -> Vec<String> {
        let mut pairs = self.mock.pairs();
        pairs.truncate(2);
        pairs
    }
}

/// A proxy, and the source address of its connections to exchanges.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) mock: MockProxy,
    pub(crate) egress: IpAddr,
}

impl Proxy {
    /// Starts a proxy that reaches exchanges from `127.0.0.<number>`.
    pub(crate) async fn start(
        kind: ProxyKind,
        number: u8,
        login: Login<'_>,
        ca: &TestCa,
        ports: &mut Ports,
    ) -> Result<Self, Failure> {
        // On Linux, all of 127.0.0.0/8 is this machine, so each proxy can have its own address.
        let egress = Ipv4Addr::new(127, 0, 0, number).into();
        let mock = MockProxy::builder(kind)
            .address(ports.next())
            .tls(ca.server_config(&[]).map_err(failure)?)
            .credentials(login.user, login.password)
            .egress(egress)
            .start()
            .await
            .map_err(failure)?;
        Ok(Self { mock, egress })
    }
}

pub(crate) fn failure(error: SetupError) -> Failure {
    Failure::runtime("set up the mocks", error)
}
