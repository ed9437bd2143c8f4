//! The one trait that users implement.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Connection, DialError, Hop, Phase, Target};

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
    /// Connects to `target`: what an implementation does, and nobody calls but
    /// [`dial`](Self::dial).
    ///
    /// # Errors
    /// [`DialError`] names the hop and the phase that failed, and why.
    async fn connect(&self, target: &Target) -> Result<Connection, DialError>;

    /// Connects to `target`, and ends at its deadline even if [`connect`](Self::connect) does not
    /// respect that.
    ///
    /// # Cancellation
    /// Dropping the future closes what it has opened.
    ///
    /// # Errors
    /// What `connect` returns, or a timeout.
    async fn dial(&self, target: &Target) -> Result<Connection, DialError> {
        target
            .whole(self.connect(target))
            .await
            .unwrap_or_else(|elapsed| {
                let hop = Hop::Target(target.endpoint().clone());
                Err(DialError::timeout(hop, Phase::Tcp, elapsed))
            })
    }
}

#[async_trait]
impl<D: Dialer + ?Sized> Dialer for Arc<D> {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        (**self).connect(target).await
    }

    async fn dial(&self, target: &Target) -> Result<Connection, DialError> {
        (**self).dial(target).await
    }
}

#[async_trait]
impl<D: Dialer + ?Sized> Dialer for Box<D> {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        (**self).connect(target).await
    }

    async fn dial(&self, target: &Target) -> Result<Connection, DialError> {
        (**self).dial(target).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;
    use crate::DialErrorKind;

    #[tokio::test(start_paused = true)]
    async fn a_dialer_that_knows_no_limit_is_stopped_at_the_deadline() {
        struct Deaf;

        #[async_trait]
        impl Dialer for Deaf {
            async fn connect(&self, _target: &Target) -> Result<Connection, DialError> {
                std::future::pending().await
            }
        }

        let target = Target::parse("h", 1)
            .unwrap()
            .within(Duration::from_secs(10));
        let start = Instant::now();
        let error = Deaf.dial(&target).await.unwrap_err();
        assert_eq!(error.kind(), DialErrorKind::Timeout);
        assert_eq!(start.elapsed(), Duration::from_secs(10));
    }
}
