//! Waiting.

use std::future::pending;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, sleep_until};
use transport::{Reload, Reloads};

/// Waits for `delay`, of which the other side asked for `imposed`, unless a reload comes first: it
/// may have mended what failed, so only what was imposed is still waited for, and not even that
/// where there is another route. Returns whether there is one.
pub(super) async fn wait(delay: Duration, imposed: Duration, reloads: &mut Reloads) -> bool {
    //     reload        what the other side imposed    the rest of the delay
    //     SameRoute     still waited for               over: what failed may be mended
    //     OtherRoute    over: it was the old route's   over
    let start = Instant::now();
    let mut end = start + delay;
    loop {
        tokio::select! {
            () = sleep_until(end) => return false,
            Some(reload) = reloads.next() => match reload {
                Reload::OtherRoute => return true,
                Reload::SameRoute => end = end.min(start + imposed),
            },
        }
    }
}

/// Waits until `end`, if there is one.
pub(super) async fn reached(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// How long is waited if these reloads come one second apart.
    async fn waited(imposed: Duration, reloads: Vec<Reload>) -> (Duration, bool) {
        let mut reloads: Reloads = Box::pin(stream::iter(reloads).then(|reload| async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            reload
        }));
        let start = Instant::now();
        let is_other = wait(MINUTE, imposed, &mut reloads).await;
        (start.elapsed(), is_other)
    }

    #[tokio::test(start_paused = true)]
    async fn a_reload_ends_a_wait_but_not_one_that_was_imposed_on_the_same_route() {
        use Reload::{OtherRoute, SameRoute};
        let second = Duration::from_secs(1);
        let none = Duration::ZERO;
        assert_eq!(waited(none, vec![]).await, (MINUTE, false));
        assert_eq!(waited(none, vec![SameRoute]).await, (second, false));
        assert_eq!(waited(none, vec![OtherRoute]).await, (second, true));
        assert_eq!(waited(MINUTE, vec![SameRoute]).await, (MINUTE, false));
        assert_eq!(
            waited(MINUTE / 2, vec![SameRoute]).await,
            (MINUTE / 2, false)
        );
        assert_eq!(
            waited(MINUTE, vec![SameRoute, OtherRoute]).await,
            (second * 2, true)
        );
    }
}
