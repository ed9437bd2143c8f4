//! Settings as their user thinks of them, and what must follow from them.

use proptest::bool::weighted;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use proxy_config::{
    ConnectionProxies, ExchangeId, ProxyConfig, ProxyRule, ProxyServer, ProxySettings, Scheme,
    Transport,
};
use transport::{Endpoint, Host};

/// An exchange that never has a rule of its own.
const UNLISTED: &str = "kraken";

/// Settings, and who connects under them.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    enabled: bool,
    strict: bool,
    default: Rules,
    exchanges: Vec<(&'static str, Rules)>,
    connecting: Option<&'static str>,
    legacy: Option<Chain>,
}

#[derive(Debug, Clone)]
struct Rules {
    rest: Option<Rule>,
    stream: Option<Rule>,
}

#[derive(Debug, Clone)]
enum Rule {
    Direct,
    Proxy(Chain),
}

/// A way through proxies of any scheme, the nearest first.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    hops: Vec<Hop>,
    timeout_seconds: u64,
}

#[derive(Debug, Clone)]
struct Hop {
    scheme: Scheme,
    host: String,
    port: u16,
    login: bool,
}

/// Where the TCP layer may be sent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way<'a> {
    Nowhere,
    Target,
    Proxy(&'a Chain),
}

impl Plan {
    /// What the settings promise: the first rule that there is, of the exchange, by default or
    /// from the caller; without any the target, or nowhere if the settings are enabled and strict.
    pub(super) fn way(&self, transport: Transport) -> Way<'_> {
        let configured = self.connecting.filter(|_| self.enabled).map(|name| {
            let own = self
                .exchanges
                .iter()
                .find(|(exchange, _)| *exchange == name);
            let own = own.and_then(|(_, rules)| rules.of(transport));
            own.or(self.default.of(transport))
        });
        match (configured.flatten(), &self.legacy) {
            (Some(Rule::Proxy(chain)), _) | (None, Some(chain)) => Way::Proxy(chain),
            (Some(Rule::Direct), _) => Way::Target,
            (None, None) if self.enabled && self.strict => Way::Nowhere,
            (None, None) => Way::Target,
        }
    }

    pub(super) fn settings(&self) -> ProxySettings {
        let settings = ProxySettings::new()
            .with_enabled(self.enabled)
            .with_strict(self.strict)
            .with_default(self.default.proxies());
        self.exchanges
            .iter()
            .fold(settings, |settings, (name, rules)| {
                settings.with_exchange(ExchangeId::new(name).unwrap(), rules.proxies())
            })
    }

    pub(super) fn exchange(&self) -> Option<ExchangeId> {
        self.connecting.map(|name| ExchangeId::new(name).unwrap())
    }

    pub(super) fn legacy(&self) -> Option<ProxyConfig> {
        self.legacy.as_ref().map(Chain::config)
    }
}

impl Rules {
    fn of(&self, transport: Transport) -> Option<&Rule> {
        match transport {
            Transport::Http => self.rest.as_ref(),
            Transport::WebSocket => self.stream.as_ref(),
        }
    }

    fn proxies(&self) -> ConnectionProxies {
        let mut proxies = ConnectionProxies::default();
        if let Some(rule) = &self.rest {
            proxies = proxies.with_http(rule.rule());
        }
        if let Some(rule) = &self.stream {
            proxies = proxies.with_websocket(rule.rule());
        }
        proxies
    }
}

impl Rule {
    fn rule(&self) -> ProxyRule {
        match self {
            Self::Direct => ProxyRule::Direct,
            Self::Proxy(chain) => ProxyRule::Proxy(chain.config()),
        }
    }
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

    fn config(&self) -> ProxyConfig {
        let (exit, via) = self.hops.split_last().unwrap();
        ProxyConfig::from(exit.server())
            .with_via(via.iter().map(Hop::server))
            .with_timeout_seconds(self.timeout_seconds)
            .unwrap()
    }
}

impl Hop {
    fn server(&self) -> ProxyServer {
        let login = match self.scheme {
            _ if !self.login => "",
            Scheme::Socks4 | Scheme::Socks4a => "alice@",
            Scheme::Http | Scheme::Https | Scheme::Socks5 | Scheme::Socks5h => "alice:secret@",
        };
        let url = format!("{}://{login}{}:{}", self.scheme, self.host, self.port);
        ProxyServer::new(url.parse().unwrap())
    }
}

pub(super) fn plans() -> impl Strategy<Value = Plan> {
    let connecting = prop_oneof![
        8 => Just(Some("binance")),
        4 => Just(Some("backpack")),
        2 => Just(Some(UNLISTED)),
        1 => Just(None),
    ];
    let exchanges = (option::of(rules()), option::of(rules())).prop_map(|(binance, backpack)| {
        let binance = binance.map(|rules| ("binance", rules));
        let backpack = backpack.map(|rules| ("backpack", rules));
        binance.into_iter().chain(backpack).collect()
    });
    let legacy = option::weighted(0.2, chains());
    (
        weighted(0.9),
        any::<bool>(),
        rules(),
        exchanges,
        connecting,
        legacy,
    )
        .prop_map(
            |(enabled, strict, default, exchanges, connecting, legacy)| Plan {
                enabled,
                strict,
                default,
                exchanges,
                connecting,
                legacy,
            },
        )
}

fn rules() -> impl Strategy<Value = Rules> {
    (option::of(rule()), option::of(rule())).prop_map(|(rest, stream)| Rules { rest, stream })
}

fn rule() -> impl Strategy<Value = Rule> {
    prop_oneof![
        1 => Just(Rule::Direct),
        4 => chains().prop_map(Rule::Proxy),
    ]
}

fn chains() -> impl Strategy<Value = Chain> {
    let hops = prop_oneof![3 => vec(hop(), 1), 1 => vec(hop(), 2..4)];
    (hops, 1..=300_u64).prop_map(|(hops, timeout_seconds)| Chain {
        hops,
        timeout_seconds,
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
    (scheme, host, 1..=u16::MAX, any::<bool>()).prop_map(|(scheme, host, port, login)| Hop {
        scheme,
        host,
        port,
        login,
    })
}
