//! Forwards bytes as fast as a proxy can, with large buffers and without delay: as a SOCKS5 proxy,
//! or unseen.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional_with_sizes};
use tokio::net::{TcpListener, TcpStream};

use crate::error::Result;

const BUFFER: usize = 128 * 1024;

/// Serves every connection until the client leaves it, which is not told: it is how they all end.
pub(crate) async fn accept<F>(listener: TcpListener, serve: impl Fn(TcpStream) -> F)
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    while let Ok((stream, _)) = listener.accept().await {
        if stream.set_nodelay(true).is_ok() {
            tokio::spawn(serve(stream));
        }
    }
}

/// Serves one client, who asks for an IPv4 address and has no password (RFC 1928).
pub(crate) async fn socks5(mut client: TcpStream) -> Result<()> {
    let [version, methods] = read(&mut client).await?;
    let mut offered = vec![0; methods.into()];
    client.read_exact(&mut offered).await?;
    if version != 5 || !offered.contains(&0) {
        return Err("not a SOCKS5 client without a password".into());
    }
    client.write_all(&[5, 0]).await?;

    let [_, command, _, kind] = read(&mut client).await?;
    if (command, kind) != (1, 1) {
        return Err("only CONNECT to an IPv4 address".into());
    }
    let address: [u8; 4] = read(&mut client).await?;
    let port: [u8; 2] = read(&mut client).await?;
    let target = SocketAddr::from((Ipv4Addr::from(address), u16::from_be_bytes(port)));
    let server = connect(target).await?;
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    relay(client, server).await
}

/// Forwards what `client` says to `target`, and back.
pub(crate) async fn forward(client: TcpStream, target: SocketAddr) -> Result<()> {
    relay(client, connect(target).await?).await
}

async fn connect(target: SocketAddr) -> Result<TcpStream> {
    if !target.ip().is_loopback() {
        return Err("only to this machine".into());
    }
    #[expect(clippy::disallowed_methods, reason = "this is the proxy")]
    let server = TcpStream::connect(target).await?;
    server.set_nodelay(true)?;
    Ok(server)
}

async fn relay(mut client: TcpStream, mut server: TcpStream) -> Result<()> {
    copy_bidirectional_with_sizes(&mut client, &mut server, 4096, BUFFER).await?;
    Ok(())
}

async fn read<const N: usize>(client: &mut TcpStream) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    client.read_exact(&mut bytes).await?;
    Ok(bytes)
}
