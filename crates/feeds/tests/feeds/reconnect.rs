//! What ends a connection, and when the next one is made.

use std::time::Duration;

use bytes::Bytes;
use feeds::{Channel, FeedEventKind, TradeId};
use tokio::time::Instant;
use transport::{DialErrorKind, Message};

use crate::fake::{Dial, LISTED, Rig, Step, dial_error, ok, say, trade};

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[tokio::test(start_paused = true)]
async fn delays_between_dials_grow_with_jitter_up_to_a_minute_and_are_kept() {
    let refuse = |_| Dial::Fail(dial_error(DialErrorKind::Refused));
    let rig = Rig::new([ok(LISTED)], (0..15).map(refuse).collect::<Vec<_>>());
    let mut events = rig.start(Channel::Trades);
    let mut delays = Vec::new();
    for attempt in 1..=15_i32 {
        let (reason, retry_in, counted) = events.disconnected().await;
        assert_eq!(
            reason,
            "failed to connect to exchange.example:443: connection refused"
        );
        assert_eq!(i64::from(counted), i64::from(attempt));
        let base = (0.2 * 1.5_f64.powi(attempt - 1)).min(30.0);
        assert!(
            (base * 0.999..=2.001 * base).contains(&retry_in.as_secs_f64()),
            "{attempt}: {retry_in:?}"
        );
        delays.push(retry_in);
    }
    assert!(events.are_over_for(61).await);
    let dials = rig.dial_times();
    assert_eq!(dials.len(), 16);
    for (pair, delay) in dials.windows(2).zip(delays) {
        let waited = pair[1] - pair[0];
        // The clock of the runtime ticks in milliseconds.
        assert!(waited >= delay && waited <= delay + Duration::from_millis(2));
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_succeed_by_itself_is_tried_once_a_minute() {
    let fail = |kind| Dial::Fail(dial_error(kind));
    let script = [
        fail(DialErrorKind::Authentication),
        fail(DialErrorKind::Certificate),
        fail(DialErrorKind::NoRoute),
    ];
    let rig = Rig::new([ok(LISTED)], script);
    let mut events = rig.start(Channel::Trades);
    for _ in 0..3 {
        assert_eq!(events.disconnected().await.1, seconds(60));
    }
}

#[tokio::test(start_paused = true)]
async fn a_dial_that_is_told_to_wait_waits() {
    let told = dial_error(DialErrorKind::Rejected).with_retry_after(seconds(300));
    let rig = Rig::new([ok(LISTED)], [Dial::Fail(told)]);
    let mut events = rig.start(Channel::Trades);
    assert_eq!(events.disconnected().await.1, seconds(300));
}

#[tokio::test(start_paused = true)]
async fn an_open_connection_ends_the_series_of_dials_and_one_that_lasts_that_of_short_ones() {
    let refuse = || Dial::Fail(dial_error(DialErrorKind::Refused));
    let open = |lasts| Dial::Open(vec![Step::Wait(lasts), Step::Break]);
    let script = [
        refuse(),
        refuse(),
        open(9),
        open(9),
        refuse(),
        open(10),
        open(9),
    ];
    let rig = Rig::new([ok(LISTED)], script);
    let mut events = rig.start(Channel::Trades);
    let mut attempts = Vec::new();
    for (least, most) in [
        (0.2, 0.4),
        (0.3, 0.6),
        (1.0, 2.0),
        (2.0, 4.0),
        (0.2, 0.4),
        (0.0, 0.0),
        (1.0, 2.0),
    ] {
        let (reason, retry_in, attempt) = events.disconnected().await;
        let retry_in = retry_in.as_secs_f64();
        assert!((least..=most).contains(&retry_in), "{reason}: {retry_in}");
        attempts.push(attempt);
    }
    assert_eq!(attempts, [1, 2, 1, 2, 3, 1, 2]);
}

/// The network is gone for a second, again and again, while the exchange is in order.
#[tokio::test(start_paused = true)]
async fn each_of_ten_cuts_of_a_second_costs_less_than_two() {
    let start = Instant::now();
    let script = (0..100).map(|_| Dial::Cut(seconds(12), seconds(1)));
    let rig = Rig::new([ok(LISTED)], script.collect::<Vec<_>>());
    let mut events = rig.start(Channel::Trades);
    let mut lost_at = None;
    let mut outages = Vec::new();
    while outages.len() < 10 {
        match events.next().await {
            FeedEventKind::Connected { .. } => {
                outages.extend(lost_at.take().map(|at: Instant| at.elapsed()));
            }
            FeedEventKind::Disconnected { .. } => {
                lost_at.get_or_insert_with(Instant::now);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(
        outages.iter().all(|outage| *outage < seconds(2)),
        "{outages:?}"
    );
    assert!(start.elapsed() < seconds(140));
}

#[tokio::test(start_paused = true)]
async fn silence_ends_a_connection_and_pings_break_it() {
    let ping = || Step::Send(Message::Ping(Bytes::new()));
    let script = vec![Step::Wait(80), ping(), Step::Wait(80), ping()];
    let rig = Rig::new([ok(LISTED)], [Dial::Open(script)]);
    let mut events = rig.start(Channel::Trades);
    assert!(matches!(
        events.next().await,
        FeedEventKind::Connected { .. }
    ));
    assert_eq!(
        events.disconnected().await.0,
        "stream.binance.com:9443: nothing received for 90s"
    );
    let silent_since = rig.dial_times()[0] + seconds(160);
    assert_eq!(silent_since.elapsed().as_secs(), 90);
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_silence_can_be_set() {
    let rig = Rig::new([ok(LISTED)], [Dial::Open(vec![])]).with_silence_limit(seconds(7));
    let mut events = rig.start(Channel::Trades);
    assert_eq!(
        events.disconnected().await.0,
        "stream.binance.com:9443: nothing received for 7s"
    );

    let rig = Rig::new([ok(LISTED)], [Dial::Open(vec![])]).with_silence_limit(Duration::MAX);
    let mut events = rig.start(Channel::Trades);
    assert!(matches!(
        events.next().await,
        FeedEventKind::Connected { .. }
    ));
    assert!(events.are_over_for(1_000_000).await);
}

#[tokio::test(start_paused = true)]
async fn an_announced_shutdown_is_followed_by_a_new_connection_at_once() {
    let shutdown =
        || say(r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}"#);
    let rig = Rig::new(
        [ok(LISTED)],
        [
            Dial::Open(vec![trade(1), Step::Wait(80_000), shutdown()]),
            Dial::Open(vec![shutdown()]),
            Dial::Open(vec![shutdown()]),
            Dial::Open(vec![]),
        ],
    )
    .with_silence_limit(seconds(100_000));
    let mut events = rig.start(Channel::Trades);
    let is_announced = |event| matches!(event, FeedEventKind::ShutdownAnnounced).then_some(());
    events.find(is_announced).await;
    for replaced in 1..=3 {
        let connected = events.find(|event| match event {
            FeedEventKind::Connected { replaces, .. } => Some(replaces),
            _ => None,
        });
        assert_eq!(connected.await, Some(replaced));
    }
    let dials = rig.dial_times();
    assert!(dials[1] - dials[0] <= seconds(80_000) + Duration::from_millis(2));
    assert!(dials[2] - dials[1] >= seconds(3), "no endless loop");
    assert!(dials[3] - dials[2] >= seconds(4), "no endless loop");
}

#[tokio::test(start_paused = true)]
async fn a_close_is_told_with_its_code_and_reason() {
    let close = |frame: Option<(u16, &str)>| {
        let frame = frame.map(|(code, reason)| (code, reason.to_owned()));
        Dial::Open(vec![Step::Send(Message::Close(frame))])
    };
    let script = [
        close(Some((1008, "Too many requests"))),
        close(Some((1001, ""))),
        close(None),
        Dial::Open(vec![Step::End]),
    ];
    let rig = Rig::new([ok(LISTED)], script);
    let mut events = rig.start(Channel::Trades);
    for reason in [
        "stream.binance.com:9443: closed by the exchange: 1008 Too many requests",
        "stream.binance.com:9443: closed by the exchange: 1001",
        "stream.binance.com:9443: closed by the exchange without a code",
        "stream.binance.com:9443: the connection ended without a close frame",
    ] {
        assert_eq!(events.disconnected().await.0, reason);
    }
}

#[tokio::test(start_paused = true)]
async fn no_trade_comes_twice_and_every_connection_asks_for_everything() {
    let rig = Rig::new(
        [ok(LISTED)],
        [
            Dial::Open(vec![trade(0), trade(1), trade(2), trade(2), Step::Break]),
            Dial::Open(vec![trade(1), trade(2), trade(3), trade(5)]),
        ],
    );
    let mut events = rig.start(Channel::Trades);
    let mut ids = Vec::new();
    while ids.len() < 5 {
        if let FeedEventKind::Trade(trade) = events.next().await {
            ids.push(trade.id.unwrap());
        }
    }
    assert_eq!(ids, [0, 1, 2, 3, 5].map(TradeId::Number));
    let dials = rig.ws.dials.lock().unwrap();
    assert_eq!(dials.len(), 2);
    assert_eq!(dials[0].1.uri(), dials[1].1.uri());
    assert_eq!(
        rig.http.requests.lock().unwrap().len(),
        1,
        "instruments are loaded once"
    );
}
