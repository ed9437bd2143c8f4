//! A client that speaks to proxies and servers with bare hands.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use testkit::{MockProxy, ProxyKind, TestCa};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use transport::Io;

pub(crate) type Stream = BufReader<Box<dyn Io>>;

/// What must not take for ever.
pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), future)
        .await
        .expect("took too long")
}

#[expect(clippy::disallowed_methods, reason = "the raw peer of a test")]
pub(crate) async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    TcpStream::connect(address).await
}

pub(crate) fn client_config(ca: &TestCa) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(ca.certificate_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Arc::new(
        ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth(),
    )
}

pub(crate) async fn tls(
    stream: impl Io + 'static,
    ca: &TestCa,
    name: &str,
) -> io::Result<Box<dyn Io>> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let connector = TlsConnector::from(client_config(ca));
    Ok(Box::new(connector.connect(name, stream).await?))
}

/// Asks `proxy` for a tunnel to `host`. The error says what the proxy answered.
pub(crate) async fn tunnel(
    proxy: &MockProxy,
    ca: &TestCa,
    (host, port): (&str, u16),
    credentials: Option<(&str, &str)>,
) -> io::Result<Stream> {
    let stream = connect(proxy.address()).await?;
    let stream: Box<dyn Io> = match proxy.kind() {
        ProxyKind::Https => tls(stream, ca, "localhost").await?,
        _ => Box::new(stream),
    };
    let mut stream = BufReader::new(stream);
    match proxy.kind() {
        ProxyKind::Http | ProxyKind::Https => {
            http_connect(&mut stream, host, port, credentials).await
        }
        ProxyKind::Socks4 | ProxyKind::Socks4a => {
            socks4(&mut stream, host, port, credentials).await
        }
        ProxyKind::Socks5 | ProxyKind::Socks5h => {
            socks5(&mut stream, host, port, credentials).await
        }
    }?;
    Ok(stream)
}

async fn http_connect(
    stream: &mut Stream,
    host: &str,
    port: u16,
    credentials: Option<(&str, &str)>,
) -> io::Result<()> {
    let authorization = credentials.map_or_else(String::new, |(user, password)| {
        let token = BASE64_STANDARD.encode(format!("{user}:{password}"));
        format!("Proxy-Authorization: Basic {token}\r\n")
    });
    let request =
        format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n{authorization}\r\n");
    stream.write_all(request.as_bytes()).await?;
    let head = read_head(stream).await?;
    if head.split(' ').nth(1) == Some("200") {
        Ok(())
    } else {
        Err(io::Error::other(head))
    }
}

/// A response up to its empty line.
pub(crate) async fn read_head(stream: &mut Stream) -> io::Result<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}

async fn socks4(
    stream: &mut Stream,
    host: &str,
    port: u16,
    credentials: Option<(&str, &str)>,
) -> io::Result<()> {
    let user = credentials.map_or("", |(user, _)| user);
    // VN, CD, DSTPORT, DSTIP, USERID, NUL; with a name behind it, if DSTIP is 0.0.0.1. Written
    // apart from the client's codec, for the two must not share a mistake.
    let mut request = vec![4, 1];
    request.extend(port.to_be_bytes());
    match host.parse() {
        Ok(IpAddr::V4(ip)) => request.extend(ip.octets()),
        _ => request.extend([0, 0, 0, 1]),
    }
    request.extend([user.as_bytes(), &[0]].concat());
    if host.parse::<IpAddr>().is_err() {
        request.extend([host.as_bytes(), &[0]].concat());
    }
    stream.write_all(&request).await?;
    let mut reply = [0; 8];
    stream.read_exact(&mut reply).await?;
    if reply[1] == 90 {
        Ok(())
    } else {
        Err(io::Error::other(reply[1].to_string()))
    }
}

async fn socks5(
    stream: &mut Stream,
    host: &str,
    port: u16,
    credentials: Option<(&str, &str)>,
) -> io::Result<()> {
    // One method alone, so that the mock's choice is known: RFC 1928, sections 3 to 6, and RFC
    // 1929.
    let method = if credentials.is_some() { 2 } else { 0 };
    stream.write_all(&[5, 1, method]).await?;
    let mut chosen = [0; 2];
    stream.read_exact(&mut chosen).await?;
    if chosen[1] != method {
        return Err(io::Error::other("no method"));
    }
    if let Some((user, password)) = credentials {
        let mut login = vec![1, user.len() as u8];
        login.extend(user.as_bytes());
        login.push(password.len() as u8);
        login.extend(password.as_bytes());
        stream.write_all(&login).await?;
        let mut verdict = [0; 2];
        stream.read_exact(&mut verdict).await?;
        if verdict[1] != 0 {
            return Err(io::Error::other("wrong password"));
        }
    }
    let mut request = vec![5, 1, 0];
    match host.parse() {
        Ok(IpAddr::V4(ip)) => request.extend([&[1], ip.octets().as_slice()].concat()),
        Ok(IpAddr::V6(ip)) => request.extend([&[4], ip.octets().as_slice()].concat()),
        Err(_) => request.extend([&[3, host.len() as u8], host.as_bytes()].concat()),
    }
    request.extend(port.to_be_bytes());
    stream.write_all(&request).await?;
    // The targets of these tests are on IPv4, so the bound address has four bytes.
    let mut reply = [0; 10];
    stream.read_exact(&mut reply).await?;
    if reply[1] == 0 {
        Ok(())
    } else {
        Err(io::Error::other(reply[1].to_string()))
    }
}
