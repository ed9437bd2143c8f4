//! New routes while something is waited for.

use std::time::Duration;

use feeds::{Channel, FeedEventKind};
use tokio::time::{Instant, sleep};
use transport::{DialErrorKind, Reload, WsError, WsErrorKind};

use crate::fake::{Dial, LISTED, Rig, Step, depth, dial_error, ok, snapshot, status, trade};

const HOUR: Duration = Duration::from_secs(3600);

/// What the other side asked to wait, and whether it did not matter any longer after a reload.
async fn dials_at_once(imposed: Option<Duration>, reload: Reload) -> bool {
    let mut error = dial_error(DialErrorKind::Authentication);
    if let Some(wait) = imposed {
        error = error.with_retry_after(wait);
    }
    let rig = Rig::new([ok(LISTED)], [Dial::Fail(error)]);
    let mut events = rig.start(Channel::Trades);
    events.disconnected().await;
    sleep(Duration::from_secs(5)).await;
    rig.routes.reload(reload);
    let start = Instant::now();
    sleep(imposed.unwrap_or(HOUR)).await;
    let dials = rig.dial_times();
    assert_eq!(dials.len(), 2);
    dials[1] == start
}

#[tokio::test(start_paused = true)]
async fn a_dial_that_waits_is_made_at_once_unless_the_same_route_was_told_to_wait() {
    assert!(dials_at_once(None, Reload::SameRoute).await);
    assert!(dials_at_once(None, Reload::OtherRoute).await);
    assert!(!dials_at_once(Some(HOUR), Reload::SameRoute).await);
    assert!(dials_at_once(Some(HOUR), Reload::OtherRoute).await);
}

#[tokio::test(start_paused = true)]
async fn the_list_of_instruments_is_asked_for_at_once_over_another_route() {
    let banned = status(418, "banned").with_retry_after("3600");
    let rig = Rig::new([banned, ok(LISTED)], [Dial::Open(vec![trade(1)])]);
    let mut events = rig.start(Channel::Trades);
    events.disconnected().await;
    rig.routes.reload(Reload::SameRoute);
    sleep(HOUR / 2).await;
    assert_eq!(rig.request_times().len(), 1);
    rig.routes.reload(Reload::OtherRoute);
    let start = Instant::now();
    events
        .find(|event| matches!(event, FeedEventKind::Trade(_)).then_some(()))
        .await;
    assert_eq!(rig.request_times()[1], start);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_is_asked_for_at_once_over_another_route() {
    let banned = status(429, "slow down").with_retry_after("3600");
    let rig = Rig::new([ok(LISTED)], [Dial::Open(vec![depth(1, 1, "8")])])
        .with_snapshots([banned, snapshot(0)])
        .with_silence_limit(HOUR * 2);
    let mut events = rig.start(Channel::L2Book);
    events
        .find(|event| matches!(event, FeedEventKind::SnapshotFailed { .. }).then_some(()))
        .await;
    sleep(Duration::from_secs(100)).await;
    rig.routes.reload(Reload::SameRoute);
    sleep(Duration::from_secs(100)).await;
    assert_eq!(rig.request_times().len(), 2);
    rig.routes.reload(Reload::OtherRoute);
    let start = Instant::now();
    events
        .find(|event| matches!(event, FeedEventKind::L2Snapshot(_)).then_some(()))
        .await;
    assert_eq!(rig.request_times()[2], start);
}

#[tokio::test(start_paused = true)]
async fn a_ban_of_the_old_route_does_not_bind_who_asks_later() {
    let banned = status(418, "banned").with_retry_after("3600");
    let script = vec![depth(1, 1, "8"), Step::Wait(10), Step::Break];
    let again = vec![depth(2, 2, "8")];
    let rig = Rig::new([ok(LISTED)], [Dial::Open(script), Dial::Open(again)])
        .with_snapshots([banned, snapshot(1)]);
    let mut events = rig.start(Channel::L2Book);
    // With the connection goes the snapshot that waits for the end of the ban.
    events.disconnected().await;
    rig.routes.reload(Reload::OtherRoute);
    let start = Instant::now();
    events
        .find(|event| matches!(event, FeedEventKind::L2Snapshot(_)).then_some(()))
        .await;
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_stream_whose_route_changed_is_opened_at_once_whatever_failed_before() {
    let refused = || Dial::Fail(dial_error(DialErrorKind::Refused));
    let moved = || Dial::Open(vec![trade(1), Step::Reroute]);
    let script = [refused(), refused(), refused(), moved(), moved()];
    let rig = Rig::new([ok(LISTED)], script);
    let mut events = rig.start(Channel::Trades);
    for _ in 0..3 {
        assert!(!events.disconnected().await.1.is_zero());
    }
    for _ in 0..2 {
        let (reason, retry_in, _) = events.disconnected().await;
        let error = WsError::new(WsErrorKind::RouteChanged, "x").to_string();
        assert!(reason.contains(&error), "{reason}");
        assert!(retry_in.is_zero());
    }
}
