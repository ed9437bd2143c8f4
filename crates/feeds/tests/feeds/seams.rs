//! Where two things meet: a second connection, changes of what is wanted, snapshots under way, silence.

use std::time::Duration;

use feeds::exchange::{Acknowledgement, TradeIds, Window};
use feeds::{Binance, Channel, FeedHandle, SymbolPattern};
use tokio::time::{Instant, sleep};
use transport::DialErrorKind;

use crate::fake::{Dial, Events, LISTED, Rig, Step, depth, dial_error, ok, say, snapshot, trade};
use crate::silent::{acknowledged, every_20_seconds, overview, ping, steps};
use crate::takeover::{later, shutdown, told};
use crate::tape::Tape;

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn symbols(text: &str) -> Vec<SymbolPattern> {
    let words = text.split_whitespace();
    words.map(|word| word.parse().unwrap()).collect()
}

/// A feed of BTC-USDT and ETH-USDT, which can be changed.
fn of_two(rig: &Rig, channels: &[Channel]) -> (Events, FeedHandle) {
    let feed = rig.feed(Binance::default(), &["BTC-USDT", "ETH-USDT"], channels);
    let handle = feed.handle();
    (Events::of(feed, 1024), handle)
}

fn best(id: u64) -> Step {
    say(format!(
        r#"{{"stream":"btcusdt@bookTicker","data":{{"u":{id},"s":"BTCUSDT","b":"9","B":"1","a":"20","A":"1"}}}}"#
    ))
}

