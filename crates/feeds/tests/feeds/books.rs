//! Order books over a session: snapshots, gaps, reconnects.

use std::sync::atomic::Ordering;
use std::time::Duration;

use feeds::{Binance, Channel, FeedEventKind, InvalidReason, QueueLimits, event_queue};
use tokio::time::{Instant, sleep};

use crate::fake::{Answer, Dial, Events, LISTED, Rig, Step, depth, ok, snapshot, status};

/// The next events, in a word or two each.
async fn told(events: &mut Events, count: usize) -> Vec<String> {
    let mut told = Vec::new();
    while told.len() < count {
        told.push(match events.next().await {
            FeedEventKind::Connected { .. } => "connected".to_owned(),
            FeedEventKind::Disconnected { .. } => "disconnected".to_owned(),
            FeedEventKind::L2Snapshot(snapshot) => {
                format!("snapshot {}", snapshot.last_id.unwrap())
            }
            FeedEventKind::L2Delta(delta) => {
                format!(
                    "delta {}-{}",
                    delta.first_id.unwrap(),
                    delta.last_id.unwrap()
                )
            }
            FeedEventKind::BookInvalid { reason, .. } => match reason {
                InvalidReason::Gap { expected, received } => format!("gap {expected} {received}"),
                InvalidReason::Crossed { bid, ask } => format!("crossed {bid} {ask}"),
                InvalidReason::Disconnected => "invalid".to_owned(),
                _ => panic!("a new reason"),
            },
            FeedEventKind::SnapshotFailed { .. } => "failed".to_owned(),
            FeedEventKind::Blocked { status, .. } => format!("blocked {status}"),
            other => panic!("{other:?}"),
        });
    }
    told
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_comes_first_and_the_deltas_that_it_holds_do_not_come() {
    let script = vec![
        depth(1, 3, "8"),
        depth(4, 6, "8"),
        Step::Wait(2),
        depth(7, 7, "8"),
    ];
    let rig = Rig::new([ok(LISTED)], [Dial::Open(script)]).with_snapshots([snapshot(5).after(1)]);
    let mut events = rig.start(Channel::L2Book);
    assert_eq!(
        told(&mut events, 4).await,
        ["connected", "snapshot 5", "delta 4-6", "delta 7-7"]
    );
    let requests = rig.http.requests.lock().unwrap();
    assert_eq!(
        requests[1].1,
        "https://api.binance.com/api/v3/depth?symbol=BTCUSDT&limit=100"
    );
}

#[tokio::test(start_paused = true)]
async fn a_quiet_market_has_a_book_as_soon_as_its_snapshot_is_there() {
    let script = vec![Step::Wait(40), depth(7, 7, "8")];
    let rig = Rig::new([ok(LISTED)], [Dial::Open(script)]).with_snapshots([snapshot(6).after(1)]);
    let began_at = Instant::now();
    let mut events = rig.start(Channel::L2Book);
    assert_eq!(told(&mut events, 2).await, ["connected", "snapshot 6"]);
    assert_eq!(began_at.elapsed(), Duration::from_secs(1));
    assert_eq!(told(&mut events, 1).await, ["delta 7-7"]);
    assert_eq!(rig.request_times().len(), 2, "one list, one snapshot");
}

#[tokio::test(start_paused = true)]
async fn a_gap_makes_the_book_invalid_and_brings_a_new_snapshot_at_once_but_only_once() {
    let script = vec![
        depth(1, 3, "8"),
        Step::Wait(1),
        depth(4, 4, "8"),
        depth(6, 6, "8"),
        Step::Wait(1),
        depth(7, 7, "8"),
        depth(9, 9, "8"),
        Step::Wait(10),
        depth(10, 10, "8"),
    ];
    let rig = Rig::new([ok(LISTED)], [Dial::Open(script)]).with_snapshots([
        snapshot(2),
        snapshot(6),
        snapshot(9),
    ]);
    let mut events = rig.start(Channel::L2Book);
    assert_eq!(
        told(&mut events, 10).await,
        [
            "connected",
            "snapshot 2",
            "delta 1-3",
            "delta 4-4",
            "gap 5 6",
            "snapshot 6",
            "delta 7-7",
            "gap 8 9",
            "snapshot 9",
            "delta 10-10"
        ]
    );
    let requests = rig.request_times();
    let second = Duration::from_secs(1);
    assert_eq!(requests[2] - requests[1], second);
    let wait = requests[3] - (requests[2] + second);
    assert!(
        wait >= second,
        "the exchange is not asked in a loop: {wait:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_crossed_book_is_never_delivered() {
    let script = vec![
        depth(1, 3, "8"),
        Step::Wait(1),
        depth(4, 4, "11"),
        Step::Wait(10),
        depth(5, 5, "8"),
    ];
    let rig =
        Rig::new([ok(LISTED)], [Dial::Open(script)]).with_snapshots([snapshot(2), snapshot(4)]);
    let mut events = rig.start(Channel::L2Book);
    assert_eq!(
        told(&mut events, 6).await,
        [
            "connected",
            "snapshot 2",
            "delta 1-3",
            "crossed 11 10.0",
            "snapshot 4",
            "delta 5-5"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn after_a_reconnect_the_book_is_invalid_until_a_new_snapshot() {
    let rig = Rig::new(
        [ok(LISTED)],
        [
            Dial::Open(vec![depth(1, 3, "8"), Step::Wait(1), Step::Break]),
            Dial::Open(vec![Step::Wait(60), depth(9, 9, "8")]),
        ],
    )
    .with_snapshots([snapshot(2), snapshot(8)]);
    let mut events = rig.start(Channel::L2Book);
    assert_eq!(
        told(&mut events, 8).await,
        [
            "connected",
            "snapshot 2",
            "delta 1-3",
            "disconnected",
            "invalid",
            "connected",
            "snapshot 8",
            "delta 9-9"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_for_a_connection_that_ended_is_not_waited_for() {
    let rig = Rig::new(
        [ok(LISTED)],
        [
            Dial::Open(vec![depth(1, 1, "8"), Step::Wait(1), Step::Break]),
            Dial::Open(vec![depth(1, 1, "8")]),
        ],
    )
    .with_snapshots([snapshot(0).after(20)]);
    let mut events = rig.start(Channel::L2Book);
    assert_eq!(
        told(&mut events, 4).await,
        ["connected", "disconnected", "connected", "snapshot 0"]
    );
    let dialed_at = rig.dial_times()[1];
    assert_eq!(
        rig.request_times()[2],
        dialed_at,
        "the new one is fetched at once"
    );
    assert!(dialed_at.elapsed() >= Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn a_malformed_delta_shows_as_a_gap() {
    let script = vec![
        depth(1, 3, "8"),
        Step::Wait(1),
        depth(4, 4, "not a price"),
        depth(5, 5, "8"),
    ];
    let rig = Rig::new([ok(LISTED)], [Dial::Open(script)]).with_snapshots([snapshot(2)]);
    let mut events = rig.start(Channel::L2Book);
    assert_eq!(
        told(&mut events, 3).await,
        ["connected", "snapshot 2", "delta 1-3"]
    );
    assert!(matches!(
        events.next().await,
        FeedEventKind::Malformed { .. }
    ));
    assert_eq!(told(&mut events, 1).await, ["gap 4 5"]);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_is_too_old_is_fetched_again() {
    let rig = Rig::new([ok(LISTED)], [Dial::Open(vec![depth(10, 12, "8")])]).with_snapshots([
        snapshot(3).after(1),
        snapshot(8),
        snapshot(9),
    ]);
    let mut events = rig.start(Channel::L2Book);
    assert_eq!(
        told(&mut events, 3).await,
        ["connected", "snapshot 9", "delta 10-12"]
    );
    assert_eq!(rig.request_times().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_fails_is_told_and_fetched_again() {
    let rig = Rig::new([ok(LISTED)], [Dial::Open(vec![depth(1, 1, "8")])])
        .with_snapshots([
            status(
                429,
                r#"{"code":-1003,"msg":"Too much request weight used"}"#,
            )
            .with_retry_after("35"),
            status(451, "restricted"),
            ok("garbage"),
            snapshot(0),
        ])
        .with_silence_limit(Duration::from_secs(3600));
    let mut events = rig.start(Channel::L2Book);
    assert_eq!(told(&mut events, 1).await, ["connected"]);
    for (expected, least) in [
        ("status 429 Too Many Requests", 35),
        ("status 451 Unavailable For Legal Reasons", 60),
        (
            "failed to understand the answer to GET api.binance.com/api/v3/depth: status 200 OK, \
             body \"garbage\": expected value at line 1 column 1",
            1,
        ),
    ] {
        let (reason, retry_in) = events
            .find(|event| match event {
                FeedEventKind::SnapshotFailed {
                    reason, retry_in, ..
                } => Some((reason, retry_in)),
                _ => None,
            })
            .await;
        assert!(reason.contains(expected), "{reason}");
        assert!(
            retry_in >= Duration::from_secs(least),
            "{expected}: {retry_in:?}"
        );
    }
    assert_eq!(told(&mut events, 2).await, ["snapshot 0", "delta 1-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_is_slow_over_a_new_book_is_no_silence_of_the_exchange() {
    let mut script: Vec<_> = (1..=20).map(|id| depth(id, id, "8")).collect();
    script.push(Step::Wait(1050));
    script.push(depth(21, 21, "8"));
    let rig = Rig::new([ok(LISTED)], [Dial::Open(script)]).with_snapshots([snapshot(0).after(1)]);
    let feed = rig.feed(Binance::default(), &["BTC-USDT"], &[Channel::L2Book]);
    let mut events = Events::of(feed, 2);
    sleep(Duration::from_secs(1000)).await;
    let told = told(&mut events, 23).await;
    assert_eq!(told[..3], ["connected", "snapshot 0", "delta 1-1"]);
    assert_eq!(told[22], "delta 21-21");
}

#[tokio::test(start_paused = true)]
async fn changes_that_wait_for_a_snapshot_take_bounded_memory_and_those_that_go_are_told() {
    let script = (1..=1000).map(|id| depth(id, id, "8")).collect();
    let rig = Rig::new([ok(LISTED)], [Dial::Open(script)])
        .with_snapshots([snapshot(100).after(10), snapshot(900)]);
    let feed = rig.feed(Binance::default(), &["BTC-USDT"], &[Channel::L2Book]);
    let queue = event_queue(QueueLimits {
        joining_bytes: 100_000,
        ..QueueLimits::default()
    });
    let mut events = Events::through(feed, queue);
    assert_eq!(told(&mut events, 1).await, ["connected"]);
    let FeedEventKind::SnapshotFailed { reason, .. } = events.next().await else {
        panic!("no failure");
    };
    let count = reason.strip_prefix("the oldest ").unwrap();
    let (count, why) = count.split_once(' ').unwrap();
    assert!(count.parse::<u32>().unwrap() > 100, "{count}");
    assert_eq!(
        why,
        "changes that waited for it are forgotten: all that wait may take 100000 bytes"
    );
    // Those that are kept join a snapshot that holds what was forgotten.
    let next = events.find(|event| match event {
        FeedEventKind::L2Snapshot(snapshot) => snapshot.last_id,
        _ => None,
    });
    assert_eq!(next.await, 900);
    assert_eq!(told(&mut events, 1).await, ["delta 901-901"]);
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_the_exchange_asks_for_holds_back_every_request() {
    let ban = &["connected", "blocked 418", "failed"][..];
    let too_many = &["connected", "failed"][..];
    for (banned, seconds, expected) in [
        (status(418, "banned").with_retry_after("120"), 120, ban),
        (status(418, "banned"), 60, ban),
        (status(418, "banned").without_body(), 60, ban),
        (status(429, "<title>Access denied</title>"), 60, too_many),
        (
            ok(r#"{"code":-1003,"msg":"Too many requests"}"#),
            60,
            too_many,
        ),
    ] {
        holds_back_every_request(banned, seconds, expected).await;
    }
}

async fn holds_back_every_request(banned: Answer, seconds: u64, expected: &[&str]) {
    let eth = Step::Send(transport::Message::text(
        r#"{"stream":"ethusdt@depth@100ms","data":{"s":"ETHUSDT","U":1,"u":1,"b":[],"a":[],"E":1723161255208}}"#,
    ));
    let script = vec![depth(1, 1, "8"), Step::Wait(2), eth];
    let rig = Rig::new([ok(LISTED)], [Dial::Open(script)])
        .with_snapshots([banned, snapshot(0)])
        .with_silence_limit(Duration::from_secs(3600));
    let feed = rig.feed(
        Binance::default(),
        &["BTC-USDT", "ETH-USDT"],
        &[Channel::L2Book],
    );
    let mut events = Events::of(feed, 64);
    assert_eq!(told(&mut events, expected.len()).await, expected);
    told(&mut events, 4).await;
    let requests = rig.request_times();
    assert_eq!(requests.len(), 4);
    for later in &requests[2..] {
        assert!(*later - requests[1] >= Duration::from_secs(seconds));
    }
}

#[tokio::test(start_paused = true)]
async fn only_a_few_snapshots_are_fetched_at_once() {
    let row = |index: u32| {
        format!(
            r#"{{"symbol":"A{index}U","status":"TRADING","baseAsset":"A{index}","quoteAsset":"U"}}"#
        )
    };
    let delta = |index: u32| {
        Step::Send(transport::Message::text(format!(
            r#"{{"stream":"a{index}u@depth@100ms","data":{{"s":"A{index}U","U":1,"u":1,"b":[],"a":[],"E":1723161255208}}}}"#
        )))
    };
    let rows: Vec<_> = (0..20).map(row).collect();
    let listed = format!(r#"{{"symbols":[{}]}}"#, rows.join(","));
    let rig = Rig::new([ok(listed)], [Dial::Open((0..20).map(delta).collect())])
        .with_snapshots([snapshot(0).after(3)]);
    let names: Vec<_> = (0..20).map(|index| format!("A{index}-U")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let feed = rig.feed(Binance::default(), &names, &[Channel::L2Book]);
    let mut events = Events::of(feed, 64);
    told(&mut events, 41).await;
    assert_eq!(rig.http.most_under_way.load(Ordering::Relaxed), 4);
}
