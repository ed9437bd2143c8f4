//! Streams that are silent: when the exchange is asked, what is told, and what is done.

use std::iter;
use std::time::Duration;

use bytes::Bytes;
use feeds::{Binance, Channel, FeedEventKind, InvalidReason};
use tokio::time::{Instant, sleep};
use transport::Message;

use crate::fake::{
    Answer, Dial, Events, LISTED, Rig, Step, depth, ok, say, snapshot, status, trade,
};
use crate::fixtures::symbol;

/// What Binance says of BTC-USDT, and of ETH-USDT, in which nothing moves.
pub(crate) fn overview(last_id: u64, bid: &str) -> Answer {
    let row = |symbol, last_id, bid| {
        format!(
            r#"{{"symbol":"{symbol}","lastPrice":"1.50000000","bidPrice":"{bid}","bidQty":"1","askPrice":"20.0","askQty":"1","lastId":{last_id}}}"#
        )
    };
    ok(format!(
        "[{},{}]",
        row("BTCUSDT", last_id, bid),
        row("ETHUSDT", 1, "9.0")
    ))
}

pub(crate) fn ticker(bid: &str) -> Step {
    say(format!(
        r#"{{"stream":"btcusdt@bookTicker","data":{{"u":7,"s":"BTCUSDT","b":"{bid}","B":"1","a":"20.00000000","A":"1"}}}}"#
    ))
}

