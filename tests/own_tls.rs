//! TLS and stacks that a program brings along.

use std::sync::{Arc, Mutex};

use feeds::Binance;
use http::Method;
use proxy_config::{ConnectionProxies, ExchangeId, ProxySettings, Transport};
use proxy_injector::ProxyInjector;
use rustls::crypto::{CryptoProvider, ring};
use testkit::{ExchangeTransport, ProxyKind, TestCa};
use transport::{DialError, DialErrorKind, HttpTransport, Phase, chain};
use transport_tls::TlsTrust;

use crate::world::{BINANCE, TestNames, World, config, egress, request, soon};

fn only(ca: &TestCa) -> TlsTrust {
    TlsTrust::none().with_ca_pem(ca.pem().as_bytes()).unwrap()
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_the_exchange_and_to_no_proxy() {
    let world = World::start().await;
    let strict = Binance::mock()
        .tls(world.ca.mutual_config(&[BINANCE]).unwrap())
        .start()
        .await
        .unwrap();
    // It would turn away a client that has no certificate, and that shows one of ours.
    let proxy = world.proxy(ProxyKind::Https, 2).start().await.unwrap();
    let rules = ConnectionProxies::both(config(&proxy));
    let settings = ProxySettings::enabled().with_default(rules);
    let injector = || {
        ProxyInjector::trusting(settings.clone(), only(&world.ca))
            .with_resolver(Arc::new(TestNames))
    };
    let get = async |injector: ProxyInjector| {
        let scope = Arc::new(injector).exchange(ExchangeId::new("binance").unwrap());
        let uri = format!("https://{BINANCE}:{}/echo", strict.rest_addr().port());
        soon(scope.http().send(request(Method::GET, &uri, ""))).await
    };

    let (certificates, key) = world.ca.client_certificate().unwrap();
    let tls = only(&world.ca).builder();
    let tls = tls.with_client_auth_cert(certificates, key).unwrap();
    get(injector().with_exchange_tls(tls)).await.unwrap();
    let refused = get(injector()).await.unwrap_err();
    assert!(
        chain(&refused).to_string().contains("CertificateRequired"),
        "{}",
        chain(&refused)
    );
    let mut peers = strict.ledger().connections();
    peers.retain(|connection| !connection.requests.is_empty());
    assert!(
        peers
            .iter()
            .all(|connection| connection.peer.ip() == egress(2))
    );
    assert_eq!(peers.len(), 1);
}

#[tokio::test]
async fn who_trusts_one_authority_alone_trusts_no_other() {
    let world = World::start().await;
    let stranger = TestCa::new().unwrap();
    let injector = ProxyInjector::trusting(ProxySettings::disabled(), only(&stranger))
        .with_tcp_dialer(world.injector(ProxySettings::disabled()).sockets);
    let scope = Arc::new(injector).anonymous();
    let error = world.echo(&scope.http(), BINANCE).await.unwrap_err();
    let error = error.dial_error().unwrap();
    assert_eq!(error.kind(), DialErrorKind::Certificate);
    assert_eq!(error.phase(), Phase::TargetTls);
}

#[tokio::test]
async fn the_cryptography_is_the_one_passed_in_and_no_default_is_set() {
    let world = World::start().await;
    let spoken = |suite| {
        let mut provider = ring::default_provider();
        provider.cipher_suites = vec![suite];
        TlsTrust::new(Arc::new(provider))
            .unwrap()
            .with_ca_pem(world.ca.pem().as_bytes())
            .unwrap()
    };
    let sockets = world.injector(ProxySettings::disabled()).sockets;
    let get = async |trust: TlsTrust| {
        let injector = ProxyInjector::trusting(ProxySettings::disabled(), trust)
            .with_tcp_dialer(sockets.clone());
        world
            .echo(&Arc::new(injector).anonymous().http(), BINANCE)
            .await
    };
    get(spoken(ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256))
        .await
        .unwrap();
    // The server's certificate has an ECDSA key, so that nothing is spoken with this one.
    let error = get(spoken(
        ring::cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    ))
    .await
    .unwrap_err();
    assert_eq!(error.dial_error().unwrap().kind(), DialErrorKind::Tls);
    assert!(CryptoProvider::get_default().is_none());

    let mut silent = ring::default_provider();
    silent.cipher_suites.clear();
    assert!(TlsTrust::new(Arc::new(silent)).is_err());
}

#[tokio::test]
async fn a_stack_sees_whose_connections_it_is_for_and_may_wrap_the_standard_one() {
    let world = World::start().await;
    let proxy = world.proxy(ProxyKind::Socks5h, 2).start().await.unwrap();
    let rules = ConnectionProxies::both(config(&proxy));
    let settings = ProxySettings::enabled().with_default(rules);
    let asked = Arc::new(Mutex::new(Vec::new()));
    let sockets = world.injector(settings.clone()).sockets;
    let injector = ProxyInjector::trusting(settings, world.trust()).with_tcp_dialer(sockets);
    let injector = injector.with_stack({
        let asked = Arc::clone(&asked);
        move |request| {
            let exchange = request.exchange().map(ToString::to_string);
            let proxy = request.proxy().map(|proxy| proxy.url().scheme());
            asked
                .lock()
                .unwrap()
                .push(format!("{exchange:?} {} {proxy:?}", request.transport()));
            Ok(request.standard_dialer()?)
        }
    });
    let injector = Arc::new(injector);
    let binance = injector.exchange(ExchangeId::new("binance").unwrap());
    world.echo(&binance.http(), BINANCE).await.unwrap();
    world.echo(&binance.http(), BINANCE).await.unwrap();
    world.stream(&binance.websocket(), BINANCE).await;
    world
        .echo(&injector.anonymous().http(), BINANCE)
        .await
        .unwrap();
    assert_eq!(
        *asked.lock().unwrap(),
        [
            r#"Some("binance") http Some(Socks5h)"#,
            r#"Some("binance") websocket Some(Socks5h)"#,
            "None http None",
        ]
    );
    assert_eq!(
        world.seen(BINANCE, ExchangeTransport::WebSocket),
        [egress(2)]
    );
}

#[tokio::test]
async fn a_stack_that_cannot_be_built_fails_the_dial_and_is_asked_again() {
    let world = World::start().await;
    let proxy = world.proxy(ProxyKind::Socks5h, 2).start().await.unwrap();
    let rules = ConnectionProxies::both(config(&proxy));
    let settings = ProxySettings::enabled().with_default(rules);
    let failures = Mutex::new(vec!["no such tunnel", "still none"]);
    let injector =
        ProxyInjector::trusting(settings, world.trust()).with_stack(move |request| match failures
            .lock()
            .unwrap()
            .pop()
        {
            Some(failure) => Err(failure.into()),
            None => Ok(request.standard_dialer()?),
        });
    let scope = Arc::new(injector).exchange(ExchangeId::new("binance").unwrap());
    for failure in ["still none", "no such tunnel"] {
        let error = world.echo(&scope.http(), BINANCE).await.unwrap_err();
        assert_eq!(
            DialError::find(&error).unwrap().kind(),
            DialErrorKind::NoRoute
        );
        let shown = chain(&error).to_string();
        assert!(
            shown.ends_with(&format!(
                "the program's own stack cannot be built: {failure}"
            )),
            "{shown}"
        );
    }
    let session = scope.http();
    world.echo(&session, BINANCE).await.unwrap();
    assert_eq!(
        scope.resolve(Transport::Http).route().to_string(),
        config(&proxy).to_string()
    );
}