// An unsubscription must not be undone by what renews subscriptions: marketcalls/openalgo#1784.
#[tokio::test(start_paused = true)]
async fn what_has_been_unsubscribed_from_is_neither_stale_nor_subscribed_to_again() {
    let rig = Rig::new(
        [ok(LISTED)],
        [steps([trade(7)], every_20_seconds(30, &ping()))],
    )
    .with_overviews([overview(9, "9.0")]);
    let said = rig.listen();
    let (mut events, handle) = of_two(&rig, &[Channel::Trades]);
    assert_eq!(told(&mut events, 2).await, ["connected", "trade 7"]);
    handle.unsubscribe(symbols("BTC-USDT"));
    assert_eq!(told(&mut events, 1).await, ["unsubscribed BTC-USDT"]);
    assert!(events.are_over_for(500).await);
    assert_eq!(said.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_subscribed_to_again_by_the_user_is_not_stale_from_before() {
    let acks = [acknowledged(2), acknowledged(3), acknowledged(4)];
    let script = [vec![ping()], acks.into(), vec![ping()], vec![trade(10)]];
    let rig = Rig::new(
        [ok(LISTED)],
        [steps(
            [trade(7)],
            script
                .into_iter()
                .flat_map(|said| [vec![Step::Wait(20)], said].concat()),
        )],
    )
    .with_overviews([overview(9, "9.0")]);
    rig.listen();
    let (mut events, handle) = of_two(&rig, &[Channel::Trades]);
    assert_eq!(
        told(&mut events, 3).await,
        ["connected", "trade 7", "stale BTC-USDT"]
    );
    handle.unsubscribe(symbols("BTC-USDT"));
    assert_eq!(told(&mut events, 1).await, ["unsubscribed BTC-USDT"]);
    sleep(seconds(1)).await;
    handle.subscribe(symbols("BTC-USDT"));
    assert_eq!(told(&mut events, 1).await, ["trade 10"]);
}

// A subscription that is declined, as one that was lost: the others of the symbol have nothing to do with it.
#[tokio::test(start_paused = true)]
async fn a_stream_that_is_declined_when_it_is_renewed_leaves_the_book_of_its_symbol_alone() {
    let refusal = say(r#"{"error":{"code":2,"msg":"Invalid request"},"id":2}"#);
    let script = [
        depth(11, 20, "8"),
        depth(21, 30, "8"),
        refusal,
        depth(31, 40, "8"),
        depth(41, 50, "8"),
    ];
    let rig = Rig::new(
        [ok(LISTED)],
        [steps(
            [depth(1, 10, "8"), trade(7)],
            script.into_iter().flat_map(|step| [Step::Wait(15), step]),
        )],
    )
    .with_snapshots([snapshot(10)])
    .with_overviews([overview(9, "9.0")]);
    rig.listen();
    let feed = rig.feed(
        Binance::default(),
        &["BTC-USDT"],
        &[Channel::Trades, Channel::L2Book],
    );
    let mut events = Events::of(feed, 1024);
    assert_eq!(
        told(&mut events, 9).await,
        [
            "connected",
            "snapshot 10",
            "trade 7",
            "change 20",
            "change 30",
            "stale BTC-USDT",
            "rejected BTC-USDT Some(60)",
            "change 40",
            "change 50",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_waits_to_be_asked_for_again_is_forgotten_when_it_is_left() {
    let mut exchange = Tape::default();
    exchange.rules.acknowledgement = Acknowledgement::PerStream;
    let script = ["refuse 1 A-B", "ack 1 C-D"].map(say).into_iter();
    let acks = ["ack 2 A-B", "ack 3 A-B"].map(say).into_iter();
    let script = script.chain([Step::Wait(12)]).chain(acks);
    let rig =
        Rig::new([ok("A-B C-D")], [Dial::Open(script.collect())]).with_silence_limit(seconds(3600));
    let said = rig.listen();
    let feed = rig.feed(exchange, &["A-B", "C-D"], &[Channel::Trades]);
    let handle = feed.handle();
    let mut events = Events::of(feed, 64);
    assert_eq!(
        told(&mut events, 2).await,
        ["connected", "rejected A-B Some(60)"]
    );
    sleep(seconds(10)).await;
    handle.unsubscribe(symbols("A-B"));
    assert_eq!(told(&mut events, 1).await, ["unsubscribed A-B"]);
    handle.subscribe(symbols("A-B"));
    assert!(events.are_over_for(600).await);
    let said = said.lock().unwrap();
    let said: Vec<_> = said.iter().map(|(_, said)| said.as_text()).collect();
    assert_eq!(
        said,
        [
            Some("unsubscribe 2 A-B:trades"),
            Some("subscribe 3 A-B:trades")
        ]
    );
}

// A snapshot from before a subscription lacks what changed in between, which nothing would show in a quiet market.
#[tokio::test(start_paused = true)]
async fn a_snapshot_that_was_under_way_is_not_that_of_a_later_subscription() {
    let acks = [acknowledged(1), acknowledged(2)].into_iter();
    let rig = Rig::new(
        [ok(LISTED)],
        [steps([Step::Wait(8)], acks.chain([Step::Wait(60)]))],
    )
    .with_snapshots([5, 5, 9].map(|last_id| snapshot(last_id).after(20)));
    rig.listen();
    let (mut events, handle) = of_two(&rig, &[Channel::L2Book]);
    assert_eq!(told(&mut events, 1).await, ["connected"]);
    sleep(seconds(5)).await;
    handle.unsubscribe(symbols("BTC-USDT"));
    assert_eq!(told(&mut events, 1).await, ["unsubscribed BTC-USDT"]);
    handle.subscribe(symbols("BTC-USDT"));
    // That of ETH-USDT, and then the later one.
    assert_eq!(told(&mut events, 2).await, ["snapshot 5", "snapshot 9"]);
}

#[tokio::test(start_paused = true)]
async fn the_snapshot_of_a_book_that_is_added_is_asked_for_when_the_exchange_has_subscribed_to_it()
{
    let rig = Rig::new(
        [ok(LISTED)],
        [steps([Step::Wait(8)], [acknowledged(1), Step::Wait(60)])],
    )
    .with_snapshots([snapshot(5)]);
    rig.listen();
    let feed = rig.feed(Binance::default(), &["BTC-USDT"], &[Channel::L2Book]);
    let handle = feed.handle();
    let mut events = Events::of(feed, 1024);
    assert_eq!(told(&mut events, 2).await, ["connected", "snapshot 5"]);
    let start = Instant::now();
    sleep(seconds(5)).await;
    handle.subscribe(symbols("ETH-USDT"));
    assert_eq!(told(&mut events, 1).await, ["snapshot 5"]);
    assert_eq!(start.elapsed(), seconds(8));
}

#[tokio::test(start_paused = true)]
async fn a_second_connection_may_take_long_to_ask_for_everything_and_is_answered_meanwhile() {
    let mut exchange = Tape::default();
    exchange.rules.acknowledgement = Acknowledgement::PerStream;
    exchange.limits.streams_per_request = Some(1);
    exchange.limits.messages = Some(Window::new("messages", 2, seconds(10)));
    let answers = || {
        vec![
            say("ack 1 A-B"),
            Step::Wait(11),
            say("ack 2 C-D"),
            Step::Wait(10),
            say("ack 3 E-F"),
        ]
    };
    let first = [answers(), vec![say("shutdown"), Step::Wait(60)]].concat();
    let rig = Rig::new(
        [ok("A-B C-D E-F")],
        [Dial::Open(first), Dial::Open(answers())],
    )
    .with_silence_limit(seconds(3600));
    rig.listen();
    let names = ["A-B", "C-D", "E-F"];
    let mut events = Events::of(rig.feed(exchange, &names, &[Channel::Trades]), 64);
    assert_eq!(
        told(&mut events, 3).await,
        ["connected", "shutdown", "connected for 1"]
    );
    assert!(events.are_over_for(60).await);
}

// A connection that takes over and brings no book, or declines it: what is known is from the one before.
#[tokio::test(start_paused = true)]
async fn a_book_that_a_second_connection_does_not_bring_is_void() {
    for second in [vec![], vec![say("refuse 1 A-B")]] {
        let is_refused = !second.is_empty();
        let first = vec![
            say("snapshot A-B 5 9x1"),
            Step::Wait(20),
            say("shutdown"),
            Step::Wait(60),
        ];
        let rig = Rig::new([ok("A-B")], [Dial::Open(first), Dial::Open(second)]);
        rig.listen();
        let mut events = Events::of(rig.feed(Tape::default(), &["A-B"], &[Channel::L2Book]), 64);
        let mut expected = vec!["connected", "snapshot 5", "shutdown", "connected for 1"];
        if is_refused {
            expected.push("rejected A-B Some(5)");
        }
        expected.push("invalid");
        let start = Instant::now();
        assert_eq!(told(&mut events, expected.len()).await, expected);
        assert!(start.elapsed() < seconds(30));
    }
}

#[tokio::test(start_paused = true)]
async fn a_book_that_a_second_connection_has_not_asked_for_yet_is_void_when_the_first_one_is_cut() {
    let mut exchange = Tape::default();
    exchange.limits.streams_per_request = Some(1);
    exchange.limits.messages = Some(Window::new("messages", 2, seconds(10)));
    let first = vec![
        say("snapshot A-B 5 9x1; snapshot C-D 6 9x1"),
        Step::Wait(20),
        say("shutdown"),
        Step::Wait(1),
        Step::Break,
    ];
    let second = vec![
        say("snapshot A-B 5 9x1"),
        Step::Wait(11),
        say("snapshot C-D 8 9x1"),
    ];
    let rig = Rig::new([ok("A-B C-D")], [Dial::Open(first), Dial::Open(second)]);
    rig.listen();
    let names = ["A-B", "C-D"];
    let mut events = Events::of(rig.feed(exchange, &names, &[Channel::L2Book]), 64);
    assert_eq!(
        told(&mut events, 7).await,
        [
            "connected",
            "snapshot 5",
            "snapshot 6",
            "shutdown",
            "invalid",
            "connected for 1",
            "snapshot 5"
        ]
    );
    assert_eq!(told(&mut events, 1).await, ["snapshot 8"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_second_connection_says_late_is_no_new_beginning_of_the_book() {
    let first = vec![
        depth(1, 10, "8"),
        Step::Wait(20),
        shutdown(),
        depth(11, 20, "8"),
        Step::Wait(1),
        depth(21, 30, "8"),
        Step::Wait(60),
    ];
    let second = vec![
        later(depth(11, 20, "8"), 1),
        Step::Wait(3),
        later(depth(21, 30, "8"), 2),
        later(depth(31, 40, "8"), 3),
        // But this is one.
        later(depth(25, 35, "8"), 4),
    ];
    let rig = Rig::new([ok(LISTED)], [Dial::Open(first), Dial::Open(second)])
        .with_snapshots([snapshot(10)]);
    rig.listen();
    let mut events = rig.start(Channel::L2Book);
    assert_eq!(
        told(&mut events, 8).await,
        [
            "connected",
            "snapshot 10",
            "shutdown",
            "change 20",
            "change 30",
            "connected for 1",
            "change 40",
            "invalid"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_second_connection_says_late_is_no_ticker_that_steps_back() {
    let first = vec![
        best(7),
        Step::Wait(20),
        shutdown(),
        Step::Wait(1),
        best(9),
        Step::Wait(60),
    ];
    let second = vec![best(8), Step::Wait(3), best(9), best(10)];
    let rig = Rig::new([ok(LISTED)], [Dial::Open(first), Dial::Open(second)]);
    rig.listen();
    let mut events = rig.start(Channel::Ticker);
    assert_eq!(
        told(&mut events, 6).await,
        [
            "connected",
            "ticker 7",
            "shutdown",
            "ticker 9",
            "connected for 1",
            "ticker 10"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn no_ticker_of_the_first_connection_is_left_out_while_a_second_one_is_open() {
    let first = vec![
        best(7),
        Step::Wait(20),
        shutdown(),
        Step::Wait(1),
        best(8),
        // Numbering begins anew.
        best(3),
        Step::Wait(60),
    ];
    let rig = Rig::new([ok(LISTED)], [Dial::Open(first), Dial::Open(vec![])]);
    rig.listen();
    let mut events = rig.start(Channel::Ticker);
    assert_eq!(
        told(&mut events, 5).await,
        ["connected", "ticker 7", "shutdown", "ticker 8", "ticker 3"]
    );
}

// Who dials during a ban prolongs it: maicoin/max-websocket-docs#56.
#[tokio::test(start_paused = true)]
async fn a_wait_that_the_exchange_imposed_on_a_second_connection_is_kept_whatever_asks_for_the_next()
 {
    let mut exchange = Tape::default();
    exchange.limits.rollover = Some(seconds(60));
    for then in [say("shutdown"), Step::Break] {
        let banned = dial_error(DialErrorKind::Refused).with_retry_after(seconds(600));
        let first = vec![Step::Wait(100), then, Step::Wait(1000)];
        let rig = Rig::new(
            [ok("A-B")],
            [
                Dial::Open(first),
                Dial::Fail(banned),
                Dial::Open(vec![Step::Wait(30), Step::Break]),
            ],
        )
        .with_silence_limit(seconds(3600));
        rig.listen();
        let feed = rig.feed(exchange.clone(), &["A-B"], &[Channel::Trades]);
        let _events = Events::of(feed, 64);
        sleep(seconds(720)).await;
        let dials = rig.dial_times();
        assert!((55..60).contains(&(dials[1] - dials[0]).as_secs()));
        assert_eq!((dials[2] - dials[1]).as_secs(), 600);
        // And is over then.
        assert_eq!(dials.len(), 4);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_second_connection_said_of_an_earlier_subscription_does_not_come_again() {
    let first = vec![
        Step::Wait(20),
        shutdown(),
        trade(5),
        Step::Wait(3),
        acknowledged(1),
        acknowledged(2),
        trade(9),
        Step::Wait(60),
    ];
    let second = vec![trade(5), Step::Wait(3), trade(9), trade(10)];
    let rig = Rig::new([ok(LISTED)], [Dial::Open(first), Dial::Open(second)]);
    rig.listen();
    let (mut events, handle) = of_two(&rig, &[Channel::Trades]);
    assert_eq!(
        told(&mut events, 3).await,
        ["connected", "shutdown", "trade 5"]
    );
    sleep(seconds(1)).await;
    handle.unsubscribe(symbols("BTC-USDT"));
    assert_eq!(told(&mut events, 1).await, ["unsubscribed BTC-USDT"]);
    sleep(seconds(1)).await;
    handle.subscribe(symbols("BTC-USDT"));
    assert_eq!(
        told(&mut events, 3).await,
        ["trade 9", "connected for 1", "trade 10"]
    );
}

#[tokio::test(start_paused = true)]
async fn trades_that_are_numbered_anew_while_two_connections_are_open_come_once() {
    let anew = "trade A-B 1 3; trade A-B 2 4";
    let first = vec![
        say("trade A-B 4998 0"),
        Step::Wait(20),
        say("shutdown"),
        say("trade A-B 4999 1; trade A-B 5000 2"),
        Step::Wait(1),
        say(anew),
        Step::Wait(60),
    ];
    let second = vec![
        say("trade A-B 4999 1; trade A-B 5000 2"),
        Step::Wait(1),
        say(anew),
        say("trade A-B 3 5"),
    ];
    for rules in [TradeIds::Contiguous, TradeIds::Growing] {
        let mut exchange = Tape::default();
        exchange.rules.trades = rules;
        let dials = [Dial::Open(first.clone()), Dial::Open(second.clone())];
        let rig = Rig::new([ok("A-B")], dials);
        rig.listen();
        let mut events = Events::of(rig.feed(exchange, &["A-B"], &[Channel::Trades]), 64);
        assert_eq!(
            told(&mut events, 10).await,
            [
                "connected",
                "trade 4998",
                "shutdown",
                "trade 4999",
                "trade 5000",
                "restarted",
                "trade 1",
                "trade 2",
                "connected for 1",
                "trade 3"
            ]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn no_snapshot_of_a_second_connection_that_is_behind_steps_back() {
    let first = vec![
        say("snapshot A-B 5 9x1"),
        Step::Wait(20),
        say("shutdown"),
        Step::Wait(1),
        say("change A-B 5>6 9x2"),
        say("change A-B 6>8 8x7"),
        Step::Wait(60),
    ];
    let second = |ids: [&str; 2]| {
        vec![
            say("snapshot A-B 5 9x1"),
            say("change A-B 5>6 9x2"),
            Step::Wait(3),
            say(format!("change A-B {} 8x7", ids[0])),
            Step::Wait(20),
            say(format!("change A-B {} 7x8", ids[1])),
        ]
    };
    for (ids, expected) in [
        (["6>8", "8>9"], ["snapshot 8", "change 9"]),
        // Numbering begins anew.
        (["6>1", "1>2"], ["snapshot 1", "change 2"]),
    ] {
        let mut second = second(ids);
        second.push(say("change A-B 2>3 6x1"));
        let dials = [Dial::Open(first.clone()), Dial::Open(second)];
        let rig = Rig::new([ok("A-B")], dials).with_silence_limit(seconds(3600));
        rig.listen();
        let mut events = Events::of(rig.feed(Tape::default(), &["A-B"], &[Channel::L2Book]), 64);
        assert_eq!(
            told(&mut events, 6).await,
            [
                "connected",
                "snapshot 5",
                "shutdown",
                "change 6",
                "change 8",
                "connected for 1"
            ]
        );
        assert_eq!(told(&mut events, 2).await, expected);
    }
}

// Exchanges rename what they trade, and the old name is silent.
#[tokio::test(start_paused = true)]
async fn a_symbol_that_has_another_name_at_the_exchange_is_streamed_under_that() {
    let renamed = LISTED.replace("BTCUSDT", "XBTUSDT");
    let traded = say(
        r#"{"stream":"xbtusdt@trade","data":{"e":"trade","E":1,"s":"XBTUSDT","t":1,"p":"1","q":"2","T":1723161255343,"m":true,"M":true}}"#,
    );
    let ack = acknowledged(2);
    let script = [trade(7), Step::Wait(335), ack, Step::Wait(65), traded];
    let rig = Rig::new([ok(LISTED)], [steps(script, [])])
        .with_silence_limit(seconds(3600))
        .with_overviews([ok("[]")]);
    let said = rig.listen();
    let (mut events, _handle) = of_two(&rig, &[Channel::Trades]);
    assert_eq!(told(&mut events, 2).await, ["connected", "trade 7"]);
    rig.list(&renamed);
    let start = Instant::now();
    assert_eq!(
        told(&mut events, 2).await,
        ["unsubscribed BTC-USDT", "trade 1"]
    );
    assert_eq!(start.elapsed(), seconds(400));
    let said = said.lock().unwrap();
    let said: Vec<_> = said.iter().map(|(_, said)| said.as_text()).collect();
    assert_eq!(
        said[..2],
        [
            Some(r#"{"id":1,"method":"UNSUBSCRIBE","params":["btcusdt@trade"]}"#),
            Some(r#"{"id":2,"method":"SUBSCRIBE","params":["xbtusdt@trade"]}"#)
        ]
    );
}
