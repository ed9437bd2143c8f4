//! What ends a connection, and when the next one is made.

use std::time::Duration;

use bytes::Bytes;
use feeds::{Channel, FeedEventKind, TradeId};
use transport::{DialErrorKind, Message};

use crate::fake::{Dial, LISTED, Rig, Step, dial_error, ok, say, trade};

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[tokio::test(start_paused = true)]
async fn delays_double_with_jitter_up_to_a_minute_and_are_kept() {
    let refuse = |_| Dial::Fail(dial_error(DialErrorKind::Refused));
    let rig = Rig::new([ok(LISTED)], (0..9).map(refuse).collect::<Vec<_>>());
    let mut events = rig.start(Channel::Trades);
    let mut delays = Vec::new();
    for attempt in 1..=9_u32 {
        let (reason, retry_in, counted) = events.disconnected().await;
        assert_eq!(
            reason,
            "failed to connect to exchange.example:443: connection refused"
        );
        assert_eq!(counted, attempt);
        let base = seconds(1 << (attempt - 1).min(5)).min(seconds(30));
        assert!(
            (base..=2 * base).contains(&retry_in),
            "{attempt}: {retry_in:?}"
        );
        delays.push(retry_in);
    }
    assert!(events.are_over_for(61).await);
    let dials = rig.dial_times();
    assert_eq!(dials.len(), 10);
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
async fn a_connection_that_lasted_ends_the_series_of_failures() {
    let refuse = || Dial::Fail(dial_error(DialErrorKind::Refused));
    let rig = Rig::new(
        [ok(LISTED)],
        [
            refuse(),
            refuse(),
            Dial::Open(vec![trade(1), Step::Wait(5), trade(2), Step::Break]),
            Dial::Open(vec![trade(3), Step::Wait(40), trade(4), Step::Break]),
        ],
    );
    let mut events = rig.start(Channel::Trades);
    assert_eq!(events.disconnected().await.2, 1);
    assert_eq!(events.disconnected().await.2, 2);
    assert_eq!(events.disconnected().await.2, 3, "5 seconds are not enough");
    let (reason, retry_in, attempt) = events.disconnected().await;
    assert_eq!(
        reason,
        "stream.binance.com:9443: failed to keep the websocket open: the connection broke: reset by peer"
    );
    assert_eq!(attempt, 1, "40 seconds are");
    assert!(retry_in <= seconds(2));
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
            Dial::Open(vec![trade(1), Step::Wait(86_400), shutdown()]),
            Dial::Open(vec![shutdown()]),
        ],
    )
    .with_silence_limit(seconds(100_000));
    let mut events = rig.start(Channel::Trades);
    let is_announced = |event| matches!(event, FeedEventKind::ShutdownAnnounced).then_some(());
    events.find(is_announced).await;
    let (reason, retry_in, _) = events.disconnected().await;
    assert_eq!(
        reason,
        "stream.binance.com:9443: the exchange announced a shutdown"
    );
    assert_eq!(retry_in, Duration::ZERO);
    let (_, retry_in, attempt) = events.disconnected().await;
    assert!(retry_in >= seconds(1), "no endless loop");
    assert_eq!(attempt, 2);
    let dials = rig.dial_times();
    assert!(dials[1] - dials[0] <= seconds(86_400) + Duration::from_millis(2));
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
