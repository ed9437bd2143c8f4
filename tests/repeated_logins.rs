//! Whoever is on the way may repeat a login, changed in case or escaped, in whatever it says, and say
//! it in place of somebody else.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use feeds::{Binance, Channel, Feed, FeedEventKind, Subscription, Symbol};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proxy_config::{
    ConnectionProxies, HandshakeMode, ProxyConfig, ProxyServer, ProxySettings, ProxyUrl,
};
use testkit::{MockProxy, ProxyKind};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use transport::{HttpTransport, WsDialer, require_success};

use crate::capture::Capture;
use crate::parrot::{Line, Parrot};
use crate::running::Running;
use crate::secrets::{PASSWORD, USER, printed, url_with_secrets};
use crate::world::{BINANCE, Injected, World, request, soon, ws_request};

/// The login as it may be repeated: the part that says it all.
fn repeated() -> Vec<String> {
    let html = |secret: &str| secret.replace('/', "&#47;").replace('u', "&#x75;");
    let percent = |secret: &str| utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    let json = |secret: &str| secret.replace('/', "\\/").replace('n', "\\u006e");
    let mut said = vec![BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}"))];
    for secret in [USER, PASSWORD] {
        said.extend([
            secret.to_owned(),
            secret.to_uppercase(),
            html(secret),
            percent(secret),
            percent(&percent(secret)).to_lowercase(),
            json(secret),
            BASE64_STANDARD.encode(secret),
        ]);
    }
    said
}

/// Of a SOCKS4 proxy's login, which has no password.
fn repeated_to(kind: ProxyKind) -> Vec<String> {
    match kind {
        ProxyKind::Socks4 | ProxyKind::Socks4a => vec![USER.to_uppercase()],
        _ => repeated(),
    }
}

#[track_caller]
fn assert_absent(what: &str, said: &str, text: &str) {
    let escaped: String = said.escape_debug().collect();
    for form in [said, &escaped] {
        assert!(!text.contains(form), "{what} shows {form}:\n{text}");
    }
}

#[track_caller]
fn assert_hidden(what: &str, said: &str, text: &str) {
    assert_absent(what, said, text);
    assert!(text.contains("***"), "{what} quotes nothing:\n{text}");
}

fn proxy_url(userinfo: &str, address: impl std::fmt::Display) -> ProxyUrl {
    ProxyUrl::parse(&format!("http://{userinfo}@{address}")).unwrap()
}

fn userinfo() -> String {
    let encoded = |secret| utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    format!("{}:{}", encoded(USER), encoded(PASSWORD))
}

fn through(world: &World, proxy: ProxyConfig) -> Injected {
    let rules = ConnectionProxies::both(proxy);
    world.injector(ProxySettings::enabled().with_default(rules))
}

/// All that is printed about a REST request and a WebSocket that fail, without TLS.
async fn failures(injected: &Injected, port: u16) -> [String; 2] {
    let scope = injected.exchange("binance");
    let get = request(
        http::Method::GET,
        &format!("http://{BINANCE}:{port}/echo"),
        "",
    );
    let answer = soon(scope.http().send(get)).await.and_then(require_success);
    let upgrade = ws_request(&format!("ws://{BINANCE}:{port}/ws/btcusdt@trade"));
    let socket = soon(scope.websocket().dial(upgrade)).await;
    [printed(&answer.unwrap_err()), printed(&socket.unwrap_err())]
}

#[tokio::test]
async fn a_refusal_of_a_proxy_is_not_quoted_with_its_login() {
    let world = World::start().await;
    let (capture, _guard) = Capture::begin();
    for said in repeated() {
        let mut answers = vec![
            Line::answer("403 No", &format!("not you, {said}!")),
            Line::Answer(format!(
                "HTTP/1.1 407 No\r\nProxy-Authenticate: {said}\r\n\r\n"
            )),
        ];
        // A reason phrase of other characters is not quoted at all.
        if said.is_ascii() {
            answers.push(Line::answer(&format!("403 Not you, {said}"), ""));
        }
        for answer in answers {
            let proxy = Parrot::start([answer.clone()]).await;
            let url = proxy_url(&userinfo(), proxy.address);
            let injected = through(&world, ProxyConfig::new(url));
            for failure in failures(&injected, 80).await {
                assert_hidden(&format!("{answer:?}"), &said, &failure);
            }
        }
    }
    for said in repeated() {
        assert_absent("the log", &said, &capture.text());
    }
}

