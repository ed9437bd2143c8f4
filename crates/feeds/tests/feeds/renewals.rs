//! Snapshots that replace those of books which are still true, over a session.

use std::num::NonZeroUsize;
use std::ops::RangeInclusive;

use feeds::{
    Binance, Channel, Covers, Feed, FeedEventKind, OrderBook, QueueLimits, Subscription,
    event_queue,
};
use tokio::time::Duration;

use crate::fake::{Answer, Dial, Events, LISTED, Rig, Step, ok, say, status};
use crate::fixtures::{level, symbol};

fn rows(prices: impl IntoIterator<Item = u32>, size: u32) -> String {
    let rows = prices
        .into_iter()
        .map(|price| format!(r#"["{price}","{size}"]"#));
    rows.collect::<Vec<_>>().join(",")
}

/// A snapshot of so many levels a side, whose best bid is `best`.
fn snapshot(last_id: u64, best: u32, levels: u32) -> Answer {
    let bids = rows((best - levels + 1..=best).rev(), 1);
    let asks = rows(best + 1..=best + levels, 1);
    ok(format!(
        r#"{{"lastUpdateId":{last_id},"bids":[{bids}],"asks":[{asks}]}}"#
    ))
}

/// The bids at these prices get this size, in the change with this id.
fn bids(id: u64, prices: impl IntoIterator<Item = u32>, size: u32) -> Step {
    bids_of("BTCUSDT", id, prices, size)
}

fn bids_of(name: &str, id: u64, prices: impl IntoIterator<Item = u32>, size: u32) -> Step {
    let (bids, stream) = (rows(prices, size), name.to_lowercase());
    say(format!(
        r#"{{"stream":"{stream}@depth@100ms","data":{{"e":"depthUpdate","E":1723161255208,"s":"{name}","U":{id},"u":{id},"b":[{bids}],"a":[]}}}}"#
    ))
}

/// A list of the instruments `A-USDT`, `B-USDT` and so on.
fn listing(letters: RangeInclusive<char>) -> Answer {
    let row = |letter| {
        format!(
            r#"{{"symbol":"{letter}USDT","status":"TRADING","baseAsset":"{letter}","quoteAsset":"USDT"}}"#
        )
    };
    let rows: Vec<_> = letters.map(row).collect();
    ok(format!(r#"{{"symbols":[{}]}}"#, rows.join(",")))
}

/// The bids at these prices go, in the change with this id.
fn gone(letter: char, id: u64, prices: RangeInclusive<u32>) -> Step {
    bids_of(&format!("{letter}USDT"), id, prices, 0)
}

fn depths_asked_for(rig: &Rig) -> Vec<String> {
    let requests = rig.http.requests.lock().unwrap();
    let limit = |(_, url): &(_, String)| Some(url.split_once("&limit=")?.1.to_owned());
    requests.iter().filter_map(limit).collect()
}

#[tokio::test(start_paused = true)]
async fn a_book_is_replaced_before_the_price_leaves_it_and_goes_on_until_then() {
    let script = vec![
        Step::Wait(1),
        bids(2, 925..=1000, 0),
        bids(3, [924], 2),
        Step::Wait(200),
        bids(4, [924], 3),
    ];
    let rig = Rig::new([ok(LISTED)], [Dial::Open(script)])
        .with_silence_limit(Duration::from_secs(3600))
        .with_snapshots([
            snapshot(1, 1000, 100),
            status(429, "").with_retry_after("100").after(1),
            snapshot(3, 924, 500),
        ]);
    let mut events = rig.start(Channel::L2Book);
    let mut book = OrderBook::new();
    let mut told = Vec::new();
    while told.len() < 7 {
        let event = events.next().await;
        let is_of_book = book.apply_event(&event).unwrap();
        told.push(match event {
            FeedEventKind::L2Snapshot(it) => format!("snapshot {}", it.last_id.unwrap()),
            FeedEventKind::L2Delta(it) => format!("delta {}", it.last_id.unwrap()),
            FeedEventKind::SnapshotFailed { .. } => "failed".to_owned(),
            FeedEventKind::Connected { .. } => "connected".to_owned(),
            other => panic!("{other:?}"),
        });
        // From its first snapshot on there is a book, whatever comes.
        assert!(!is_of_book || book.best_ask() == Some(level("1001", "1")) || told.len() > 5);
    }
    assert_eq!(
        told,
        [
            "connected",
            "snapshot 1",
            "delta 2",
            "delta 3",
            "failed",
            "snapshot 3",
            "delta 4"
        ]
    );
    assert_eq!((book.epoch(), book.last_id()), (Some(2), Some(4)));
    assert_eq!(book.best_bid(), Some(level("924", "3")));
    assert_eq!(book.bids().len(), 500);
    assert_eq!(depths_asked_for(&rig), ["100", "500", "500"]);
}

/// Reported as bitrich-info/xchange-stream#328: a snapshot every four seconds, as long as the market is busy.
#[tokio::test(start_paused = true)]
async fn books_that_no_snapshot_is_deep_enough_for_are_not_asked_for_in_a_loop() {
    let mut script = Vec::new();
    for id in 1..=60 {
        // Each snapshot is left within a second.
        script.extend([Step::Wait(1), bids(id, 4001..=9000, 0)]);
    }
    script.push(Step::Break);
    let rig = Rig::new([ok(LISTED)], [Dial::Open(script)]).with_snapshots(
        (1..=60)
            .map(|id| snapshot(id, 9000, 5000))
            .collect::<Vec<_>>(),
    );
    let mut events = rig.start(Channel::L2Book);
    events.disconnected().await;
    let depths = depths_asked_for(&rig);
    assert_eq!(depths[..5], ["100", "500", "1000", "5000", "5000"]);
    // Of those that are as deep as the one before, all but the first wait, and each for longer.
    assert!(depths.len() < 12, "{depths:?}");
}

#[tokio::test(start_paused = true)]
async fn what_a_replaced_book_waits_with_is_bounded_and_it_stays_true() {
    let mut script = vec![Step::Wait(1), bids(2, 925..=1000, 0)];
    script.extend((3..=500).map(|id| bids(id, [924], u32::try_from(id).unwrap())));
    let rig = Rig::new([ok(LISTED)], [Dial::Open(script)]).with_snapshots([
        snapshot(1, 1000, 100),
        snapshot(3, 924, 500).after(10),
        snapshot(490, 924, 500),
    ]);
    let feed = rig.feed(Binance::default(), &["BTC-USDT"], &[Channel::L2Book]);
    let queue = event_queue(QueueLimits {
        joining_bytes: 50_000,
        ..QueueLimits::default()
    });
    let mut events = Events::through(feed, queue);
    let mut book = OrderBook::new();
    let mut forgotten = 0;
    while book.epoch() != Some(2) {
        let event = events.next().await;
        book.apply_event(&event).unwrap();
        match event {
            FeedEventKind::SnapshotFailed { reason, .. } => {
                assert!(reason.contains("changes that waited"), "{reason}");
                assert_eq!(book.epoch(), Some(1));
                forgotten += 1;
            }
            FeedEventKind::BookInvalid { reason, .. } => panic!("{reason:?}"),
            _ => {}
        }
    }
    assert!(forgotten > 1, "{forgotten}");
    assert_eq!(book.last_id(), Some(500));
    assert_eq!(book.best_bid(), Some(level("924", "500")));
    assert_eq!(depths_asked_for(&rig), ["100", "500", "500"]);
}

#[tokio::test(start_paused = true)]
async fn only_the_books_that_have_most_of_the_waiting_changes_forget_any() {
    let mut script = Vec::new();
    for id in 1..=500 {
        script.push(bids(id, [1000], 1));
        if id % 50 == 0 {
            script.push(bids_of("ETHUSDT", id / 50, [1000], 1));
        }
    }
    let rig =
        Rig::new([ok(LISTED)], [Dial::Open(script)]).with_snapshots([snapshot(0, 10, 1).after(60)]);
    let names = ["BTC-USDT", "ETH-USDT"];
    let feed = rig.feed(Binance::default(), &names, &[Channel::L2Book]);
    let queue = event_queue(QueueLimits {
        joining_bytes: 50_000,
        ..QueueLimits::default()
    });
    let mut events = Events::through(feed, queue);
    let first = events.find(|event| match event {
        FeedEventKind::SnapshotFailed { symbol, .. } => Some(symbol),
        FeedEventKind::L2Snapshot(_) => panic!("nothing was forgotten"),
        _ => None,
    });
    assert_eq!(first.await, symbol("BTC-USDT"));
    let next = events.find(|event| match event {
        FeedEventKind::SnapshotFailed { symbol, .. } => {
            assert_eq!(symbol.as_str(), "BTC-USDT");
            None
        }
        FeedEventKind::L2Snapshot(snapshot) => Some(snapshot.symbol),
        _ => None,
    });
    assert_eq!(next.await, symbol("ETH-USDT"));
}

#[tokio::test(start_paused = true)]
async fn a_subscription_with_a_depth_has_the_best_levels_of_snapshots_that_are_deep_enough() {
    let script = vec![Step::Wait(1), bids(2, [999, 998], 0)];
    let rig = Rig::new([ok(LISTED)], [Dial::Open(script)]).with_snapshots([snapshot(1, 1000, 500)]);
    let depth = NonZeroUsize::new(60).unwrap();
    let subscription = Subscription::new([symbol("BTC-USDT")], [Channel::L2Book]).unwrap();
    let feed = Feed::new(
        std::sync::Arc::new(Binance::default()),
        subscription.with_depth(depth),
        rig.http.clone(),
        rig.ws.clone(),
    );
    let mut events = Events::of(feed, 64);
    let mut book = OrderBook::new();
    while book.last_id() != Some(2) {
        book.apply_event(&events.next().await).unwrap();
    }
    assert_eq!(book.covers(), Some(Covers::Top { levels: 60 }));
    assert_eq!((book.bids().len(), book.asks().len()), (60, 60));
    assert_eq!(book.bids().last(), Some(level("939", "1")));
    assert_eq!(depths_asked_for(&rig), ["500"]);
}

#[tokio::test(start_paused = true)]
async fn void_books_are_asked_for_before_those_that_are_true_and_of_these_the_one_that_is_so_for_least_time()
 {
    for (is_left_meanwhile, expected) in [(false, "ABCDGFE"), (true, "ABCDGEF")] {
        let mut script = vec![Step::Wait(60)];
        // As many as may be under way at once.
        script.extend(('A'..='D').map(|letter| gone(letter, 2, 925..=1000)));
        script.push(gone('E', 2, 925..=1000));
        script.push(gone('F', 2, 911..=1000));
        script.push(gone('G', 2, 901..=1000));
        if is_left_meanwhile {
            script.extend([Step::Wait(1), gone('E', 3, 901..=924)]);
        }
        let mut snapshots = vec![snapshot(1, 1000, 100); 7];
        snapshots.push(snapshot(3, 890, 500).after(10));
        let rig = Rig::new([listing('A'..='G')], [Dial::Open(script)])
            .with_silence_limit(Duration::from_secs(3600))
            .with_snapshots(snapshots);
        let feed = rig.feed(Binance::default(), &["*"], &[Channel::L2Book]);
        let mut events = Events::of(feed, 64);
        let asked_for = || {
            let requests = rig.http.requests.lock().unwrap();
            let letter = |(_, url): &(_, String)| url.split_once("symbol=")?.1.chars().next();
            requests
                .iter()
                .filter_map(letter)
                .skip(7)
                .collect::<String>()
        };
        while asked_for().len() < 7 {
            events.next().await;
        }
        assert_eq!(asked_for(), expected);
    }
}

/// With one address, 1,500 symbols were invalid for 10 % of the time: what a few of them spent on deep snapshots
/// was missing for the others.
#[tokio::test(start_paused = true)]
async fn of_many_books_whose_snapshots_do_not_last_a_few_at_a_time_have_deeper_ones() {
    let mut script = vec![Step::Wait(60)];
    script.extend(('A'..='T').map(|letter| gone(letter, 2, 925..=1000)));
    script.extend([Step::Wait(60), Step::Break]);
    let mut snapshots = vec![snapshot(1, 1000, 100); 20];
    snapshots.push(snapshot(2, 924, 500));
    let rig = Rig::new([listing('A'..='T')], [Dial::Open(script)])
        .with_silence_limit(Duration::from_secs(3600))
        .with_snapshots(snapshots);
    let feed = rig.feed(Binance::default(), &["*"], &[Channel::L2Book]);
    Events::of(feed, 1024).disconnected().await;
    let depths = depths_asked_for(&rig);
    assert_eq!(depths.len(), 40);
    let deeper = depths.iter().filter(|depth| *depth == "500").count();
    assert!((12..16).contains(&deeper), "{deeper}");
}

#[tokio::test(start_paused = true)]
async fn a_book_whose_snapshots_last_for_a_while_is_renewed_without_a_wait() {
    let script = (1..=8).flat_map(|id| [Step::Wait(15), bids(id, 7001..=9000, 0)]);
    let rig = Rig::new(
        [ok(LISTED)],
        [Dial::Open(
            script.chain([Step::Wait(15), Step::Break]).collect(),
        )],
    )
    .with_silence_limit(Duration::from_secs(3600))
    .with_snapshots(
        (0..=8)
            .map(|id| snapshot(id, 9000, 5000))
            .collect::<Vec<_>>(),
    );
    let subscription = Subscription::new([symbol("BTC-USDT")], [Channel::L2Book]).unwrap();
    let feed = Feed::new(
        std::sync::Arc::new(Binance::default()),
        subscription.with_depth(NonZeroUsize::new(2500).unwrap()),
        rig.http.clone(),
        rig.ws.clone(),
    );
    Events::of(feed, 1024).disconnected().await;
    let times = rig.request_times();
    // The first one is for the list of instruments.
    let gaps: Vec<_> = times[1..]
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .collect();
    assert!(gaps.len() >= 8, "{gaps:?}");
    assert!(gaps[..8].iter().all(|gap| gap.as_secs() == 15), "{gaps:?}");
}
