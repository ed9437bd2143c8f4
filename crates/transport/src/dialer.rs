//! The one trait that users implement.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Connection, DialError, Target};

/// Makes byte streams.
///
/// A dialer either connects to the target itself or wraps another dialer and adds something to its
/// connections: a tunnel, TLS, a log line. A chain of proxies is nesting.
///
/// Implementations fail closed: one that cannot take the way it stands for returns an error and
/// never takes another way. They stop when the returned future is dropped, and close their socket
/// then. They respect the time budget of the [`Target`] by running each step through
/// [`Target::phase`].
///
/// A dialer that hands the [`Target`] on as it is hands on its
/// [first flight](Target::with_first_flight) too. One that changes the bytes of the connections,
/// as TLS does, must ask for another target or give this one a first flight of its own.
///
/// A dialer that logs in somewhere adds the login to the [secrets](crate::Secrets) of its
/// [connections](crate::ConnectionInfo::add_secrets) and, if it wraps another one, of the
/// [target](Target::with_secrets) that it asks for. It quotes nobody with either.
#[async_trait]
pub trait Dialer: Send + Sync {
    /// Connects to `target`.
    ///
    /// # Errors
    /// [`DialError`] names the hop and the phase that failed, and why.
    async fn dial(&self, target: &Target) -> Result<Connection, DialError>;
}

#[async_trait]
impl<D: Dialer + ?Sized> Dialer for Arc<D> {
    async fn dial(&self, target: &Target) -> Result<Connection, DialError> {
        (**self).dial(target).await
    }
}

#[async_trait]
impl<D: Dialer + ?Sized> Dialer for Box<D> {
    async fn dial(&self, target: &Target) -> Result<Connection, DialError> {
        (**self).dial(target).await
    }
}
