//! The ways through proxies.

use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_oneof};
use proptest::sample::select;
use proxy_config::{
    HandshakeMode, PoolConfig, PoolMember, PoolStrategy, ProxyConfig, ProxyServer, Scheme,
};
use transport::{Endpoint, Host};

/// A way through proxies of any scheme, the nearest first.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chain {
    hops: Vec<Hop>,
    timeout_seconds: u64,
}

#[derive(Debug, Clone, PartialEq)]
struct Hop {
    scheme: Scheme,
    host: String,
    port: u16,
    login: bool,
    handshake: HandshakeMode,
}

impl Chain {
    /// The one address that may be dialed.
    pub(super) fn endpoint(&self) -> Endpoint {
        let nearest = &self.hops[0];
        Endpoint::new(Host::parse(&nearest.host).unwrap(), nearest.port)
    }

    /// The names that may be looked up on this side: those that a hop without names is asked for.
    pub(super) fn looked_up<'a>(&'a self, target: &'a str) -> impl Iterator<Item = &'a str> {
        let asked_for = self.hops[1..].iter().map(|hop| &*hop.host).chain([target]);
        let asked = self.hops.iter().zip(asked_for);
        asked.filter_map(|(hop, host)| match hop.scheme {
            Scheme::Socks4 | Scheme::Socks5 => Some(host),
            Scheme::Http | Scheme::Https | Scheme::Socks4a | Scheme::Socks5h => None,
        })
    }

    pub(super) fn is_single(&self) -> bool {
        self.hops.len() == 1
    }

    /// The URL of the nearest proxy.
    pub(super) fn url(&self) -> String {
        self.hops[0].url()
    }

    /// The chain as a file has it.
    pub(super) fn yaml(&self) -> String {
        let (exit, via) = self.hops.split_last().unwrap();
        let way = self.way(via);
        format!("{{{}, {way}}}", exit.yaml())
    }

    /// What stands beside the exit, or beside several.
    fn way(&self, via: &[Hop]) -> String {
        let via: Vec<_> = via
            .iter()
            .map(|hop| format!("{{{}}}", hop.yaml()))
            .collect();
        let seconds = self.timeout_seconds;
        format!("timeout_seconds: {seconds}, via: [{}]", via.join(", "))
    }

    pub(super) fn config(&self) -> ProxyConfig {
        let (exit, via) = self.hops.split_last().unwrap();
        ProxyConfig::from(exit.server())
            .with_via(via.iter().map(Hop::server))
            .unwrap()
            .with_timeout_seconds(self.timeout_seconds)
            .unwrap()
    }
}

impl Hop {
    fn url(&self) -> String {
        let login = match self.scheme {
            _ if !self.login => "",
            Scheme::Socks4 | Scheme::Socks4a => "alice@",
            Scheme::Http | Scheme::Https | Scheme::Socks5 | Scheme::Socks5h => "alice:secret@",
        };
        format!("{}://{login}{}:{}", self.scheme, self.host, self.port)
    }

    fn server(&self) -> ProxyServer {
        ProxyServer::new(self.url().parse().unwrap()).with_handshake(self.handshake)
    }

    fn yaml(&self) -> String {
        format!("url: '{}', handshake: {}", self.url(), self.handshake)
    }
}

/// Ways to choose from, which differ in their exits.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    chains: Vec<Chain>,
    strategy: PoolStrategy,
}

impl Pool {
    pub(super) fn chains(&self) -> &[Chain] {
        &self.chains
    }

    /// The pool as a file has it.
    pub(super) fn yaml(&self) -> String {
        let first = &self.chains[0];
        let (_, via) = first.hops.split_last().unwrap();
        let exits = self.chains.iter().filter_map(|chain| chain.hops.last());
        let exits: Vec<_> = exits.map(|exit| format!("{{{}}}", exit.yaml())).collect();
        let (strategy, way) = (self.strategy, first.way(via));
        format!(
            "{{pool: {{strategy: {strategy}, proxies: [{}]}}, {way}}}",
            exits.join(", ")
        )
    }

    pub(super) fn config(&self) -> PoolConfig {
        let way = self.chains[0].config();
        let exits = self
            .chains
            .iter()
            .map(|chain| chain.config().server().clone());
        PoolConfig::new(exits.map(PoolMember::new))
            .unwrap()
            .with_strategy(self.strategy)
            .with_via(way.via().iter().cloned())
            .unwrap()
            .with_timeout_seconds(way.timeout_seconds())
            .unwrap()
    }
}

pub(super) fn pools() -> impl Strategy<Value = Pool> {
    let strategy = select(vec![
        PoolStrategy::RoundRobin,
        PoolStrategy::Random,
        PoolStrategy::LeastConnections,
    ]);
    (chains(), vec(hop(), 0..3), strategy).prop_map(|(chain, exits, strategy)| {
        let others = exits.into_iter().map(|exit| {
            let mut chain = chain.clone();
            *chain.hops.last_mut().unwrap() = exit;
            chain
        });
        Pool {
            chains: [chain.clone()].into_iter().chain(others).collect(),
            strategy,
        }
    })
}

pub(super) fn chains() -> impl Strategy<Value = Chain> {
    let hops = prop_oneof![3 => vec(hop(), 1), 1 => vec(hop(), 2..4)];
    (hops, 1..=300_u64).prop_map(|(hops, timeout_seconds)| Chain {
        hops,
        timeout_seconds,
    })
}

/// Proxies as variables for all programs have them.
pub(super) fn ambient() -> impl Strategy<Value = Chain> {
    hop().prop_map(|mut hop| {
        hop.handshake = HandshakeMode::Standard;
        Chain {
            hops: vec![hop],
            timeout_seconds: 30,
        }
    })
}

fn hop() -> impl Strategy<Value = Hop> {
    let scheme = select(vec![
        Scheme::Http,
        Scheme::Https,
        Scheme::Socks4,
        Scheme::Socks4a,
        Scheme::Socks5,
        Scheme::Socks5h,
    ]);
    let host = prop_oneof![
        "[a-z]{1,8}\\.proxy\\.test",
        any::<u8>().prop_map(|last| format!("192.0.2.{last}")),
        any::<u16>().prop_map(|last| format!("[2001:db8::{last:x}]")),
    ];
    let handshake = select(vec![
        HandshakeMode::Standard,
        HandshakeMode::Optimistic,
        HandshakeMode::Auto,
    ]);
    (scheme, host, 1..=u16::MAX, any::<bool>(), handshake).prop_map(
        |(scheme, host, port, login, handshake)| Hop {
            scheme,
            host,
            port,
            login,
            handshake,
        },
    )
}
