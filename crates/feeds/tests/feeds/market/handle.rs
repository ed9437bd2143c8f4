//! Changes while a feed runs.

use std::sync::atomic::Ordering;
use std::time::Duration;

use feeds::exchange::Window;
use feeds::{Channel, Subscription};
use tokio::time::Instant;

use super::{Market, open, open_later, patterns, seconds};
use crate::fake::{Dial, Step, ok, say};
use crate::tape::Tape;

const TRADES: [Channel; 1] = [Channel::Trades];

#[tokio::test(start_paused = true)]
async fn symbols_come_and_go_on_the_open_connection() {
    let mut market = Market::start(
        &["A-B C-D E-F"],
        vec![open_later(&[
            (5, "trade A-B 1 0"),
            (20, "trade A-B 2 0; trade C-D 1 0"),
        ])],
        &["A-B"],
        &TRADES,
    );
    assert_eq!(market.told_within(10).await, ["connected 1", "trade A-B 1"]);
    market.handle.subscribe(patterns("C-D E-F"));
    assert_eq!(market.told_within(5).await, [] as [&str; 0]);
    market.handle.unsubscribe(patterns("A-B E-?"));
    let told = market.told_within(5).await;
    assert_eq!(told, ["unsubscribed A-B trades", "unsubscribed E-F trades"]);
    // What is on its way at that time is not wanted any longer.
    assert_eq!(market.told_within(60).await, ["trade C-D 1"]);
    assert_eq!(market.dialed(), ["subscribe 1 A-B:trades"]);
    assert_eq!(
        market.said(),
        [
            "10: subscribe 2 C-D:trades,E-F:trades",
            "15: unsubscribe 3 A-B:trades,E-F:trades"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn trades_between_two_subscriptions_are_no_gap() {
    let mut market = Market::start(
        &["A-B C-D"],
        vec![open_later(&[(5, "trade A-B 1 0"), (20, "trade A-B 9 0")])],
        &["A-B", "C-D"],
        &TRADES,
    );
    seconds(10).await;
    market.handle.unsubscribe(patterns("A-B"));
    seconds(1).await;
    market.handle.subscribe(patterns("A-B"));
    assert_eq!(
        market.told_within(60).await,
        [
            "connected 2",
            "trade A-B 1",
            "unsubscribed A-B trades",
            "trade A-B 9"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_book_that_is_left_is_invalid_before_that_is_told() {
    let mut market = Market::start(
        &["A-B C-D"],
        vec![open_later(&[
            (1, "snapshot A-B 1 9x1 10x2; snapshot C-D 1 9x1 10x2"),
            (20, "change A-B 1>2 9x0"),
        ])],
        &["A-B", "C-D"],
        &[Channel::L2Book],
    );
    assert_eq!(
        market.told_within(10).await,
        ["connected 2", "snapshot A-B", "snapshot C-D"]
    );
    market.handle.unsubscribe(patterns("A-*"));
    assert_eq!(
        market.told_within(60).await,
        ["invalid A-B Unsubscribed", "unsubscribed A-B l2_book"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_symbols_is_closed_and_the_next_symbol_gets_another() {
    let mut market = Market::start(
        &["A-B C-D"],
        vec![open(&[]), open(&["trade C-D 1 0"])],
        &["A-B"],
        &TRADES,
    );
    assert_eq!(market.told_within(10).await, ["connected 1"]);
    market.handle.unsubscribe(patterns("*"));
    assert_eq!(market.told_within(10).await, ["unsubscribed A-B trades"]);
    assert_eq!(market.rig.ws.farewells.load(Ordering::Relaxed), 1);
    assert!(market.handle.status().connections.is_empty());
    market.handle.subscribe(patterns("C-D"));
    assert_eq!(market.told_within(10).await, ["connected 1", "trade C-D 1"]);
    assert_eq!(market.dialed().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_for_and_not_listed_has_the_list_loaded_again_at_once() {
    let mut market = Market::start(&["A-B", "A-B C-D"], vec![open(&[])], &["A-B"], &TRADES);
    seconds(100).await;
    market.handle.subscribe(patterns("C-D"));
    assert_eq!(
        market.told_within(10).await,
        ["connected 1", "not_trading C-D []", "trading C-D"]
    );
    assert_eq!(market.asked_for_lists(), [0, 100]);
    // But not again and again.
    for pattern in ["E-F", "G-H", "I-J"] {
        market.handle.subscribe(patterns(pattern));
        seconds(1).await;
    }
    assert_eq!(market.told_within(10).await.len(), 3);
    assert_eq!(market.asked_for_lists(), [0, 100, 110, 120]);
    market.handle.unsubscribe(patterns("E-F G-* I-J"));
    let told = market.told_within(10).await;
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told.iter().all(|it| it.starts_with("unsubscribed ")));
}

#[tokio::test(start_paused = true)]
async fn what_is_changed_while_a_connection_is_opened_or_awaited_counts_for_it() {
    let slow = || Dial::Late(10, vec![say("trade A-B 1 0; trade C-D 1 0"), Step::Break]);
    let mut market = Market::start(&["A-B C-D E-F"], vec![slow(), slow()], &["A-B"], &TRADES);
    seconds(5).await;
    market.handle.subscribe(patterns("C-D"));
    market.handle.unsubscribe(patterns("A-B"));
    let told = market.told_within(6).await;
    assert_eq!(
        told[..3],
        ["unsubscribed A-B trades", "connected 1", "trade C-D 1"]
    );
    assert!(told[3].starts_with("disconnected "));
    market.handle.subscribe(patterns("E-F"));
    assert_eq!(market.told_within(13).await[..1], ["connected 2"]);
    assert_eq!(
        market.dialed()[..2],
        [
            "subscribe 1 A-B:trades",
            "subscribe 1 C-D:trades,E-F:trades"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn additions_go_where_there_is_room_and_then_to_another_connection() {
    let mut exchange = Tape::default();
    exchange.limits.symbols = Some(2);
    let dials = (0..4).map(|_| open(&[])).collect();
    let names = ["A-B", "C-D", "E-F"];
    let lists = vec![ok("A-B C-D E-F G-H I-J K-L")];
    let mut market = Market::of(exchange, lists, dials, &names, &TRADES);
    assert_eq!(market.told_within(10).await, ["connected 2", "connected 1"]);
    market.handle.unsubscribe(patterns("A-B"));
    market.handle.subscribe(patterns("G-H I-J K-L"));
    assert_eq!(
        market.told_within(10).await,
        ["unsubscribed A-B trades", "connected 1"]
    );
    assert_eq!(
        market.said(),
        [
            "10: unsubscribe 2 A-B:trades",
            "10: subscribe 3 G-H:trades",
            "10: subscribe 2 I-J:trades"
        ]
    );
    let dialed = market.dialed();
    assert_eq!(dialed[2..], ["subscribe 1 K-L:trades"]);
}

#[tokio::test(start_paused = true)]
async fn connections_are_begun_one_after_the_other() {
    let mut exchange = Tape::default();
    exchange.limits.symbols = Some(1);
    let market = Market::of(exchange, vec![ok("A-B C-D E-F")], vec![], &["*"], &TRADES);
    seconds(10).await;
    let start = market.start;
    let times = market.rig.dial_times().into_iter();
    let times: Vec<_> = times.map(|at| (at - start).as_millis() / 100).collect();
    assert_eq!(times, [0, 2, 4]);
}

#[tokio::test(start_paused = true)]
async fn channels_come_and_go_on_the_open_connection() {
    let mut market = Market::start(
        &["A-B C-D"],
        vec![open_later(&[
            (
                1,
                "snapshot A-B 1 9x1 10x2; snapshot C-D 1 9x1 10x2; trade A-B 1 0",
            ),
            (20, "change A-B 1>2 9x0; trade A-B 2 0"),
        ])],
        &["A-B", "C-D"],
        &[Channel::Trades, Channel::L2Book],
    );
    seconds(10).await;
    let replace = |names, channels: &[Channel]| {
        let subscription = Subscription::new(patterns(names), channels.iter().copied());
        market.handle.replace(&subscription.unwrap()).unwrap();
    };
    replace("C-D A-B", &[Channel::Trades, Channel::Ticker]);
    assert_eq!(
        market.told_within(60).await,
        [
            "connected 2",
            "snapshot A-B",
            "snapshot C-D",
            "trade A-B 1",
            "invalid A-B Unsubscribed",
            "invalid C-D Unsubscribed",
            "unsubscribed A-B l2_book",
            "unsubscribed C-D l2_book",
            "trade A-B 2",
        ]
    );
    assert_eq!(
        market.said(),
        [
            "10: unsubscribe 2 A-B:l2_book,C-D:l2_book",
            "10: subscribe 3 A-B:ticker,C-D:ticker"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn more_channels_than_a_connection_carries_move_symbols_to_another() {
    let mut exchange = Tape::default();
    exchange.limits.streams = Some(2);
    let dials = vec![open(&[]), open(&[])];
    let mut market = Market::of(exchange, vec![ok("A-B C-D")], dials, &["*"], &TRADES);
    assert_eq!(market.told_within(10).await, ["connected 2"]);
    let both = Subscription::new(patterns("*"), [Channel::Trades, Channel::Ticker]);
    market.handle.replace(&both.unwrap()).unwrap();
    // Trades may have been missed meanwhile.
    assert_eq!(
        market.told_within(10).await,
        ["unsubscribed C-D trades", "connected 1"]
    );
    assert_eq!(market.dialed()[1], "subscribe 1 C-D:trades,C-D:ticker");
    let status = market.handle.status();
    let connections = status.symbols.iter().map(|it| it.connection.unwrap());
    assert_eq!(connections.collect::<Vec<_>>(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_the_exchange_does_not_have_changes_nothing() {
    let exchange = Tape {
        channels: &[Channel::Trades],
        ..Tape::default()
    };
    let dials = vec![open(&[])];
    let mut market = Market::of(exchange, vec![ok("A-B C-D")], dials, &["A-B"], &TRADES);
    let ticker = Subscription::new(patterns("C-D"), [Channel::Ticker]).unwrap();
    let error = market.handle.replace(&ticker).unwrap_err();
    assert_eq!(error.to_string(), "tape has no channel ticker");
    assert_eq!(market.told_within(60).await, ["connected 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_unsubscribes_says_farewell_and_ends_the_feed() {
    let mut market = Market::start(
        &["A-B C-D"],
        vec![open(&["snapshot A-B 1 9x1 10x2; snapshot C-D 1 9x1 10x2"])],
        &["A-B", "C-D", "E-F"],
        &[Channel::L2Book],
    );
    assert_eq!(market.told_within(10).await.len(), 4);
    market.handle.shutdown();
    let start = Instant::now();
    let mut told = market.told_within(10).await;
    told.sort_unstable();
    assert_eq!(
        told,
        [
            "invalid A-B Unsubscribed",
            "invalid C-D Unsubscribed",
            "unsubscribed A-B l2_book",
            "unsubscribed C-D l2_book",
            "unsubscribed E-F l2_book",
        ]
    );
    assert_eq!(market.running.await.unwrap(), Ok(()));
    assert_eq!(market.rig.ws.farewells.load(Ordering::Relaxed), 1);
    // The exchange does not answer.
    assert_eq!(start.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_no_list_no_dial_and_no_delay() {
    let market = Market::of(
        Tape::default(),
        vec![ok("A-B").after(1000)],
        vec![],
        &["A-B"],
        &TRADES,
    );
    seconds(1).await;
    market.handle.shutdown();
    assert_eq!(market.running.await.unwrap(), Ok(()));
    assert_eq!(market.start.elapsed(), Duration::from_secs(1));

    let refused = Dial::Fail(
        crate::fake::dial_error(transport::DialErrorKind::Refused)
            .with_retry_after(Duration::from_secs(1000)),
    );
    for dials in [vec![], vec![refused]] {
        let market = Market::start(&["A-B"], dials, &["A-B"], &TRADES);
        seconds(1).await;
        market.handle.clone().shutdown();
        assert_eq!(market.running.await.unwrap(), Ok(()));
        assert_eq!(market.start.elapsed(), Duration::from_secs(1));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_left_is_in_no_later_connection() {
    let cut = Dial::Open(vec![Step::Wait(60), Step::Break]);
    let mut market = Market::start(&["A-B C-D"], vec![cut, open(&[])], &["A-B", "C-D"], &TRADES);
    seconds(10).await;
    market.handle.unsubscribe(patterns("A-B"));
    let told = market.told_within(100).await;
    assert_eq!(told.last().unwrap(), "connected 1");
    assert_eq!(market.dialed()[1], "subscribe 1 C-D:trades");
}

#[tokio::test(start_paused = true)]
async fn a_missing_symbol_that_is_left_is_looked_for_no_longer() {
    let lists = ["A-B", "A-B", "A-B C-D"];
    let mut market = Market::start(&lists, vec![open(&[])], &["A-B", "C-D"], &TRADES);
    seconds(70).await;
    market.handle.unsubscribe(patterns("C-D"));
    assert_eq!(
        market.told_within(2000).await,
        [
            "not_trading C-D []",
            "connected 1",
            "unsubscribed C-D trades"
        ]
    );
    assert_eq!(market.asked_for_lists()[..4], [0, 60, 180, 480]);
}

// Requests wait for their turn: until the exchange has been told to stop, what comes is of no use to who
// asks again.
#[tokio::test(start_paused = true)]
async fn what_is_wanted_again_counts_from_when_it_has_been_asked_for_again() {
    let mut exchange = Tape::default();
    exchange.limits.messages = Some(Window::new("messages", 2, Duration::from_secs(10)));
    let trades = [1, 2, 9].map(|id| format!("trade A-B {id} 0"));
    let dial = open_later(&[(5, &trades[0]), (7, &trades[1]), (30, &trades[2])]);
    let mut market = Market::of(exchange, vec![ok("A-B C-D")], vec![dial], &["*"], &TRADES);
    seconds(8).await;
    market.handle.unsubscribe(patterns("A-B"));
    seconds(1).await;
    market.handle.subscribe(patterns("A-B"));
    assert_eq!(
        market.told_within(60).await,
        [
            "connected 2",
            "trade A-B 1",
            "unsubscribed A-B trades",
            "trade A-B 9"
        ]
    );
    assert_eq!(
        market.said(),
        ["10: unsubscribe 2 A-B:trades", "20: subscribe 3 A-B:trades"]
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_changed_while_another_connection_takes_over_is_asked_for_on_both() {
    let mut exchange = Tape::default();
    exchange.limits.rollover = Some(Duration::from_secs(4800));
    let dials = vec![
        open_later(&[(4300, "trade A-B 1 0")]),
        // The first of its trades is known by then.
        Dial::Late(
            10,
            vec![
                say("trade A-B 1 0; trade C-D 1 0"),
                Step::Wait(1),
                say("trade E-F 1 0"),
            ],
        ),
    ];
    let lists = vec![ok("A-B C-D E-F")];
    let mut market = Market::of(exchange, lists, dials, &["A-B", "C-D"], &TRADES);
    // Between 4,500 and 4,700 seconds.
    while market.dialed().len() < 2 {
        seconds(1).await;
    }
    // While it is opened, and when both are open.
    market.handle.unsubscribe(patterns("C-D"));
    seconds(11).await;
    market.handle.subscribe(patterns("E-F"));
    assert_eq!(
        market.told_within(60).await,
        [
            "connected 2",
            "trade A-B 1",
            "unsubscribed C-D trades",
            "connected 2",
            "trade E-F 1"
        ]
    );
    let said = market.said();
    let said: Vec<_> = said
        .iter()
        .map(|it| it.split_once(": ").unwrap().1)
        .collect();
    assert_eq!(
        said,
        [
            "unsubscribe 2 C-D:trades",
            "unsubscribe 2 C-D:trades",
            "subscribe 3 E-F:trades",
            "subscribe 3 E-F:trades"
        ]
    );
}
