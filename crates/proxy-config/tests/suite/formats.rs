//! The same, however it is said.

use proxy_config::{
    ConnectionProxies, ProxyConfig, ProxyRule, ProxyServer, ProxySettings, Sources,
};

use crate::support::{Folder, id, messages, named};

const YAML: &str = "
proxy:
  enabled: yes
  strict: true
  egress_url: https://mirror.example/ip?format=text
  default:
    http: socks5h://alice:s%40crit@proxy.example:1080
    websocket:
      url: https://proxy.example:8443
      timeout_seconds: 45
      username: 0042
      password_file: password
      tls: {ca_file: ca.pem}
      via:
        - http://near.example:3128
        - {url: socks4a://far.example:1080, username: bob}
  exchanges:
    backpack: direct
    binance:
      rest: {url: 'socks5://[::1]:1080', username: u, password: 1.10}
";

const TOML: &str = "
[proxy]
enabled = true
strict = 'on'
egress_url = 'https://mirror.example/ip?format=text'

[proxy.default]
rest = 'socks5h://alice:s%40crit@proxy.example:1080'

[proxy.default.ws]
url = 'https://proxy.example:8443'
timeout_seconds = 45
username = '0042'
password_file = 'password'
tls.ca_file = 'ca.pem'
via = ['http://near.example:3128', {url = 'socks4a://far.example:1080', username = 'bob'}]

[proxy.exchanges]
backpack = 'direct'
binance.http = {url = 'socks5://[::1]:1080', username = 'u', password = 1.10}
";

const JSON: &str = r#"{
    "proxy": {
        "enabled": true,
        "strict": 1,
        "egress_url": "https://mirror.example/ip?format=text",
        "default": {
            "http": {"url": "socks5h:\/\/alice:s%40crit@proxy.example:1080"},
            "websocket": {
                "url": "https://proxy.example:8443",
                "timeout_seconds": "45",
                "username": "0042",
                "password_file": "password",
                "tls": {"ca_file": "ca.pem"},
                "via": [
                    {"url": "http://near.example:3128"},
                    {"url": "socks4a://far.example:1080", "username": "bob"}
                ]
            }
        },
        "exchanges": {
            "BACKPACK": {"http": "direct", "websocket": "DIRECT"},
            "BINANCE": {"http": {"url": "socks5://[::1]:1080", "username": "u", "password": 1.10}}
        }
    }
}"#;

fn variables(folder: &Folder) -> Vec<(String, String)> {
    let path = |name: &str| folder.path(name).display().to_string();
    named(&[
        ("_ENABLED", "1"),
        ("_STRICT", "yes"),
        ("_EGRESS_URL", "https://mirror.example/ip?format=text"),
        (
            "_DEFAULT__REST",
            "socks5h://alice:s%40crit@proxy.example:1080",
        ),
        ("_DEFAULT__WS__URL", "https://proxy.example:8443"),
        ("_DEFAULT__WS__TIMEOUT_SECONDS", "45"),
        ("_DEFAULT__WEBSOCKET__USERNAME", "0042"),
        ("_DEFAULT__WEBSOCKET__PASSWORD_FILE", &path("password")),
        ("_DEFAULT__WEBSOCKET__TLS__CA_FILE", &path("ca.pem")),
        ("_DEFAULT__WEBSOCKET__VIA__0", "http://near.example:3128"),
        (
            "_DEFAULT__WEBSOCKET__VIA__1__URL",
            "socks4a://far.example:1080",
        ),
        ("_DEFAULT__WEBSOCKET__VIA__1__USERNAME", "bob"),
        ("_EXCHANGES__BACKPACK", "direct"),
        (
            "_EXCHANGES__BINANCE",
            r#"{"http": {"url": "socks5://[::1]:1080", "username": "u", "password": 1.10}}"#,
        ),
    ])
}

fn code(folder: &Folder) -> ProxySettings {
    let url = |url: &str| url.parse().unwrap();
    let websocket = ProxyServer::new(url("https://0042:s3cret@proxy.example:8443"))
        .with_ca_file(folder.path("ca.pem"))
        .unwrap();
    let via = ["http://near.example:3128", "socks4a://bob@far.example:1080"]
        .map(|hop| ProxyServer::new(url(hop)));
    let websocket = ProxyConfig::from(websocket)
        .with_via(via)
        .unwrap()
        .with_timeout_seconds(45)
        .unwrap();
    let http = ProxyConfig::new(url("socks5h://alice:s%40crit@proxy.example:1080"));
    let binance = ProxyConfig::new(url("socks5://u:1%2E10@[::1]:1080"));
    ProxySettings::enabled()
        .with_strict(true)
        .with_egress_url("https://mirror.example/ip?format=text".parse().unwrap())
        .with_default(ConnectionProxies::both(http).with_websocket(websocket))
        .with_exchange(id("backpack"), ConnectionProxies::both(ProxyRule::Direct))
        .with_exchange(
            id("binance"),
            ConnectionProxies::default().with_http(binance),
        )
}

#[test]
fn files_variables_and_code_that_say_the_same_give_the_same_settings() {
    let folder = Folder::new();
    folder.write("password", "s3cret\n");
    folder.write("ca.pem", "");
    let expected = code(&folder);
    let file = |name: &str, text: &str| Sources::new().with_file(folder.write(name, text));
    for (form, sources) in [
        ("YAML", file("a.yaml", YAML)),
        ("TOML", file("a.toml", TOML)),
        ("JSON", file("a.json", JSON)),
        (
            "the environment",
            Sources::new().with_env(variables(&folder)),
        ),
        ("code", Sources::new().with_code(expected.clone())),
    ] {
        let loaded = sources.load().unwrap();
        assert_eq!(loaded.settings(), &expected, "{form}");
    }
}

#[test]
fn five_mistakes_in_two_places_are_five_errors_each_with_its_place() {
    let yaml = "\
proxy:
  enabled: true
  default:
    http: {url: http://proxy.example:3128, timeout: 30}
    websocket:
      url: proxy.example:1080
      username: alice
  exchanges:
    binance: dirct
";
    let sources = Sources::new()
        .with_text("cryptofeed.yaml", yaml)
        .with_env(named(&[
            ("_DEFAULT__HTTP__TIMEOUT_SECONDS", "soon"),
            ("_DEFUALT__HTTP__USERNAME", "s3cret"),
        ]));
    let mut errors = messages(sources.load());
    errors.sort();
    let known = "url, timeout_seconds, username, password, password_file, headers, headers_file, tls, handshake, quick_ack, bind, egress, via, pool, direct";
    let scheme = "Proxy URL must include scheme \
                  (http://, https://, socks4://, socks4a://, socks5:// or socks5h://)";
    let expected = [
        format!(
            "proxy.default.http.? (from cryptofeed.yaml:4:53): unknown key; \
             did you mean `timeout_seconds`? (known keys: {known})"
        ),
        "proxy.default.http.timeout_seconds \
         (from CRYPTOFEED_PROXY_DEFAULT__HTTP__TIMEOUT_SECONDS): \
         expected a whole number from 1 to 300"
            .to_owned(),
        format!("proxy.default.websocket.url (from cryptofeed.yaml:6:12): {scheme}"),
        "proxy.defualt.http.username (from CRYPTOFEED_PROXY_DEFUALT__HTTP__USERNAME): \
         unknown variable; did you mean CRYPTOFEED_PROXY_DEFAULT__HTTP__USERNAME?"
            .to_owned(),
        format!("proxy.exchanges.binance (from cryptofeed.yaml:9:14): {scheme}"),
    ];
    assert_eq!(errors, expected);
}
