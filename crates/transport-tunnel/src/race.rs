//! Connecting to the fastest of several addresses (RFC 8305).

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::sleep;
use transport::DialErrorKind;

/// RFC 8305, section 5: the connection attempt delay that it recommends.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// One address that could not be connected to.
#[derive(Debug, thiserror::Error)]
#[error("{address}")]
struct AddressError {
    address: SocketAddr,
    source: io::Error,
}

/// Starts with the first address, and with a further one whenever an attempt fails or is slow.
/// The first connection wins; all others are dropped. Fails with the first failure that is not of
/// this machine, or else the first, and with `None` where there is no address at all.
pub(crate) async fn race<T, F>(
    addresses: Vec<SocketAddr>,
    connect: impl Fn(SocketAddr) -> F,
) -> Result<T, Option<io::Error>>
where
    F: Future<Output = io::Result<T>>,
{
    //     event                        next
    //     start                        try the first address
    //     250 ms without a result      try the next address beside those under way
    //     an attempt fails             try the next address at once
    //     an attempt connects          return; dropping the others closes their sockets
    //     all have failed              the failure that came first: without IPv6 here, that of IPv4
    let mut waiting = alternate_families(addresses).into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut failure = None;
    loop {
        if let Some(address) = waiting.next() {
            let attempt = connect(address);
            attempts.push(async move { (address, attempt.await) });
        }
        // The delay counts from the latest attempt: this is a new timer each time around.
        tokio::select! {
            finished = attempts.next() => match finished {
                Some((_, Ok(connected))) => return Ok(connected),
                Some((address, Err(source))) => {
                    // The kind stays on the outside, where the error of a dial takes its own from.
                    let kind = source.kind();
                    let is_local = DialErrorKind::from(&source) == DialErrorKind::Local;
                    let latest = || io::Error::new(kind, AddressError { address, source });
                    match &failure {
                        Some(first) if is_local || DialErrorKind::from(first) != DialErrorKind::Local => {}
                        _ => failure = Some(latest()),
                    }
                }
                // Nothing is under way, and nothing waits: while an address waits, the beginning of
                // the loop has put one under way.
                None => return Err(failure),
            },
            () = sleep(ATTEMPT_DELAY), if waiting.len() > 0 => {}
        }
    }
}

/// RFC 8305, section 4: the families take turns, beginning with that of the first address.
fn alternate_families(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    std::iter::from_fn(|| {
        // After each swap, `second` is the family whose turn it is. When it has no more, the other
        // one goes on alone.
        std::mem::swap(&mut first, &mut second);
        second.next().or_else(|| first.next())
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn families_take_turns() {
        let list = ["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"]
            .map(address)
            .to_vec();
        let order = alternate_families(list);
        assert_eq!(
            order,
            ["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"].map(address)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_address_delays_the_next_by_250_ms_only() {
        let start = Instant::now();
        let won = race(
            vec![address("[::1]:1"), address("127.0.0.1:1")],
            |tried| async move {
                if tried.is_ipv6() {
                    std::future::pending::<()>().await;
                }
                Ok(tried)
            },
        )
        .await;
        assert_eq!(won.unwrap(), address("127.0.0.1:1"));
        assert_eq!(start.elapsed(), Duration::from_millis(250));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_starts_the_next_at_once_and_the_first_failure_is_reported() {
        let start = Instant::now();
        let lost = race(
            vec![address("127.0.0.1:1"), address("127.0.0.2:1")],
            |tried| async move { Err::<(), _>(io::Error::other(tried.to_string())) },
        )
        .await;
        assert_eq!(lost.unwrap_err().unwrap().to_string(), "127.0.0.1:1");
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_family_that_is_missing_here_does_not_hide_the_failure_of_the_other() {
        let addresses = ["[::1]:1", "127.0.0.1:1", "[::2]:1"].map(address).to_vec();
        let lost = race(addresses, |tried| async move {
            Err::<(), _>(io::Error::from(match tried.is_ipv6() {
                true => io::ErrorKind::AddrNotAvailable,
                false => io::ErrorKind::ConnectionRefused,
            }))
        })
        .await;
        let failure = lost.unwrap_err().unwrap();
        assert_eq!(failure.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(failure.to_string(), "127.0.0.1:1");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_winner_beats_a_silent_crowd_and_the_losers_are_dropped() {
        let live = std::sync::Arc::new(());
        let addresses = (1..=5)
            .map(|last| SocketAddr::from(([192, 0, 2, last], 1)))
            .collect();
        let start = Instant::now();
        let won = race(addresses, |tried| {
            let live = std::sync::Arc::clone(&live);
            async move {
                let _live = live;
                // The second answers, but only after all others were tried too.
                if tried == address("192.0.2.2:1") {
                    sleep(Duration::from_secs(2)).await;
                } else {
                    std::future::pending::<()>().await;
                }
                Ok(tried)
            }
        })
        .await;
        assert_eq!(won.unwrap(), address("192.0.2.2:1"));
        assert_eq!(start.elapsed(), ATTEMPT_DELAY + Duration::from_secs(2));
        assert_eq!(std::sync::Arc::strong_count(&live), 1);
    }

    #[tokio::test]
    async fn no_address_is_no_error_of_the_network() {
        let lost = race(Vec::new(), |_| async { Ok(()) }).await;
        assert!(lost.unwrap_err().is_none());
    }
}
