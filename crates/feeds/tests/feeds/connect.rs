//! From the list of instruments to the open connection.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use feeds::{Backpack, Binance, Channel, Exchange, FeedEventKind, Limits};
use tokio::time::Instant;

use crate::fake::{Dial, Events, LISTED, Rig, ok, queue_of, status, trade};
use crate::fixtures::{read, symbol};
use crate::tape::Tape;

#[tokio::test(start_paused = true)]
async fn the_list_of_instruments_comes_before_the_first_dial() {
    let rig = Rig::new([ok(LISTED).after(5)], [Dial::Open(vec![trade(1)])]);
    let start = Instant::now();
    let mut events = rig.start(Channel::Trades);
    assert!(matches!(
        events.next().await,
        FeedEventKind::Connected { .. }
    ));
    let event = events.next_event().await;
    assert!(event.exchange == *"binance");
    assert!(event.received_ns > 1_700_000_000_000_000_000);
    assert_eq!(event.connection, Some(1));
    let FeedEventKind::Trade(trade) = event.kind else {
        panic!("not a trade");
    };
    assert_eq!(trade.symbol, symbol("BTC-USDT"));
    assert_eq!(rig.dial_times(), [start + Duration::from_secs(5)]);
}

#[tokio::test(start_paused = true)]
async fn a_failing_list_of_instruments_is_told_and_loaded_again() {
    let rig = Rig::new(
        [
            status(
                451,
                "{\n  \"code\": 0,\n  \"msg\": \"restricted location\"\n}",
            ),
            status(503, r#"{"code":-1008,"msg":"overloaded"}"#),
            ok("<html>"),
            ok(r#"{"symbols":[]}"#),
            ok(LISTED),
        ],
        [Dial::Open(vec![])],
    );
    let mut events = rig.start(Channel::Trades);

    let (reason, retry_in, attempt) = events.disconnected().await;
    assert!(
        reason.contains("status 451") && reason.contains("restricted location"),
        "{reason}"
    );
    assert_eq!((retry_in, attempt), (Duration::from_secs(60), 1));

    let (reason, retry_in, attempt) = events.disconnected().await;
    assert!(reason.contains("status 503"), "{reason}");
    assert!(retry_in <= Duration::from_secs(2));
    assert_eq!(attempt, 2);

    let (reason, _, attempt) = events.disconnected().await;
    let page = "failed to understand the answer to GET api.binance.com/api/v3/exchangeInfo: \
                status 200 OK, body \"<html>\": expected value at line 1 column 1";
    assert!(reason.ends_with(page), "{reason}");
    assert_eq!(attempt, 3);

    let (reason, ..) = events.disconnected().await;
    assert_eq!(reason, "no list of instruments: nothing is trading");

    assert!(matches!(
        events.next().await,
        FeedEventKind::Connected { .. }
    ));
}

#[tokio::test(start_paused = true)]
async fn every_recorded_refusal_of_a_exchange_is_told_with_status_and_words() {
    for path in ["binance/rest_errors.json", "backpack/rest_errors.json"] {
        let refusals: Vec<serde_json::Value> = serde_json::from_str(&read(path)).unwrap();
        assert_eq!(refusals.len(), 7);
        for refusal in refusals {
            let code = refusal["status"].as_u64().unwrap();
            let mut answer = status(code.try_into().unwrap(), refusal["body"].as_str().unwrap());
            let retry_after = refusal["headers"]["Retry-After"].as_str();
            if let Some(seconds) = retry_after {
                answer = answer.with_retry_after(seconds);
            }
            let rig = Rig::new([answer], []);
            let (reason, retry_in, _) = rig.start(Channel::Trades).disconnected().await;
            assert!(reason.contains(&format!("status {code}")), "{reason}");
            assert!(reason.contains("body \""), "{reason}");
            let is_refusal_for_good = code < 500 && code != 429;
            let least =
                retry_after.map_or(u64::from(is_refusal_for_good) * 60, |s| s.parse().unwrap());
            assert!(
                retry_in >= Duration::from_secs(least),
                "{code}: {retry_in:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_with_a_status_of_success_is_one_and_a_ban_lasts_until_its_end() {
    let ban = |until: u128| {
        format!(
            r#"{{"code":-1003,"msg":"Way too much request weight used; IP banned until {until}. Please use WebSocket Streams."}}"#
        )
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let in_two_hours = (now + Duration::from_secs(7200)).as_millis();
    for (answer, cause, at_least, at_most) in [
        (
            ok(ban(in_two_hours)),
            "refused: -1003: Way too much",
            7190,
            7200,
        ),
        // The ban is over, or a clock is wrong: Binance counts by the minute.
        (
            ok(ban(1_728_708_414_116)),
            "refused: -1003: Way too much",
            60,
            60,
        ),
        (
            ok(r#"{"code":-1121,"msg":"Invalid symbol."}"#),
            "refused: -1121: Invalid symbol.",
            1,
            2,
        ),
        (ok(""), "status 200 OK: its body is empty", 1, 2),
        (status(418, ban(in_two_hours)), "status 418", 7190, 7200),
        (status(418, "banned"), "status 418", 60, 60),
        (
            status(418, "banned").with_retry_after("5"),
            "status 418",
            5,
            5,
        ),
    ] {
        let rig = Rig::new([answer], []);
        let (reason, retry_in, _) = rig.start(Channel::Trades).disconnected().await;
        let request = "GET api.binance.com/api/v3/exchangeInfo: status ";
        assert!(
            reason.contains(request) && reason.contains(cause),
            "{reason}"
        );
        let (at_least, at_most) = (Duration::from_secs(at_least), Duration::from_secs(at_most));
        assert!(
            (at_least..=at_most).contains(&retry_in),
            "{cause}: {retry_in:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_the_exchange_does_not_have_ends_the_feed_before_any_request() {
    let rig = Rig::new([], []);
    let exchange = Tape {
        channels: &[Channel::Trades, Channel::L2Book],
        ..Tape::default()
    };
    let feed = rig.feed(exchange, &["A-B"], &[Channel::Trades, Channel::Ticker]);
    let (sender, _events) = queue_of(1);
    let error = feed.run(sender).await.unwrap_err();
    assert_eq!(error.to_string(), "tape has no channel ticker");
    assert!(rig.request_times().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_feed_says_farewell_and_ends_when_its_subscriber_is_gone() {
    let rig = Rig::new([ok(LISTED)], [Dial::Open(vec![trade(1)])]);
    let feed = rig.feed(Binance::default(), &["BTC-USDT"], &[Channel::Trades]);
    let (sender, mut events) = queue_of(8);
    let running = tokio::spawn(feed.run(sender));
    events.recv().await.unwrap();
    drop(events);
    let gone_at = Instant::now();
    assert_eq!(running.await.unwrap(), Ok(()));
    assert_eq!(rig.ws.farewells.load(Ordering::Relaxed), 1);
    // The exchange does not answer.
    assert_eq!(gone_at.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn no_connection_carries_more_than_the_exchange_allows() {
    let row = |index: u32| {
        format!(
            r#"{{"symbol":"A{index}U","status":"TRADING","baseAsset":"A{index}","quoteAsset":"U"}}"#
        )
    };
    let rows: Vec<_> = (0..1500).map(row).collect();
    let listed = format!(r#"{{"symbols":[{}]}}"#, rows.join(","));
    let rig = Rig::new([ok(listed)], []);
    let feed = rig.feed(Binance::default(), &["*"], &Channel::ALL);
    assert!(Events::of(feed, 1).are_over_for(60).await);

    let limits = *Binance::default().limits();
    let dials = rig.ws.dials.lock().unwrap();
    for (_, request) in &*dials {
        let path = request.uri().path_and_query().unwrap().as_str();
        assert!(path.len() <= limits.url.unwrap());
    }
    let streams: Vec<Vec<_>> = dials
        .iter()
        .map(|(_, request)| {
            let query = request.uri().query().unwrap();
            query.trim_start_matches("streams=").split('/').collect()
        })
        .collect();
    let most = limits.streams.unwrap() as usize;
    assert!(streams.iter().all(|streams| streams.len() <= most));
    assert_eq!(streams.concat().iter().collect::<HashSet<_>>().len(), 4500);
    // As few as that: each is filled.
    let bytes: usize = streams.concat().iter().map(|name| name.len() + 1).sum();
    assert!(dials.len() <= bytes / 8000 + 2, "{}", dials.len());
}

#[tokio::test(start_paused = true)]
async fn all_channels_of_a_symbol_stay_on_one_connection() {
    let rig = Rig::new([ok("A-B C-D E-F")], []);
    let limits = Limits {
        streams: Some(7),
        ..*Tape::default().limits()
    };
    let exchange = Tape {
        limits,
        ..Tape::default()
    };
    let feed = rig.feed(exchange, &["A-B", "C-D", "E-F"], &Channel::ALL);
    assert!(Events::of(feed, 1).are_over_for(1).await);
    let dials = rig.ws.dials.lock().unwrap();
    let said: Vec<_> = dials
        .iter()
        .map(|(_, request)| request.first_messages[0].as_text().unwrap())
        .collect();
    assert_eq!(
        said,
        [
            "subscribe 1 A-B:trades,A-B:ticker,A-B:l2_book,C-D:trades,C-D:ticker,C-D:l2_book",
            "subscribe 1 E-F:trades,E-F:ticker,E-F:l2_book"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn backpack_is_told_what_to_send_when_it_is_dialed() {
    let listed = read("backpack/rest_markets_trimmed.json");
    let rig = Rig::new([ok(listed)], [Dial::Open(vec![])]);
    let feed = rig.feed(Backpack::default(), &["SOL-USDC-PERP"], &[Channel::Ticker]);
    let mut events = Events::of(feed, 8);
    let event = events.next_event().await;
    assert!(event.exchange == *"backpack");
    assert!(matches!(
        event.kind,
        FeedEventKind::Connected { symbols: 1, .. }
    ));
    let dials = rig.ws.dials.lock().unwrap();
    assert_eq!(
        dials[0].1.first_messages[0].as_text().unwrap(),
        r#"{"method":"SUBSCRIBE","params":["bookTicker.SOL_USDC_PERP"]}"#
    );
}

#[tokio::test(start_paused = true)]
async fn an_address_that_is_not_served_is_told_with_the_way_and_the_end() {
    let banned = r#"{"code":-1003,"msg":"Way too much request weight used; IP banned until 99."}"#;
    let rig = Rig::new(
        [
            status(418, banned).with_retry_after("120"),
            status(451, "{}"),
            ok(LISTED),
        ],
        [Dial::Open(vec![])],
    );
    let mut events = rig.start(Channel::Trades);
    for (expected, seconds) in [(418, Some(120)), (451, None)] {
        let event = events.next_event().await;
        let FeedEventKind::Blocked {
            status,
            egress,
            until_ns,
        } = event.kind
        else {
            panic!("{event:?}");
        };
        assert_eq!((status, egress.as_str()), (expected, "direct"));
        let for_s = until_ns.map(|until_ns| (until_ns - event.received_ns) / 1_000_000_000);
        assert_eq!(for_s, seconds);
        events.disconnected().await;
    }
}
