//! SOCKS version 5, by fast-socks5's server.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use fast_socks5::server::states::Authenticated;
use fast_socks5::server::{Socks5ServerProtocol, SocksServerError};
use fast_socks5::util::target_addr::TargetAddr;
use fast_socks5::{ReplyError, Socks5Command};
use http::HeaderMap;
use tokio::io::AsyncWriteExt;
use transport::{BoxError, Io};

use super::client::{Client, Refusal};
use super::egress::Unreached;
use super::record::{Authentication, TunnelTarget};
use super::socks4::low_byte;

type Negotiated<'a> = Socks5ServerProtocol<&'a mut Box<dyn Io>, Authenticated>;

//     client                      server                  by
//     05 01 00                    05 00                   accept_no_auth
//     05 02 00 02                 05 02                   accept_password_auth
//     01 04 user 04 pass          01 00
//     05 01 00 03 0d name port    -                       read_command
//                                 05 00 00 01 ip port     reply_success
//
// All of that may arrive in one segment: the library reads no more than it needs.
pub(super) async fn serve(mut stream: Box<dyn Io>, client: &Client) -> Result<(), BoxError> {
    let (protocol, command, target) = negotiate(&mut stream, client).await?.read_command().await?;
    if command != Socks5Command::TCPConnect {
        protocol
            .reply_error(&ReplyError::CommandNotSupported)
            .await?;
        return Ok(());
    }
    let target = match target {
        TargetAddr::Ip(address) => TunnelTarget::Address(address),
        TargetAddr::Domain(name, port) => TunnelTarget::Name(name, port),
    };
    match client.open(target, HeaderMap::new()).await {
        Ok(target) => {
            let bound = target
                .local_addr()
                .unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
            let stream = protocol.reply_success(bound).await?;
            client.relay(stream, target).await;
        }
        Err(Refusal::Hangup) => {}
        // Also codes that RFC 1928 leaves unassigned, which the library cannot write.
        Err(Refusal::Told { code, .. }) => {
            // VER, REP, RSV, ATYP 1, and the address 0.0.0.0:0.
            let reply = [5, low_byte(code), 0, 1, 0, 0, 0, 0, 0, 0];
            stream.write_all(&reply).await?;
        }
        Err(Refusal::Unreached(why)) => protocol.reply_error(&reply_code(&why)).await?,
    }
    Ok(())
}

/// The choice of a method and, where it asks for them, the check of user name and password.
async fn negotiate<'a>(
    stream: &'a mut Box<dyn Io>,
    client: &Client,
) -> Result<Negotiated<'a>, SocksServerError> {
    let Some(credentials) = client.credentials() else {
        client.record_authentication(Authentication::NotRequired);
        return Socks5ServerProtocol::accept_no_auth(stream).await;
    };
    let negotiated = Socks5ServerProtocol::accept_password_auth(stream, |user, password| {
        credentials.is(user.as_bytes(), password.as_bytes())
    })
    .await;
    // An error of the connection says nothing about the login.
    let outcome = match negotiated {
        Ok(_) => Some(Authentication::Accepted),
        Err(SocksServerError::AuthMethodUnacceptable(_)) => Some(Authentication::Missing),
        Err(SocksServerError::Io { .. }) => None,
        Err(_) => Some(Authentication::Wrong),
    };
    if let Some(outcome) = outcome {
        client.record_authentication(outcome);
    }
    negotiated.map(|(protocol, _)| protocol)
}

fn reply_code(why: &Unreached) -> ReplyError {
    match why {
        Unreached::UnknownHost => ReplyError::HostUnreachable,
        Unreached::Forbidden => ReplyError::ConnectionNotAllowed,
        Unreached::Io(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused => ReplyError::ConnectionRefused,
            io::ErrorKind::NetworkUnreachable => ReplyError::NetworkUnreachable,
            _ => ReplyError::GeneralFailure,
        },
    }
}
