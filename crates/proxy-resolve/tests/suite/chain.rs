//! The whole chain, against settings of every kind.

use proptest::prelude::*;
use proxy_config::{
    Bind, ConnectionProxies, DirectExit, ExchangeId, PoolConfig, PoolMember, ProxyConfig,
    ProxyRule, ProxySettings, Transport,
};
use proxy_resolve::{Resolution, Route, RouteSource, resolve};

/// The rules for REST and WebSocket.
type Rules = [Option<ProxyRule>; 2];

/// A question to the chain.
#[derive(Debug, Clone)]
struct Case {
    enabled: Option<bool>,
    strict: bool,
    default: Rules,
    /// The rules of the exchange `binance`.
    binance: Rules,
    /// The rules of another exchange, which must not matter.
    other: Rules,
    legacy: Option<ProxyConfig>,
    /// Whether the connection belongs to `binance`, or to no exchange.
    has_exchange: bool,
    transport: Transport,
}

impl Case {
    fn settings(&self) -> ProxySettings {
        let settings = match self.enabled {
            Some(true) => ProxySettings::enabled(),
            Some(false) => ProxySettings::disabled(),
            None => ProxySettings::default(),
        };
        settings
            .with_strict(self.strict)
            .with_default(proxies(&self.default))
            .with_exchange(id("binance"), proxies(&self.binance))
            .with_exchange(id("other"), proxies(&self.other))
    }

    fn resolve(&self, settings: &ProxySettings) -> Resolution {
        self.resolve_spelt(settings, "binance")
    }

    fn resolve_spelt(&self, settings: &ProxySettings, exchange: &str) -> Resolution {
        let exchange = self.has_exchange.then(|| id(exchange));
        resolve(
            settings,
            exchange.as_ref(),
            self.transport,
            self.legacy.as_ref(),
            None,
        )
    }

    fn rule<'a>(&self, rules: &'a Rules) -> Option<&'a ProxyRule> {
        match self.transport {
            Transport::Http => rules[0].as_ref(),
            Transport::WebSocket => rules[1].as_ref(),
        }
    }

    /// What must come out, as a table.
    fn expected(&self) -> (Route, RouteSource) {
        let own = self.rule(&self.binance);
        let default = self.rule(&self.default);
        let rules = [&self.default, &self.binance, &self.other];
        let has_rules = rules.into_iter().flatten().any(Option::is_some);
        if self.enabled.is_none() && (self.strict || has_rules) {
            return (Route::Refused, RouteSource::None);
        }
        match (
            self.enabled.unwrap_or(false),
            self.has_exchange,
            own,
            default,
            &self.legacy,
            self.strict,
        ) {
            (false, _, _, _, None, _) => (Route::Direct, RouteSource::Disabled),
            (false, _, _, _, Some(legacy), _) => {
                (Route::Proxy(legacy.clone()), RouteSource::Legacy)
            }
            (true, true, Some(rule), _, _, _) => (route(rule), RouteSource::Exchange),
            (true, true, None, Some(rule), _, _) => (route(rule), RouteSource::Default),
            (true, _, _, _, Some(legacy), _) => (Route::Proxy(legacy.clone()), RouteSource::Legacy),
            (true, _, _, _, None, false) => (Route::Direct, RouteSource::None),
            (true, _, _, _, None, true) => (Route::Refused, RouteSource::None),
        }
    }
}

fn id(id: &str) -> ExchangeId {
    ExchangeId::new(id).unwrap()
}

fn proxies([http, websocket]: &Rules) -> ConnectionProxies {
    let mut proxies = ConnectionProxies::default();
    if let Some(rule) = http {
        proxies = proxies.with_http(rule.clone());
    }
    if let Some(rule) = websocket {
        proxies = proxies.with_websocket(rule.clone());
    }
    proxies
}

fn route(rule: &ProxyRule) -> Route {
    match rule {
        ProxyRule::Direct => Route::Direct,
        ProxyRule::DirectFrom(exit) => Route::DirectFrom(exit.clone()),
        ProxyRule::Proxy(proxy) => Route::Proxy(proxy.clone()),
        ProxyRule::Pool(pool) => Route::Pool(pool.clone()),
    }
}

/// A proxy that is told from all others by its port.
fn proxy() -> impl Strategy<Value = ProxyConfig> {
    (1..=u16::MAX).prop_map(|port| {
        let url = format!("socks5h://user:pass@proxy.example:{port}");
        ProxyConfig::new(url.parse().unwrap())
    })
}