pub(crate) fn acknowledged(id: u64) -> Step {
    say(format!(r#"{{"result":null,"id":{id}}}"#))
}

pub(crate) fn ping() -> Step {
    Step::Send(Message::Ping(Bytes::from_static(b"1")))
}

/// So many steps of this kind, 20 seconds apart, as Binance pings.
pub(crate) fn every_20_seconds(count: usize, step: &Step) -> impl Iterator<Item = Step> {
    iter::repeat_n([Step::Wait(20), step.clone()], count).flatten()
}

pub(crate) fn steps(
    first: impl IntoIterator<Item = Step>,
    then: impl IntoIterator<Item = Step>,
) -> Dial {
    Dial::Open(first.into_iter().chain(then).collect())
}

fn of(rig: &Rig, channels: &[Channel]) -> Events {
    let feed = rig.feed(Binance::default(), &["BTC-USDT"], channels);
    Events::of(feed, 1024)
}

/// The next `stale`: whose, which, and since when.
async fn stale(events: &mut Events) -> (String, Channel, i64) {
    events
        .find(|event| match event {
            FeedEventKind::Stale {
                symbol,
                channel,
                since_ns,
            } => Some((symbol.to_string(), channel, since_ns)),
            _ => None,
        })
        .await
}

/// Waits until the connection has been replaced.
async fn replaced(events: &mut Events) {
    events
        .find(|event| match event {
            FeedEventKind::Connected { replaces, .. } => Some(replaces == Some(1)),
            _ => None,
        })
        .await
        .then_some(())
        .expect("a connection that takes over from the first");
}

fn spoken(spoken: &crate::fake::Spoken) -> Vec<String> {
    let spoken = spoken.lock().unwrap();
    let texts = spoken.iter().filter_map(|(_, message)| message.as_text());
    texts.map(str::to_owned).collect()
}

// Pings come and are answered, and nothing else: websocket-client#674, sammchardy/python-binance#353.
#[tokio::test(start_paused = true)]
async fn a_stream_that_falls_silent_is_told_then_subscribed_to_again_then_moved_to_another_connection()
 {
    let rig = Rig::new(
        [ok(LISTED)],
        [
            steps([trade(7)], every_20_seconds(20, &ping())),
            steps([Step::Wait(1), trade(9), Step::Wait(2), trade(10)], []),
        ],
    )
    .with_overviews([overview(9, "9.0")]);
    let said = rig.listen();
    let mut events = of(&rig, &[Channel::Trades]);
    let trade = loop {
        let event = events.next_event().await;
        if matches!(event.kind, FeedEventKind::Trade(_)) {
            break event;
        }
    };
    let start = Instant::now();
    let (symbol, channel, since_ns) = stale(&mut events).await;
    assert_eq!((symbol.as_str(), channel), ("BTC-USDT", Channel::Trades));
    assert_eq!(since_ns, trade.received_ns);
    assert_eq!(start.elapsed().as_secs(), 35, "30 of silence, 5 of grace");

    replaced(&mut events).await;
    // Half a minute for the new subscription, and two seconds in which both connections are read.
    assert_eq!(start.elapsed().as_secs(), 67);
    assert_eq!(
        spoken(&said),
        [
            r#"{"id":1,"method":"UNSUBSCRIBE","params":["btcusdt@trade"]}"#,
            r#"{"id":2,"method":"SUBSCRIBE","params":["btcusdt@trade"]}"#
        ]
    );
    // What it says follows `live`, which is told once.
    let mut told = Vec::new();
    while told.len() < 4 {
        match events.next().await {
            FeedEventKind::Live { symbol, channel } => {
                assert_eq!((symbol.as_str(), channel), ("BTC-USDT", Channel::Trades));
                told.push("live".to_owned());
            }
            FeedEventKind::TradeGap { from, to, .. } => told.push(format!("{from} to {to}")),
            FeedEventKind::Trade(trade) => told.push(trade.id.unwrap().to_string()),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(told, ["live", "8 to 8", "9", "10"]);
    let looks = rig.http.looks.lock().unwrap();
    let paths: Vec<_> = looks.iter().map(|(_, uri)| uri.as_str()).collect();
    let path = "https://api.binance.com/api/v3/ticker/24hr?type=MINI";
    assert_eq!(paths, [path; 2]);
}

// A cut shows with the next trade of a symbol, which may be long in coming.
#[tokio::test(start_paused = true)]
async fn what_was_missed_of_a_symbol_without_a_trade_since_is_told_and_fetched() {
    let past = |id| {
        format!(r#"{{"id":{id},"price":"1.5","qty":"1","time":1723161255342,"isBuyerMaker":true}}"#)
    };
    let quiet = every_20_seconds(20, &ping()).collect();
    let rig = Rig::new(
        [ok(LISTED)],
        [steps([trade(7)], [Step::Break]), Dial::Open(quiet)],
    )
    .with_overviews([overview(9, "9.0")])
    .with_trades([ok(format!("[{},{}]", past(8), past(9)))]);
    let mut events = of(&rig, &[Channel::Trades]);
    let mut told = Vec::new();
    while told.len() < 4 {
        match events.next().await {
            FeedEventKind::TradeGap { from, to, .. } => told.push(format!("{from} to {to}")),
            FeedEventKind::Trade(trade) => told.push(trade.id.unwrap().to_string()),
            _ => {}
        }
    }
    assert_eq!(told, ["7", "8 to 9", "8", "9"]);
}

// Timeouts by the clock alone close healthy connections of thin markets: bmoscon/cryptofeed#223, #308. When
// trading was halted, nothing came, and rightly so: coinbasepro-python#361.
#[tokio::test(start_paused = true)]
async fn a_quiet_market_is_not_stale() {
    let rig = Rig::new(
        [ok(LISTED)],
        [steps([trade(7)], every_20_seconds(180, &ping()))],
    )
    .with_overviews([overview(7, "8.0"), overview(6, "9.0")]);
    let mut events = of(&rig, &[Channel::Trades]);
    events
        .find(|event| matches!(event, FeedEventKind::Trade(_)).then_some(()))
        .await;
    assert!(events.are_over_for(3600).await);
    assert_eq!(rig.dial_times().len(), 1);
    let looks = rig.http.looks.lock().unwrap();
    let gaps: Vec<_> = looks.windows(2).map(|two| two[1].0 - two[0].0).collect();
    assert!(looks.len() > 100, "it is looked at again and again");
    assert!(gaps.iter().all(|gap| *gap >= Duration::from_secs(30)));
}

// Some of the streams of a connection stop, the others go on: unicorn-binance-websocket-api#216, and #45, where
// the whole counts as running as long as one of them does.
#[tokio::test(start_paused = true)]
async fn one_stream_of_many_is_found_and_subscribed_to_again_without_the_others() {
    let others = |count| {
        (0..count).flat_map(|id| {
            let trade = format!(
                r#"{{"stream":"ethusdt@trade","data":{{"e":"trade","E":1723161255343,"s":"ETHUSDT","t":{id},"p":"1","q":"2","T":1723161255342,"m":true,"M":true}}}}"#
            );
            [Step::Wait(1), say(trade)]
        })
    };
    let rig = Rig::new(
        [ok(LISTED)],
        [steps(
            [trade(7)],
            others(40).chain([trade(9)]).chain(others(0)),
        )],
    )
    .with_overviews([overview(9, "9.0")]);
    let said = rig.listen();
    let feed = rig.feed(
        Binance::default(),
        &["BTC-USDT", "ETH-USDT"],
        &[Channel::Trades],
    );
    let mut events = Events::of(feed, 1024);
    let (silent, ..) = stale(&mut events).await;
    assert_eq!(silent, "BTC-USDT");
    let live = events.find(|event| match event {
        FeedEventKind::Live { symbol, .. } => Some(symbol),
        FeedEventKind::Stale { .. } | FeedEventKind::Disconnected { .. } => panic!("{event:?}"),
        _ => None,
    });
    assert_eq!(live.await, symbol("BTC-USDT"));
    assert!(
        spoken(&said)
            .iter()
            .all(|text| text.contains(r#"["btcusdt@trade"]"#))
    );
    assert_eq!(spoken(&said).len(), 2);
}

// A connection that never brings anything but pings: goincrypto/cryptocom-exchange#1. Nor do acknowledgements
// and junk make it alive.
#[tokio::test(start_paused = true)]
async fn a_stream_that_has_never_spoken_is_compared_with_the_exchange_before() {
    let noise = [ping(), acknowledged(0), say("junk")];
    let noise = (0..20).flat_map(|_| iter::once(Step::Wait(20)).chain(noise.clone()));
    let rig = Rig::new([ok(LISTED)], [steps([], noise), steps([], [])])
        .with_overviews([overview(7, "9.0"), overview(8, "9.0")]);
    rig.listen();
    let mut events = of(&rig, &[Channel::Trades]);
    let connected = events.next_event().await;
    let start = Instant::now();
    let (.., since_ns) = stale(&mut events).await;
    assert_eq!(since_ns, connected.received_ns);
    assert_eq!(start.elapsed().as_secs(), 65, "two looks and the grace");
    replaced(&mut events).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_claimed_while_the_exchange_does_not_answer() {
    let refused = status(429, r#"{"code":-1003,"msg":"Too many requests."}"#);
    let rig = Rig::new(
        [ok(LISTED)],
        [steps([trade(7)], every_20_seconds(40, &ping()))],
    )
    .with_overviews([
        status(500, ""),
        ok("[{}]"),
        refused.with_retry_after("120"),
        overview(9, "9.0"),
    ]);
    rig.listen();
    let mut events = of(&rig, &[Channel::Trades]);
    let start = Instant::now();
    stale(&mut events).await;
    assert_eq!(start.elapsed().as_secs(), 215);
    let looks = rig.http.looks.lock().unwrap();
    let at: Vec<_> = looks
        .iter()
        .map(|(at, _)| (*at - start).as_secs())
        .collect();
    assert_eq!(at, [30, 60, 90, 210], "no sooner than the exchange wants");
}

// The book stands still while the client says that it is connected: nautilus_trader#4298, ccxt#6659, #23214.
#[tokio::test(start_paused = true)]
async fn a_book_whose_stream_is_silent_is_void_until_the_stream_speaks() {
    let rig = Rig::new(
        [ok(LISTED)],
        [steps(
            [
                depth(11, 12, "9.5"),
                Step::Wait(36),
                acknowledged(1),
                acknowledged(2),
                Step::Wait(14),
                depth(20, 21, "9.7"),
            ],
            [],
        )],
    )
    .with_snapshots([snapshot(11), snapshot(20)])
    .with_overviews([overview(7, "9.7")]);
    rig.listen();
    let mut events = of(&rig, &[Channel::L2Book]);
    let start = Instant::now();
    let mut told = Vec::new();
    while told.len() < 8 {
        let what = match events.next().await {
            FeedEventKind::Connected { .. } => continue,
            FeedEventKind::L2Snapshot(_) => "snapshot",
            FeedEventKind::L2Delta(_) => "delta",
            FeedEventKind::Stale { .. } => "stale",
            FeedEventKind::BookInvalid { reason, .. } => {
                assert_eq!(reason, InvalidReason::Silent);
                "invalid"
            }
            FeedEventKind::Live { .. } => "live",
            other => panic!("{other:?}"),
        };
        told.push((start.elapsed().as_secs(), what));
        if what == "delta" && told.len() > 2 {
            break;
        }
    }
    assert_eq!(
        told,
        [
            (0, "snapshot"),
            (0, "delta"),
            (35, "stale"),
            (35, "invalid"),
            (50, "live"),
            (50, "snapshot"),
            (50, "delta"),
        ]
    );
    let looks = rig.http.looks.lock().unwrap();
    assert!(looks[0].1.ends_with("/api/v3/ticker/bookTicker"));
    assert_eq!(rig.http.requests.lock().unwrap().len(), 3, "two snapshots");
}

// An answer may be older than the stream, and a stream a little later than the answer.
#[tokio::test(start_paused = true)]
async fn a_stream_that_speaks_within_the_grace_is_alive() {
    let rig = Rig::new(
        [ok(LISTED)],
        [steps(
            [ticker("9.00000000"), Step::Wait(34), ticker("9.5")],
            every_20_seconds(10, &ping()),
        )],
    )
    .with_overviews([overview(7, "9.5"), overview(7, "9.50")]);
    let mut events = of(&rig, &[Channel::Ticker]);
    for _ in 0..2 {
        events
            .find(|event| matches!(event, FeedEventKind::Ticker(_)).then_some(()))
            .await;
    }
    assert!(
        events.are_over_for(200).await,
        "nor is it behind by its digits"
    );
    assert!(rig.http.looks.lock().unwrap().len() > 2);
}

// An exchange that has lost a stream for good must not be dialed in a loop: Crypto-toolbox/btfxwss#33.
#[tokio::test(start_paused = true)]
async fn a_stream_that_no_connection_brings_back_is_not_replaced_in_a_loop() {
    let dead = || steps([], every_20_seconds(400, &ping()));
    let rig = Rig::new([ok(LISTED)], (0..40).map(|_| dead()).collect::<Vec<_>>())
        .with_overviews((0..2000).map(|id| overview(id, "9.0")).collect::<Vec<_>>());
    rig.listen();
    let mut events = of(&rig, &[Channel::Trades]);
    let start = Instant::now();
    let mut told = 0;
    while start.elapsed() < Duration::from_secs(7200) {
        if let FeedEventKind::Stale { .. } = events.next().await {
            told += 1;
        }
    }
    assert_eq!(told, 1, "it has not been live meanwhile");
    let dials = rig.dial_times();
    let after: Vec<_> = dials
        .iter()
        .map(|at| (*at - start).as_secs() / 60)
        .collect();
    assert!((5..=8).contains(&after.len()), "{after:?}");
}

/// A feed of more streams than one connection has room for, which are opened as `dials` has it. None has
/// more than pings.
fn of_many(dials: Vec<Dial>, answer: Answer) -> (Rig, Events) {
    let names: Vec<_> = (0..700).map(|n| format!("A{n}")).collect();
    let rows = names.iter().map(|name| {
        format!(r#"{{"symbol":"{name}USDT","status":"TRADING","baseAsset":"{name}","quoteAsset":"USDT"}}"#)
    });
    let listed = format!(r#"{{"symbols":[{}]}}"#, rows.collect::<Vec<_>>().join(","));
    let rig = Rig::new([ok(listed)], dials).with_overviews([answer]);
    let symbols: Vec<_> = names.iter().map(|name| format!("{name}-USDT")).collect();
    let symbols: Vec<_> = symbols.iter().map(String::as_str).collect();
    let channels = [Channel::Trades, Channel::Ticker];
    let events = Events::of(rig.feed(Binance::default(), &symbols, &channels), 1024);
    (rig, events)
}

fn only_pings(_: usize) -> Dial {
    steps([], every_20_seconds(100, &ping()))
}

#[tokio::test(start_paused = true)]
async fn all_connections_of_a_feed_share_one_request() {
    let start = Instant::now();
    let (rig, _events) = of_many((0..20).map(only_pings).collect(), ok("[]"));
    sleep(Duration::from_secs(100)).await;
    assert!(rig.dial_times().len() > 1);
    let looks = rig.http.looks.lock().unwrap();
    let at = looks.iter().map(|(at, _)| (*at - start).as_secs());
    assert_eq!(at.collect::<Vec<_>>(), [30, 60, 90]);
}

// Who asks for all may be cut off meanwhile: ccxt#20911 is frozen for good once its way was cut.
#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_while_it_asks_holds_up_no_other() {
    let (rig, events) = of_many((0..20).map(only_pings).collect(), ok("[]"));
    sleep(Duration::from_secs(1)).await;
    let others = 1..rig.dial_times().len();
    assert!(!others.is_empty());
    drop(events);
    let cut = Dial::Open(vec![Step::Wait(35), Step::Break]);
    // Its next dial hangs.
    let dials = iter::once(cut).chain(others.map(only_pings));
    let start = Instant::now();
    let (rig, _events) = of_many(dials.collect(), ok("[]").after(20));
    sleep(Duration::from_secs(130)).await;
    let looks = rig.http.looks.lock().unwrap();
    let at = looks.iter().map(|(at, _)| (*at - start).as_secs());
    // It takes 20 seconds to learn that there is no news.
    assert_eq!(at.collect::<Vec<_>>(), [30, 60, 110]);
}

// A subscriber that is behind looks like a stream that is: polygon-io/issues#11.
#[tokio::test(start_paused = true)]
async fn a_subscriber_that_is_slow_makes_no_stream_stale() {
    let news = (8..100).flat_map(|id| [Step::Wait(1), trade(id)]);
    let rig =
        Rig::new([ok(LISTED)], [steps([trade(7)], news)]).with_overviews([overview(1000, "9.0")]);
    let feed = rig.feed(Binance::default(), &["BTC-USDT"], &[Channel::Trades]);
    let mut events = Events::of(feed, 1);
    let mut trades = 0;
    while trades < 90 {
        match events.next().await {
            FeedEventKind::Trade(_) => trades += 1,
            FeedEventKind::Connected { .. } => {}
            other => panic!("{other:?}"),
        }
        if trades == 10 {
            sleep(Duration::from_secs(100)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_book_that_falls_silent_goes_on_with_another_connection() {
    let rig = Rig::new(
        [ok(LISTED)],
        [
            steps([depth(11, 12, "9.5")], every_20_seconds(10, &ping())),
            steps(
                [
                    Step::Wait(1),
                    depth(30, 31, "9.7"),
                    Step::Wait(4),
                    depth(32, 32, "9.8"),
                ],
                [],
            ),
        ],
    )
    .with_snapshots([snapshot(11), snapshot(30)])
    .with_overviews([overview(7, "9.8")]);
    rig.listen();
    let mut events = of(&rig, &[Channel::L2Book]);
    let mut told = Vec::new();
    while told.last() != Some(&"delta 32".to_owned()) {
        told.push(match events.next().await {
            FeedEventKind::Connected { replaces, .. } => format!("connected for {replaces:?}"),
            FeedEventKind::L2Snapshot(book) => format!("snapshot {}", book.last_id.unwrap()),
            FeedEventKind::L2Delta(delta) => format!("delta {}", delta.last_id.unwrap()),
            FeedEventKind::Stale { .. } => "stale".to_owned(),
            FeedEventKind::BookInvalid { .. } => "invalid".to_owned(),
            FeedEventKind::Live { .. } => "live".to_owned(),
            FeedEventKind::Unanswered { .. } => continue,
            other => panic!("{told:?} {other:?}"),
        });
    }
    assert_eq!(
        told,
        [
            "connected for None",
            "snapshot 11",
            "delta 12",
            "stale",
            "invalid",
            "connected for Some(1)",
            "live",
            "snapshot 30",
            "delta 31",
            "delta 32"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_was_left_is_told_to_be_stale_no_longer() {
    let is_stale = |event: &FeedEventKind| matches!(event, FeedEventKind::Stale { .. });
    let rig = Rig::new(
        [ok(LISTED)],
        [steps([trade(7)], every_20_seconds(20, &ping()))],
    )
    .with_overviews((9..40).map(|id| overview(id, "9.0")).collect::<Vec<_>>());
    let said = rig.listen();
    let feed = rig.feed(
        Binance::default(),
        &["BTC-USDT", "ETH-USDT"],
        &[Channel::Trades],
    );
    let handle = feed.handle();
    let mut events = Events::of(feed, 64);
    sleep(Duration::from_secs(10)).await;
    handle.unsubscribe([symbol("BTC-USDT")]);
    sleep(Duration::from_secs(300)).await;
    assert_eq!(spoken(&said).len(), 1, "one request, to leave it");
    assert!(
        !rig.http.looks.lock().unwrap().is_empty(),
        "ETH-USDT is silent"
    );
    for _ in 0..3 {
        let event = events.next().await;
        assert!(!is_stale(&event), "{event:?}");
    }
    assert!(events.are_over_for(1).await);
}
