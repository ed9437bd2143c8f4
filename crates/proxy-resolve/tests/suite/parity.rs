//! The deployments that the tests of cryptofeed (Python) describe, from their sources to the
//! routes.

use proxy_config::{ExchangeId, ProxySettings, Sources, Transport};
use proxy_resolve::{Route, resolve};

fn yaml(text: &str) -> ProxySettings {
    let sources = Sources::new().with_text("test.yaml", text);
    sources.load().unwrap().into_settings()
}

fn variables(variables: &[(&str, &str)]) -> ProxySettings {
    let name =
        |(name, value): &(&str, &str)| (format!("CRYPTOFEED_PROXY{name}"), value.to_string());
    let sources = Sources::new().with_env(variables.iter().map(name));
    sources.load().unwrap().into_settings()
}

/// The routes of both transports of an exchange, REST first, with their timeouts in seconds.
fn routes(settings: &ProxySettings, exchange: &str) -> [String; 2] {
    let exchange = ExchangeId::new(exchange).unwrap();
    Transport::ALL.map(|transport| {
        match resolve(settings, Some(&exchange), transport, None, None).route() {
            Route::Direct => "direct".to_owned(),
            Route::DirectFrom(exit) => exit.to_string(),
            Route::Refused => "refused".to_owned(),
            Route::Proxy(proxy) => format!("{} {}", proxy.url(), proxy.timeout_seconds()),
            Route::Pool(pool) => format!("{pool} {}", pool.timeout_seconds()),
        }
    })
}

#[test]
fn in_development_every_exchange_uses_the_proxies_of_this_machine() {
    let settings = yaml(
        "proxy:
           enabled: true
           default: {http: 'http://localhost:8888', websocket: 'socks5://localhost:1080'}",
    );
    for exchange in ["binance", "coinbase", "BACKPACK", "anything"] {
        assert_eq!(
            routes(&settings, exchange),
            ["http://localhost:8888 30", "socks5://localhost:1080 30"]
        );
    }
}

#[test]
fn in_production_exchanges_use_the_proxies_of_their_regions() {
    let settings = yaml(
        "proxy:
           enabled: true
           default: socks5://global.example:1080
           exchanges:
             coinbase: socks5://us.example:1080
             binance: http://asia.example:8080
             bitstamp: {http: 'http://eu.example:8080'}",
    );
    for (exchange, expected) in [
        ("coinbase", ["socks5://us.example:1080 30"; 2]),
        ("binance", ["http://asia.example:8080 30"; 2]),
        (
            "bitstamp",
            [
                "http://eu.example:8080 30",
                "socks5://global.example:1080 30",
            ],
        ),
        ("elsewhere", ["socks5://global.example:1080 30"; 2]),
    ] {
        assert_eq!(routes(&settings, exchange), expected);
    }
}

#[test]
fn where_milliseconds_count_every_rule_has_its_own_short_timeout() {
    let settings = yaml(
        "proxy:
           enabled: true
           default: {http: {url: 'http://far.example:8080', timeout_seconds: 5}}
           exchanges:
             binance:
               http: {url: 'http://near.example:8080', timeout_seconds: 3}
               websocket: {url: 'socks5://near.example:1080', timeout_seconds: 3}",
    );
    assert_eq!(
        routes(&settings, "binance"),
        ["http://near.example:8080 3", "socks5://near.example:1080 3"]
    );
    assert_eq!(
        routes(&settings, "okx"),
        ["http://far.example:8080 5", "direct"]
    );
}

#[test]
fn four_exchanges_of_which_one_has_a_websocket_proxy_alone_find_their_routes() {
    let settings = yaml(
        "proxy:
           enabled: true
           default:
             http: {url: 'http://company:8080', timeout_seconds: 10}
             websocket: socks5://company:1081
           exchanges:
             binance: {http: 'http://binance:8080'}
             coinbase: {websocket: 'socks5://coinbase:1080'}
             backpack: {websocket: {url: 'socks5://backpack:1080', timeout_seconds: 15}}",
    );
    for (exchange, expected) in [
        (
            "binance",
            ["http://binance:8080 30", "socks5://company:1081 30"],
        ),
        (
            "coinbase",
            ["http://company:8080 10", "socks5://coinbase:1080 30"],
        ),
        (
            "backpack",
            ["http://company:8080 10", "socks5://backpack:1080 15"],
        ),
        (
            "kraken",
            ["http://company:8080 10", "socks5://company:1081 30"],
        ),
    ] {
        assert_eq!(routes(&settings, exchange), expected);
    }
}

#[test]
fn variables_route_the_markets_of_one_exchange_apart() {
    for (id, exchange) in [
        ("BINANCE", "binance"),
        ("BINANCE_FUTURES", "binance_futures"),
    ] {
        let http = format!("_EXCHANGES__{id}__HTTP__URL");
        let websocket = format!("_EXCHANGES__{id}__WEBSOCKET__URL");
        let http = (&*http, "http://rest.example:8080");
        let websocket = (&*websocket, "socks5://streams.example:1080");
        let [rest, streams] = [
            "http://rest.example:8080 30",
            "socks5://streams.example:1080 30",
        ];
        for (rules, expected) in [
            (&[http][..], [rest, "direct"]),
            (&[websocket], ["direct", streams]),
            (&[http, websocket], [rest, streams]),
        ] {
            let enabled = [&[("_ENABLED", "true")], rules].concat();
            let settings = variables(&enabled);
            assert_eq!(routes(&settings, exchange), expected);
            assert_eq!(routes(&settings, "okx"), ["direct"; 2]);
            let disabled = [&[("_ENABLED", "false")], rules].concat();
            assert_eq!(routes(&variables(&disabled), exchange), ["direct"; 2]);
        }
    }
    assert_eq!(routes(&variables(&[]), "binance"), ["direct"; 2]);
}

#[test]
fn variables_give_a_pool_to_a_market() {
    let pool = r#"{"strategy": "round_robin", "proxies": [
        {"url": "socks5://a.example:1080", "weight": 2}, {"url": "socks5://b.example:1080"}]}"#;
    let both = "round_robin of socks5://a.example:1080, socks5://b.example:1080 30";
    for (variable, expected) in [
        ("_EXCHANGES__BINANCE__HTTP__POOL", [both, "direct"]),
        ("_EXCHANGES__BINANCE__WEBSOCKET__POOL", ["direct", both]),
    ] {
        let settings = variables(&[("_ENABLED", "true"), (variable, pool)]);
        assert_eq!(routes(&settings, "binance"), expected);
        assert_eq!(routes(&settings, "okx"), ["direct"; 2]);
        let disabled = variables(&[("_ENABLED", "false"), (variable, pool)]);
        assert_eq!(routes(&disabled, "binance"), ["direct"; 2]);
    }
}