#[tokio::test]
async fn a_proxy_that_plays_the_next_is_not_quoted_with_the_login_of_either() {
    let world = World::start().await;
    let logins = [
        (userinfo(), "bob:builder".to_owned()),
        ("bob:builder".to_owned(), userinfo()),
    ];
    for said in repeated() {
        let refusal = Line::answer("403 No", &format!("not you, {said}"));
        let as_the_next = Parrot::start([Line::opened(), refusal.clone()]).await;
        let as_itself = Parrot::start([refusal]).await;
        for parrot in [as_the_next, as_itself] {
            for (first, second) in &logins {
                for mode in [HandshakeMode::Standard, HandshakeMode::Optimistic] {
                    let hop = |url| ProxyServer::new(url).with_handshake(mode);
                    let exit = proxy_url(second, "exit.test:8080");
                    let chain = ProxyConfig::from(hop(exit))
                        .with_via([hop(proxy_url(first, parrot.address))])
                        .unwrap();
                    for failure in failures(&through(&world, chain), 80).await {
                        assert_hidden(&format!("{mode:?}"), &said, &failure);
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn what_answers_behind_an_open_tunnel_is_not_quoted_with_the_proxys_login() {
    let world = World::start().await;
    for kind in ProxyKind::ALL {
        let proxy = world.proxy(kind, 2).credentials(USER, PASSWORD);
        let proxy = proxy.start().await.unwrap();
        let injected = through(&world, ProxyConfig::new(url_with_secrets(&proxy)));
        for said in repeated_to(kind) {
            let answer = Line::answer("403 Forbidden", &format!("not you, {said}"));
            let parrot = Parrot::start([answer]).await;
            for failure in failures(&injected, parrot.address.port()).await {
                assert_hidden(&format!("{kind:?}"), &said, &failure);
                assert!(failure.contains("403 Forbidden"), "{failure}");
            }
        }
    }
}

/// A certificate names whom it is for, and an error of TLS lists the names.
#[tokio::test]
async fn a_certificate_is_not_quoted_with_a_login() {
    let world = World::start().await;
    let said = "vogelfrei";
    let tls = || world.ca.server_config(&["vogelfrei.example"]).unwrap();
    let gate = world
        .proxy(ProxyKind::Http, 2)
        .credentials("Vogelfrei", "x");
    let gate = gate.host("exit.test", [127, 0, 0, 1].into());
    let gate = gate.start().await.unwrap();
    let exit = world.proxy(ProxyKind::Https, 3).tls(tls());
    let exit = exit.start().await.unwrap();
    let exchange = Binance::mock().tls(tls()).start().await.unwrap();
    let gate_url = ProxyUrl::parse(&gate.url()).unwrap();

    let exit_url = format!("https://exit.test:{}", exit.address().port());
    let exit_url = ProxyUrl::parse(&exit_url).unwrap();
    let chain = ProxyConfig::new(exit_url)
        .with_via([ProxyServer::new(gate_url.clone())])
        .unwrap();
    for (proxy, port) in [
        (chain, 443),
        (ProxyConfig::new(gate_url), exchange.rest_addr().port()),
    ] {
        let scope = through(&world, proxy).exchange("binance");
        let uri = format!("https://{BINANCE}:{port}/echo");
        let get = request(http::Method::GET, &uri, "");
        let failure = printed(&soon(scope.http().send(get)).await.unwrap_err());
        // In place of the words of rustls, which quote it.
        assert!(failure.contains("certificate not accepted"), "{failure}");
        assert!(failure.contains("it is valid for other names"), "{failure}");
        assert_absent(&uri, said, &failure);
    }
}

/// A feed of trades by an exchange without TLS, whose WebSocket is `stream`, through `proxy`.
fn feed(injected: &Injected, rest_port: u16, stream_port: u16) -> Running {
    let exchange = Binance::new(
        &format!("http://{BINANCE}:{rest_port}"),
        &format!("ws://{BINANCE}:{stream_port}"),
    );
    let subscription =
        Subscription::new([Symbol::parse("BTC-USDT").unwrap()], [Channel::Trades]).unwrap();
    let scope = injected.exchange("binance");
    Running::of(Feed::new(
        Arc::new(exchange.unwrap()),
        subscription,
        Arc::new(scope.http()),
        Arc::new(scope.websocket()),
    ))
}

async fn proxy_with_login(world: &World) -> (MockProxy, Injected) {
    let proxy = world.proxy(ProxyKind::Http, 2).credentials(USER, PASSWORD);
    let proxy = proxy.start().await.unwrap();
    let injected = through(world, ProxyConfig::new(url_with_secrets(&proxy)));
    (proxy, injected)
}

#[tokio::test]
async fn no_event_of_a_feed_quotes_a_login() {
    let world = World::start().await;
    let rest = Binance::mock().start().await.unwrap();
    let (_proxy, injected) = proxy_with_login(&world).await;
    let (capture, _guard) = Capture::begin();
    for said in repeated() {
        let quoted = serde_json::to_string(&said).unwrap();
        let messages = [
            format!("{{{quoted}"),
            format!(r#"{{"stream":"btcusdt@trade","data":{{"e":"trade","t":{quoted}}}}}"#),
            format!(r#"{{"e":{quoted}}}"#),
            format!(r#"{{"code":-1,"msg":{quoted}}}"#),
        ];
        let mut frames = messages.map(Message::text).to_vec();
        frames.push(Message::Close(Some(CloseFrame {
            code: 1008.into(),
            reason: said.as_str().into(),
        })));
        let stream = Parrot::start([Line::Frames(frames)]).await;
        let mut feed = feed(&injected, rest.rest_addr().port(), stream.address.port());
        let mut told = Vec::new();
        feed.until(|event| {
            told.push(event.clone());
            matches!(event, FeedEventKind::Disconnected { .. })
        })
        .await;
        let names: Vec<_> = told.iter().map(name).collect();
        let all = [
            "connected",
            "malformed",
            "malformed",
            "unknown",
            "rejected",
            "closed",
        ];
        assert_eq!(names, all, "{said}: {told:?}");
        for event in &told[1..] {
            let text = format!("{event:?} {}", serde_json::to_string(event).unwrap());
            assert_hidden(name(event), &said, &text);
            assert!(!text.contains(&quoted), "{text}");
        }
    }
    // tungstenite, by itself, logs every close frame as it is at the level DEBUG.
    let log = capture.text();
    let theirs = |line: &&str| line.contains("tungstenite::");
    for said in repeated() {
        for line in log.lines().filter(|line| !theirs(line)) {
            assert_absent("the log", &said, line);
        }
    }
}

fn name(event: &FeedEventKind) -> &'static str {
    match event {
        FeedEventKind::Connected { .. } => "connected",
        FeedEventKind::Malformed { .. } => "malformed",
        FeedEventKind::Unknown { .. } => "unknown",
        FeedEventKind::Rejected { .. } => "rejected",
        FeedEventKind::Disconnected { .. } => "closed",
        _ => "something else",
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_not_quoted_with_a_login() {
    let world = World::start().await;
    let (_proxy, injected) = proxy_with_login(&world).await;
    for said in repeated() {
        let body = serde_json::json!({ "symbols": said }).to_string();
        let rest = Parrot::start([Line::answer("200 OK", &body)]).await;
        let mut feed = feed(&injected, rest.address.port(), 1);
        let told = feed.until(|_| true).await;
        assert_hidden("the reason", &said, &format!("{told:?}"));
    }
}
