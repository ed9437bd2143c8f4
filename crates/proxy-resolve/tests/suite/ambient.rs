//! The environment's proxies in the chain.

use proxy_config::{
    AmbientProxies, ConnectionProxies, Destination, ExchangeId, Host, ProxyConfig, ProxyRule,
    ProxySettings, Transport,
};
use proxy_resolve::{Resolution, Route, resolve};

const VARIABLES: [(&str, &str); 3] = [
    ("HTTPS_PROXY", "http://secure:1"),
    ("HTTP_PROXY", "http://plain:2"),
    ("NO_PROXY", "exempt.example"),
];

fn settings(variables: &[(&str, &str)]) -> ProxySettings {
    ProxySettings::enabled().with_ambient(ambient(variables))
}

fn ambient(variables: &[(&str, &str)]) -> AmbientProxies {
    AmbientProxies::from_variables(variables.iter().copied()).unwrap()
}

fn proxy(url: &str) -> ProxyConfig {
    ProxyConfig::new(url.parse().unwrap())
}

fn shown(resolution: &Resolution) -> String {
    let source = resolution.source();
    match resolution.route() {
        Route::Direct => format!("direct ({source})"),
        Route::DirectFrom(exit) => format!("{exit} ({source})"),
        Route::Refused => format!("refused ({source})"),
        Route::Proxy(proxy) => format!("{} ({source})", proxy.url().endpoint()),
        Route::Pool(pool) => format!("{pool} ({source})"),
    }
}

/// The routes to a TLS destination, a plain one, and an unknown one.
fn routes(settings: &ProxySettings, host: &str, legacy: Option<&ProxyConfig>) -> [String; 3] {
    let exchange = ExchangeId::new("okx").unwrap();
    let host = Host::parse(host).unwrap();
    let to = |destination: Destination<'_>| {
        shown(&resolve(
            settings,
            Some(&exchange),
            Transport::Http,
            legacy,
            Some(&destination),
        ))
    };
    let unknown = resolve(settings, Some(&exchange), Transport::Http, legacy, None);
    [
        to(Destination::tls(&host, 443)),
        to(Destination::plain(&host, 80)),
        shown(&unknown),
    ]
}

#[test]
fn each_destination_has_its_own() {
    assert_eq!(
        routes(&settings(&VARIABLES), "okx.example", None),
        [
            "secure:1 (default)",
            "plain:2 (default)",
            "secure:1 (default)"
        ]
    );
}

#[test]
fn an_exempt_destination_is_direct_and_an_unknown_one_never_is() {
    let legacy = proxy("http://legacy:9");
    for legacy in [None, Some(&legacy)] {
        assert_eq!(
            routes(&settings(&VARIABLES), "exempt.example", legacy),
            ["direct (default)", "direct (default)", "secure:1 (default)"]
        );
    }
    let everything = [VARIABLES[0], ("NO_PROXY", "*")];
    assert_eq!(
        routes(&settings(&everything), "okx.example", None),
        ["direct (default)", "direct (none)", "direct (default)"]
    );
}

#[test]
fn a_destination_without_a_variable_is_left_to_the_steps_after() {
    let plain_only = settings(&VARIABLES[1..]);
    let legacy = proxy("http://legacy:9");
    let plain = "plain:2 (default)";
    assert_eq!(
        routes(&plain_only, "okx.example", Some(&legacy)),
        ["legacy:9 (legacy)", plain, plain]
    );
    assert_eq!(
        routes(&plain_only.clone().with_strict(true), "okx.example", None),
        ["refused (none)", plain, plain]
    );
    assert_eq!(
        routes(&plain_only, "okx.example", None),
        ["direct (none)", plain, plain]
    );
}

#[test]
fn rules_of_the_settings_come_first_and_exempt_nothing() {
    let default = ConnectionProxies::default().with_http(proxy("http://default:3"));
    let settings = settings(&VARIABLES).with_default(default);
    assert_eq!(
        routes(&settings, "exempt.example", None),
        ["default:3 (default)"; 3].map(str::to_owned)
    );
    let okx = ExchangeId::new("okx").unwrap();
    let settings = settings.with_exchange(okx, ConnectionProxies::both(ProxyRule::Direct));
    assert_eq!(
        routes(&settings, "okx.example", None),
        ["direct (exchange)"; 3].map(str::to_owned)
    );
}

#[test]
fn a_disabled_system_and_a_connection_of_no_exchange_do_without() {
    let settings = settings(&VARIABLES);
    let host = Host::parse("okx.example").unwrap();
    let destination = Destination::tls(&host, 443);
    let nobodys = resolve(&settings, None, Transport::Http, None, Some(&destination));
    assert_eq!(shown(&nobodys), "direct (none)");
    let disabled = ProxySettings::disabled().with_ambient(ambient(&VARIABLES));
    assert_eq!(
        routes(&disabled, "okx.example", None),
        ["direct (disabled)"; 3].map(str::to_owned)
    );
}
