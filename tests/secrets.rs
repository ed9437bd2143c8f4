//! A user name and a password that must show up nowhere, on any path, at any level of any crate.

use std::error::Error;
use std::fmt::Debug;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proxy_config::{ConnectionProxies, ProxyConfig, ProxySettings, ProxyUrl, Sources, Transport};
use testkit::{Canary, MockProxy, ProxyFault, ProxyKind};
use transport::WsDialer;

use crate::capture::Capture;
use crate::world::{BINANCE, World, soon, ws_request};

pub(crate) const USER: &str = "cänary@/%user";
pub(crate) const PASSWORD: &str = "h:u@n/t%e r2ß";

#[track_caller]
fn assert_sealed(what: &str, text: &str) {
    let shown = Canary::of_login(USER, PASSWORD);
    assert_eq!(shown.form_in(text), None, "{what} shows it:\n{text}");
}

/// Everything that can be printed of an error.
pub(crate) fn printed(error: &(dyn Error + 'static)) -> String {
    let mut text = format!("{error:?}\n{error:#?}");
    let mut next = Some(error);
    while let Some(error) = next {
        text.push_str(&format!("\n{error}"));
        next = error.source();
    }
    text
}

pub(crate) fn url_with_secrets(proxy: &MockProxy) -> ProxyUrl {
    let encoded = |secret| utf8_percent_encode(secret, NON_ALPHANUMERIC);
    let userinfo = match proxy.kind() {
        ProxyKind::Socks4 | ProxyKind::Socks4a => encoded(USER).to_string(),
        _ => format!("{}:{}", encoded(USER), encoded(PASSWORD)),
    };
    let url = format!("{}://{userinfo}@{}", proxy.kind().scheme(), proxy.address());
    ProxyUrl::parse(&url).unwrap()
}

/// Uses both transports once and returns whatever can be printed of it.
async fn visit(world: &World, proxy: &MockProxy) -> String {
    let config = ProxyConfig::new(url_with_secrets(proxy));
    let settings = ProxySettings::enabled().with_default(ConnectionProxies::both(config));
    let injected = world.injector(settings);
    let scope = injected.exchange("binance");
    let (rest, stream) = (scope.http(), scope.websocket());
    let mut text = debugged(&[&injected.injector, &scope, &rest, &stream]);
    text.push_str(&debugged(&[&scope.resolve(Transport::Http)]));
    text.push_str(&serde_json::to_string(&*injected.injector.settings()).unwrap());
    let answer = match world.echo(&rest, BINANCE).await {
        Ok(response) => format!("{:?}", response.headers()),
        Err(error) => printed(&error),
    };
    text.push_str(&answer);
    let request = ws_request(&format!("{}/ws/btcusdt@trade", world.ws_url(BINANCE)));
    let answer = match soon(stream.dial(request)).await {
        Ok(socket) => format!("{socket:?}"),
        Err(error) => printed(&error),
    };
    text + &answer
}

fn debugged(things: &[&dyn Debug]) -> String {
    things
        .iter()
        .map(|thing| format!("{thing:?}\n{thing:#?}\n"))
        .collect()
}

#[tokio::test]
async fn no_path_through_any_proxy_shows_a_secret() {
    let world = World::start().await;
    let (capture, _guard) = Capture::begin();
    for kind in ProxyKind::ALL {
        let right = world
            .proxy(kind, 2)
            .credentials(USER, PASSWORD)
            .start()
            .await
            .unwrap();
        assert_sealed("success", &visit(&world, &right).await);
        for fault in [
            ProxyFault::Hangup,
            ProxyFault::Refuse {
                code: 5,
                body: "<html>no</html>".to_owned(),
            },
        ] {
            right.fail_with(fault.clone());
            assert_sealed(&format!("{kind:?} {fault:?}"), &visit(&world, &right).await);
        }
        right.stop().await;
        assert_sealed("a refused connection", &visit(&world, &right).await);

        let other = world
            .proxy(kind, 2)
            .credentials("somebody", "else")
            .start()
            .await
            .unwrap();
        assert_sealed("rejected credentials", &visit(&world, &other).await);
    }
    let logged = capture.text();
    for target in ["rustls", "tungstenite", "transport_http", "proxy_injector"] {
        assert!(logged.contains(target), "nothing was captured of {target}");
    }
    assert_sealed("the log", &logged);
}

#[tokio::test]
async fn a_proxy_of_another_protocol_or_identity_shows_no_secret() {
    let world = World::start().await;
    let (capture, _guard) = Capture::begin();
    let untrusted = world
        .proxy(ProxyKind::Https, 2)
        .tls(world.ca.untrusted_config().unwrap())
        .start()
        .await
        .unwrap();
    assert_sealed("an untrusted proxy", &visit(&world, &untrusted).await);

    let http = world.proxy(ProxyKind::Http, 2).start().await.unwrap();
    let socks = world.proxy(ProxyKind::Socks5h, 2).start().await.unwrap();
    for (scheme, proxy) in [("socks5h", &http), ("http", &socks), ("https", &http)] {
        let encoded = |secret| utf8_percent_encode(secret, NON_ALPHANUMERIC);
        let url = format!(
            "{scheme}://{}:{}@{}",
            encoded(USER),
            encoded(PASSWORD),
            proxy.address()
        );
        let config = ProxyConfig::new(ProxyUrl::parse(&url).unwrap());
        let rules = ConnectionProxies::both(config);
        let injected = world.injector(ProxySettings::enabled().with_default(rules));
        let error = world
            .echo(&injected.exchange("binance").http(), BINANCE)
            .await
            .unwrap_err();
        assert_sealed(scheme, &printed(&error));
    }
    assert_sealed("the log", &capture.text());
}

#[test]
fn no_error_of_a_configuration_shows_a_secret() {
    let (capture, _guard) = Capture::begin();
    let encoded = |secret| utf8_percent_encode(secret, NON_ALPHANUMERIC);
    for url in [
        format!("ftp://{}:{}@h:1", encoded(USER), encoded(PASSWORD)),
        format!("http://{USER}:{PASSWORD}@h:1"),
        format!("{USER}:{PASSWORD}@h:1"),
        format!("socks4://{}:{}@h:1", encoded(USER), encoded(PASSWORD)),
        format!("http://{}:{}@h", encoded(USER), encoded(PASSWORD)),
        format!("http://{}:{}@h:1/path", encoded(USER), encoded(PASSWORD)),
    ] {
        let loaded = Sources::new()
            .with_env([
                ("CRYPTOFEED_PROXY_ENABLED", "true"),
                ("CRYPTOFEED_PROXY_DEFAULT__HTTP__URL", &url),
            ])
            .with_text(
                "secret.yaml",
                format!("proxy: {{default: {{websocket: \"{url}\"}}}}"),
            )
            .load();
        let error = loaded.map(|_| ()).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("CRYPTOFEED_PROXY_DEFAULT__HTTP__URL")
        );
        assert_sealed(&url, &printed(&error));
    }
    assert_sealed("the log", &capture.text());
}
