//! Certificates that a client takes, and those it must not take.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use testkit::{MockProxy, ProxyKind, TestCa};

use crate::raw_client::{connect, tls};

/// TLS with a server that presents the certificate of `config`.
async fn handshake(ca: &TestCa, config: Arc<ServerConfig>, name: &str) -> io::Result<()> {
    let proxy = MockProxy::builder(ProxyKind::Https)
        .tls(config)
        .start()
        .await
        .unwrap();
    let stream = connect(proxy.address()).await?;
    tls(stream, ca, name).await.map(drop)
}

#[tokio::test]
async fn a_server_is_trusted_by_every_name_it_was_issued_for() {
    let ca = TestCa::new().unwrap();
    let config = ca
        .server_config(&["api.binance.test", "127.0.0.9"])
        .unwrap();
    for name in [
        "localhost",
        "127.0.0.1",
        "::1",
        "api.binance.test",
        "127.0.0.9",
    ] {
        handshake(&ca, Arc::clone(&config), name).await.unwrap();
    }
    let error = handshake(&ca, config, "other.test").await.unwrap_err();
    assert!(error.to_string().contains("not valid for name"), "{error}");
}

#[tokio::test]
async fn the_bad_certificates_are_bad_in_the_way_they_claim() {
    let ca = TestCa::new().unwrap();
    for (config, complaint) in [
        (ca.wrong_name_config(), "not valid for name"),
        (ca.expired_config(), "expired"),
        (ca.untrusted_config(), "UnknownIssuer"),
    ] {
        let error = handshake(&ca, config.unwrap(), "localhost")
            .await
            .unwrap_err();
        assert!(error.to_string().contains(complaint), "{error}");
    }
}

#[test]
fn the_certificate_is_written_as_pem() {
    let ca = TestCa::new().unwrap();
    let path = std::env::temp_dir().join(format!("testkit-ca-{}.pem", std::process::id()));
    ca.write_pem(&path).unwrap();
    let written = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(written, ca.pem());
    assert!(written.starts_with("-----BEGIN CERTIFICATE-----"));
    let nowhere = path.join("no-such-folder");
    let error = ca.write_pem(nowhere).unwrap_err().to_string();
    assert!(error.starts_with("write the certificate to "), "{error}");
}

#[test]
fn a_name_that_is_none_gets_no_certificate() {
    let ca = TestCa::new().unwrap();
    let error = ca.server_config(&["höst"]).unwrap_err();
    assert_eq!(error.to_string(), "issue a certificate");
}

#[tokio::test]
async fn an_authority_that_is_made_again_from_its_key_is_the_same() {
    let first = TestCa::new().unwrap();
    let second = TestCa::from_key_pem(&first.key_pem()).unwrap();
    let servers = [first.server_config(&[]), second.server_config(&[])];
    for (client, server) in [&second, &first].into_iter().zip(servers) {
        handshake(client, server.unwrap(), "localhost")
            .await
            .unwrap();
    }
    let other = TestCa::new().unwrap().server_config(&[]).unwrap();
    handshake(&first, other, "localhost").await.unwrap_err();
    let error = TestCa::from_key_pem(&first.pem()).unwrap_err();
    assert_eq!(error.to_string(), "issue a certificate");
    assert!(!format!("{first:?}").contains("PRIVATE KEY"));
}
