//! Settings as their user thinks of them, and what must follow from them.

use std::slice::from_ref;

use proptest::bool::weighted;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proxy_config::{
    AmbientProxies, ConnectionProxies, ExchangeId, ProxyConfig, ProxyRule, ProxySettings, Transport,
};

use super::chain::{Chain, Pool, ambient, chains, pools};

/// An exchange that never has a rule of its own.
const UNLISTED: &str = "kraken";

/// One that nobody connects to.
const ANY_OTHER: &str = "okx";

/// A host that the environment's proxies are not for.
pub(super) const EXEMPT: &str = "exempt.test";

/// Who connects, and which settings apply meanwhile, one after the other.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) policies: [Policy; 2],
    pub(super) client: Client,
}

#[derive(Debug, Clone)]
pub(super) struct Client {
    exchange: Option<&'static str>,
    legacy: Option<Chain>,
}

/// The settings.
#[derive(Debug, Clone)]
pub(super) struct Policy {
    enabled: bool,
    strict: bool,
    default: Rules,
    exchanges: Vec<(&'static str, Rules)>,
    /// What the environment has for all programs, except for [`EXEMPT`].
    ambient: Option<Rule>,
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
    Pool(Pool),
}

/// Where the TCP layer may be sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Allowed<'a> {
    Nowhere,
    Target,
    /// Only along one of these.
    Proxies(&'a [Chain]),
}

impl Policy {
    /// What the settings promise: the first rule that there is, of the exchange, by default or
    /// from the caller; without any the target, or nowhere if the settings are enabled and strict.
    pub(super) fn allowed<'a>(&'a self, client: &'a Client, transport: Transport) -> Allowed<'a> {
        let configured = client.exchange.and_then(|name| self.rule(name, transport));
        match (configured, &client.legacy) {
            (Some(Rule::Proxy(chain)), _) | (None, Some(chain)) => {
                Allowed::Proxies(from_ref(chain))
            }
            (Some(Rule::Pool(pool)), _) => Allowed::Proxies(pool.chains()),
            (Some(Rule::Direct), _) => Allowed::Target,
            (None, None) if self.enabled && self.strict => Allowed::Nowhere,
            (None, None) => Allowed::Target,
        }
    }

    /// Whether a reload may put these settings in the place of `before`: no exchange in use loses the
    /// rule of a proxy, and no other becomes direct by that. What was refused may become direct,
    /// since these settings say whether they are strict.
    pub(super) fn may_follow(&self, before: &Self, client: &Client) -> bool {
        let loses = |name, transport| {
            let was_proxied = matches!(
                before.rule(name, transport),
                Some(Rule::Proxy(_) | Rule::Pool(_))
            );
            was_proxied && self.enabled && self.rule(name, transport).is_none()
        };
        !Transport::ALL.into_iter().any(|transport| {
            let in_use = client.exchange.is_some_and(|name| loses(name, transport));
            in_use || (!self.strict && loses(ANY_OTHER, transport))
        })
    }

    /// The rule for the connections of an exchange, if the settings are enabled.
    fn rule(&self, name: &str, transport: Transport) -> Option<&Rule> {
        if !self.enabled {
            return None;
        }
        let mut exchanges = self.exchanges.iter();
        let own = exchanges.find(|(exchange, _)| *exchange == name);
        let own = own.and_then(|(_, rules)| rules.of(transport));
        own.or(self.default.of(transport)).or(self.ambient.as_ref())
    }

    /// The settings as a file has them, without the environment.
    pub(super) fn yaml(&self) -> String {
        let mut text = format!(
            "proxy:\n  enabled: {}\n  strict: {}\n",
            self.enabled, self.strict
        );
        let mut rules: Vec<_> = [("  default", &self.default)].into();
        let exchanges = self.exchanges.iter();
        rules.extend(exchanges.map(|(name, rules)| (*name, rules)));
        for (place, (name, rules)) in rules.into_iter().enumerate() {
            if rules.rest.is_none() && rules.stream.is_none() {
                continue;
            }
            if place > 0 && !text.contains("exchanges") {
                text.push_str("  exchanges:\n");
            }
            let indent = if place == 0 { "" } else { "    " };
            text += &format!("{indent}{name}:\n");
            for (transport, rule) in [("http", &rules.rest), ("websocket", &rules.stream)] {
                if let Some(rule) = rule {
                    text += &format!("{indent}    {transport}: {}\n", rule.yaml());
                }
            }
        }
        text
    }

    pub(super) fn settings(&self) -> ProxySettings {
        let settings = match self.enabled {
            true => ProxySettings::enabled(),
            false => ProxySettings::disabled(),
        };
        let mut settings = settings
            .with_strict(self.strict)
            .with_default(self.default.proxies());
        for (name, rules) in &self.exchanges {
            settings = settings.with_exchange(ExchangeId::new(name).unwrap(), rules.proxies());
        }
        match &self.ambient {
            Some(Rule::Proxy(chain)) => settings.with_ambient(environment(chain)),
            _ => settings,
        }
    }
}

fn environment(chain: &Chain) -> AmbientProxies {
    let variables = [("ALL_PROXY", chain.url()), ("NO_PROXY", EXEMPT.to_owned())];
    AmbientProxies::from_variables(variables).unwrap()
}

impl Client {
    pub(super) fn exchange(&self) -> Option<ExchangeId> {
        self.exchange.map(|name| ExchangeId::new(name).unwrap())
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
    fn yaml(&self) -> String {
        match self {
            Self::Direct => "direct".to_owned(),
            Self::Proxy(chain) => chain.yaml(),
            Self::Pool(pool) => pool.yaml(),
        }
    }

    fn rule(&self) -> ProxyRule {
        match self {
            Self::Direct => ProxyRule::Direct,
            Self::Proxy(chain) => ProxyRule::Proxy(chain.config()),
            Self::Pool(pool) => ProxyRule::Pool(pool.config()),
        }
    }
}

pub(super) fn plans() -> impl Strategy<Value = Plan> {
    (policies(), policies(), clients()).prop_map(|(first, second, client)| Plan {
        policies: [first, second],
        client,
    })
}

fn clients() -> impl Strategy<Value = Client> {
    let exchange = prop_oneof![
        8 => Just(Some("binance")),
        4 => Just(Some("backpack")),
        2 => Just(Some(UNLISTED)),
        1 => Just(None),
    ];
    let legacy = option::weighted(0.2, chains());
    (exchange, legacy).prop_map(|(exchange, legacy)| Client { exchange, legacy })
}

pub(super) fn policies() -> impl Strategy<Value = Policy> {
    let exchanges = (option::of(rules()), option::of(rules())).prop_map(|(binance, backpack)| {
        let binance = binance.map(|rules| ("binance", rules));
        let backpack = backpack.map(|rules| ("backpack", rules));
        binance.into_iter().chain(backpack).collect()
    });
    let ambient = option::weighted(0.2, ambient().prop_map(Rule::Proxy));
    (weighted(0.9), any::<bool>(), rules(), exchanges, ambient).prop_map(
        |(enabled, strict, default, exchanges, ambient)| Policy {
            enabled,
            strict,
            default,
            exchanges,
            ambient,
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
        3 => pools().prop_map(Rule::Pool),
    ]
}