fn rules() -> impl Strategy<Value = Rules> {
    let pool = |proxy: ProxyConfig| {
        let member = PoolMember::new(proxy.server().clone());
        PoolConfig::new([member]).unwrap()
    };
    let rule = || {
        prop_oneof![
            Just(ProxyRule::Direct),
            any::<[u8; 3]>().prop_map(|[b, c, d]| {
                let bind = Bind::Address([10, b, c, d].into());
                DirectExit::new(bind).into()
            }),
            proxy().prop_map(ProxyRule::Proxy),
            proxy().prop_map(move |proxy| pool(proxy).into()),
        ]
    };
    [prop::option::of(rule()), prop::option::of(rule())]
}

fn case() -> impl Strategy<Value = Case> {
    let transport = prop::sample::select(&Transport::ALL);
    let legacy = prop::option::of(proxy());
    let flags = (any::<Option<bool>>(), any::<bool>(), any::<bool>());
    (flags, rules(), rules(), rules(), legacy, transport).prop_map(
        |((enabled, strict, has_exchange), default, binance, other, legacy, transport)| Case {
            enabled,
            strict,
            default,
            binance,
            other,
            legacy,
            has_exchange,
            transport,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_question_has_the_answer_of_the_table(case in case()) {
        let settings = case.settings();
        let resolution = case.resolve(&settings);
        let (route, source) = case.expected();
        prop_assert_eq!((resolution.route(), resolution.source()), (&route, source));
    }

    #[test]
    fn direct_is_only_what_a_rule_says_or_what_nothing_forbids(case in case()) {
        let settings = case.settings();
        let resolution = case.resolve(&settings);
        if *resolution.route() == Route::Direct {
            let said_so = |rules| case.rule(rules) == Some(&ProxyRule::Direct);
            let is_right = match resolution.source() {
                RouteSource::Disabled => case.enabled != Some(true) && case.legacy.is_none(),
                RouteSource::Exchange => said_so(&case.binance),
                RouteSource::Default => said_so(&case.default),
                RouteSource::None => !case.strict && case.legacy.is_none(),
                RouteSource::Legacy => false,
            };
            prop_assert!(is_right);
        }
    }

    #[test]
    fn case_makes_no_difference(case in case(), upper in any::<[bool; 7]>()) {
        let spelling: String = "binance"
            .chars()
            .zip(upper)
            .map(|(letter, upper)| if upper { letter.to_ascii_uppercase() } else { letter })
            .collect();
        let settings = case.settings();
        prop_assert_eq!(case.resolve_spelt(&settings, &spelling), case.resolve(&settings));
    }

    #[test]
    fn the_same_question_has_the_same_answer(case in case()) {
        let settings = case.settings();
        let same = settings.clone();
        prop_assert_eq!(case.resolve(&settings), case.resolve(&settings));
        prop_assert_eq!(case.resolve(&settings), case.resolve(&same));
    }

    #[test]
    fn a_transport_without_rule_is_resolved_as_if_the_exchange_were_unknown(case in case()) {
        let settings = case.settings();
        if case.rule(&case.binance).is_none() {
            let resolution = case.resolve(&settings);
            prop_assert_eq!(resolution, case.resolve_spelt(&settings, "unknown"));
        }
    }

    #[test]
    fn the_rules_of_another_exchange_or_transport_do_not_matter(
        case in case(),
        different in rules(),
    ) {
        // If nobody said whether rules count, a single one is one too many.
        let mut case = case;
        case.enabled = case.enabled.or(Some(false));
        let mut changed = case.clone();
        changed.other = different.clone();
        let [http, websocket] = different;
        match case.transport {
            Transport::Http => (changed.default[1], changed.binance[1]) = (websocket, http),
            Transport::WebSocket => (changed.default[0], changed.binance[0]) = (http, websocket),
        }
        let (settings, changed_settings) = (case.settings(), changed.settings());
        prop_assert_eq!(case.resolve(&settings), changed.resolve(&changed_settings));
    }
}

#[test]
fn sources_are_printed_in_lower_case() {
    let sources = [
        (RouteSource::Disabled, "disabled"),
        (RouteSource::Exchange, "exchange"),
        (RouteSource::Default, "default"),
        (RouteSource::Legacy, "legacy"),
        (RouteSource::None, "none"),
    ];
    for (source, name) in sources {
        assert_eq!(source.to_string(), name);
    }
}
