//! Looking up names on this side.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::net::TcpSocket;
use transport::{Connection, DialError, DialErrorKind, Endpoint, Hop, Phase, Target};

/// Turns names into addresses.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// All addresses of `name`, the preferred ones first.
    ///
    /// # Errors
    /// An [`io::Error`] if the name does not exist or the name server cannot be asked.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

#[async_trait]
impl<R: Resolver + ?Sized> Resolver for Arc<R> {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        (**self).resolve(name).await
    }
}

/// The operating system's resolver, asked on a thread of its own.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        // getaddrinfo on a thread for blocking calls. It sorts by RFC 6724 and knows the hosts
        // file. The port does not matter for a look-up.
        match tokio::net::lookup_host((name, 0)).await {
            Ok(addresses) => Ok(addresses.map(|address| address.ip()).collect()),
            Err(error) => Err(local_cause().unwrap_or(error)),
        }
    }
}

/// Why this machine can open no socket now, if it cannot.
// getaddrinfo needs a socket as well. Without one, it says that the name server does not answer.
fn local_cause() -> Option<io::Error> {
    let error = TcpSocket::new_v4().err()?;
    (DialErrorKind::from(&error) == DialErrorKind::Local).then_some(error)
}

/// The addresses of the target's name; there may be none.
pub(crate) async fn local_addresses(
    resolver: &impl Resolver,
    name: &str,
    target: &Target,
) -> Result<Vec<IpAddr>, DialError> {
    target
        .phase(resolver.resolve(name))
        .await
        .map_err(|elapsed| {
            DialError::timeout(Hop::Target(target.endpoint().clone()), Phase::Dns, elapsed)
        })?
        .map_err(|error| unresolved(target, error))
}

/// The target's name exists but has no address.
pub(crate) fn no_address(target: &Target) -> DialError {
    unresolved(target, io::Error::other("the name has no address"))
}

fn unresolved(target: &Target, error: io::Error) -> DialError {
    let hop = Hop::Target(target.endpoint().clone());
    let kind = match DialErrorKind::from(&error) {
        DialErrorKind::Local => DialErrorKind::Local,
        _ => DialErrorKind::NameResolution,
    };
    DialError::new(hop, Phase::Dns, kind).with_source(error)
}

/// Opens a tunnel to the first address that `proxy` can reach, or fails as the first attempt did.
/// Only a proxy that declines one address is asked for the next.
pub(crate) async fn try_each<A, F>(
    proxy: &Endpoint,
    addresses: impl IntoIterator<Item = A>,
    open: impl Fn(A) -> F,
    no_address: impl FnOnce() -> DialError,
) -> Result<Connection, DialError>
where
    F: Future<Output = Result<Connection, DialError>>,
{
    let mut declined = None;
    for address in addresses {
        // A proxy without IPv6 declines with 8 (address type not supported) or with a failure of
        // its own; the next address may be IPv4. Every other error, such as a wrong login or a
        // time-out, would come again.
        match open(address).await {
            Err(error)
                if error.kind() == DialErrorKind::Rejected && error.hop().endpoint() == proxy =>
            {
                declined.get_or_insert(error);
            }
            outcome => return outcome,
        }
    }
    Err(declined.unwrap_or_else(no_address))
}
