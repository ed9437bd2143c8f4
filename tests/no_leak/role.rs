//! What runs at the hosts of a network: this very program, which plays a role there.

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use feeds::Binance;
use futures_util::StreamExt;
use http::Method;
use proxy_config::{Bind, ConnectionProxies, DirectExit, ExchangeId, ProxyConfig, ProxySettings};
use proxy_injector::{ProxyInjector, Scope};
use testkit::{MockProxy, ProxyKind, TestCa};
use tokio::io::{copy, sink, stdin};
use transport::{DialError, HttpTransport, Message, WsDialer};
use transport_tls::TlsTrust;

use super::network::{EXCHANGE, PROXY};
use crate::world::{request, soon, ws_request};

/// The name of the test that plays the roles.
pub(super) const TEST: &str = "no_leak::role::plays";

/// The environment variables that tell it what to do.
pub(super) const ROLE: &str = "NO_LEAK_ROLE";
pub(super) const FILES: &str = "NO_LEAK_FILES";
pub(super) const PROXY_URL: &str = "NO_LEAK_PROXY_URL";
pub(super) const BIND: &str = "NO_LEAK_BIND";
pub(super) const TARGET: &str = "NO_LEAK_TARGET";

/// What a server says when it listens.
pub(super) const READY: &str = "ready";

/// What stands before each thing that the client has found out: REST first, then the stream.
pub(super) const OUTCOME: &str = "outcome: ";

/// The exchange's name. The proxies know it; the client would have to ask a name server.
pub(super) const NAME: &str = "exchange.test";

/// What the proxies want to hear.
pub(super) const USER: &str = "alice";
pub(super) const PASSWORD: &str = "open-sesame";

const REST_PORT: u16 = 8443;
const STREAM_PORT: u16 = 9443;

/// The port of the proxy of a kind.
pub(super) fn port(kind: ProxyKind) -> u16 {
    let kinds = ProxyKind::ALL.iter().zip(1080..);
    kinds
        .into_iter()
        .find(|(known, _)| **known == kind)
        .unwrap()
        .1
}

#[tokio::test]
#[ignore = "a part of other tests, which run it in a network namespace"]
async fn plays() {
    let Ok(role) = env::var(ROLE) else {
        return;
    };
    let files = PathBuf::from(env::var_os(FILES).unwrap());
    match &*role {
        "exchange" => exchange(&files).await,
        "proxies" => proxies(&files).await,
        "client" => client(&files).await,
        _ => panic!("there is no role {role}"),
    }
}

async fn exchange(files: &Path) {
    let ca = TestCa::new().unwrap();
    let names = [NAME, &EXCHANGE.to_string()];
    let _exchange = Binance::mock()
        .tls(ca.server_config(&names).unwrap())
        .rest_address((EXCHANGE, REST_PORT).into())
        .ws_address((EXCHANGE, STREAM_PORT).into())
        .start()
        .await
        .unwrap();
    ca.write_pem(files.join("exchange.pem")).unwrap();
    serve().await;
}

async fn proxies(files: &Path) {
    let ca = TestCa::new().unwrap();
    let mut proxies = Vec::new();
    for kind in ProxyKind::ALL {
        let proxy = MockProxy::builder(kind)
            .address((PROXY, port(kind)).into())
            .tls(ca.server_config(&[&PROXY.to_string()]).unwrap())
            .credentials(USER, PASSWORD)
            .host(NAME, EXCHANGE.into());
        proxies.push(proxy.start().await.unwrap());
    }
    ca.write_pem(files.join("proxies.pem")).unwrap();
    serve().await;
}

/// Until whoever started this program closes its input, or ends.
async fn serve() {
    say(READY);
    copy(&mut stdin(), &mut sink()).await.unwrap();
}

/// Says it to whoever started this program, on a line of its own: the test harness may have begun one.
fn say(line: &str) {
    let line = format!("\n{line}\n");
    io::stdout().write_all(line.as_bytes()).unwrap();
}

async fn client(files: &Path) {
    let mut settings = ProxySettings::disabled();
    if let Ok(url) = env::var(PROXY_URL) {
        let proxy = ProxyConfig::new(url.parse().unwrap());
        settings = ProxySettings::enabled().with_default(ConnectionProxies::both(proxy));
    }
    if let Ok(bind) = env::var(BIND) {
        let exit = DirectExit::new(Bind::Address(bind.parse().unwrap()));
        settings = ProxySettings::enabled().with_default(ConnectionProxies::both(exit));
    }
    let trust = ["exchange.pem", "proxies.pem"]
        .iter()
        .try_fold(TlsTrust::platform(), |trust, file| {
            trust.with_ca_file(files.join(file))
        });
    let injector = ProxyInjector::new(settings).with_trust(trust.unwrap());
    let scope = Arc::new(injector).exchange(ExchangeId::new("binance").unwrap());
    let target = env::var(TARGET).unwrap();
    for outcome in [rest(&scope, &target).await, stream(&scope, &target).await] {
        match outcome {
            Ok(()) => say(&format!("{OUTCOME}Connected")),
            Err(error) => say(&format!("{OUTCOME}{:?}", error.kind())),
        }
    }
}

async fn rest(scope: &Scope, target: &str) -> Result<(), DialError> {
    let uri = format!("https://{target}:{REST_PORT}/echo");
    match soon(scope.http().send(request(Method::GET, &uri, ""))).await {
        Ok(_) => Ok(()),
        Err(error) => Err(error.dial_error().unwrap().clone()),
    }
}

async fn stream(scope: &Scope, target: &str) -> Result<(), DialError> {
    let mut request = ws_request(&format!("wss://{target}:{STREAM_PORT}/ws"));
    let subscribe = r#"{"method":"SUBSCRIBE","params":["btcusdt@depth"],"id":1}"#;
    request.first_messages.push(Message::text(subscribe));
    let mut socket = soon(scope.websocket().dial(request)).await?;
    soon(socket.next()).await.unwrap().unwrap();
    Ok(())
}
