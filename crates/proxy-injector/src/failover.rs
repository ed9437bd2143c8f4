//! Making connections the way that was decided, through another member of a pool if one fails.

use std::error::Error;
use std::time::Duration;

use tokio::time::Instant;
use transport::{DialError, chain};

use crate::decision::{Choice, Decision, Way};
use crate::mechanism::Mechanism;
use crate::pool::Lease;

/// How a connection has been made.
pub(crate) struct Taken {
    pub(crate) way: Way,
    pub(crate) lease: Option<Lease>,
}

/// Makes a connection by `attempt`, which gets the way to take and, if there may be several
/// attempts, the time that is left for them.
///
/// A proxy of a pool is at fault if the failure happened with it, whatever it was. Then the next
/// one is tried.
pub(crate) async fn connect<T, E: Error + 'static, F: Future<Output = Result<T, E>>>(
    mechanism: &Mechanism,
    decision: &Decision,
    mut attempt: impl FnMut(Way, Option<Duration>) -> F,
) -> Result<(T, Taken), E> {
    let config = match &decision.choice {
        Choice::Among(config) => config,
        Choice::Of(way) => return alone(way.clone(), attempt).await,
    };
    let deadline = Instant::now() + config.timeout();
    let mut last_failure = None;
    for lease in mechanism.pool(config).attempts() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        let way = Way::Proxy(lease.proxy().clone());
        match attempt(way.clone(), Some(left)).await {
            Ok(made) => {
                lease.mark_healthy();
                let lease = Some(lease);
                return Ok((made, Taken { way, lease }));
            }
            Err(error) if is_with_proxy(&error) => {
                lease.mark_unhealthy();
                let proxy = lease.proxy().url().endpoint();
                tracing::warn!(%proxy, error = %chain(&error), "a proxy of the pool failed");
                last_failure = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    match last_failure {
        Some(error) => Err(error),
        None => alone(Way::Refused, attempt).await,
    }
}

async fn alone<T, E, F: Future<Output = Result<T, E>>>(
    way: Way,
    mut attempt: impl FnMut(Way, Option<Duration>) -> F,
) -> Result<(T, Taken), E> {
    let made = attempt(way.clone(), None).await?;
    Ok((made, Taken { way, lease: None }))
}

fn is_with_proxy(error: &(dyn Error + 'static)) -> bool {
    DialError::find(error).is_some_and(|failure| failure.hop().is_proxy())
}
