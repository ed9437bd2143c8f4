//! What is said on a connection after it is open: requests, replies and signs of life.

use std::time::Duration;

use bytes::Bytes;
use feeds::exchange::{KeepAlive, Renewal, Window, by_previous, faults};
use feeds::{Channel, FeedEventKind, TradeId};
use tokio::time::{Instant, sleep};
use transport::{Message, WsRequest};

use crate::fake::{Dial, Events, Rig, Step, ok, say};
use crate::fixtures::symbol;
use crate::tape::Tape;

const NAMES: [&str; 3] = ["A-B", "C-D", "E-F"];

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn rig(dials: Vec<Dial>) -> Rig {
    Rig::new([ok(NAMES.join(" "))], dials)
}

fn trades(rig: &Rig, exchange: Tape) -> Events {
    Events::of(rig.feed(exchange, &NAMES, &[Channel::Trades]), 64)
}

/// Waits for the first event, which is that the connection is open, and tells when that was.
async fn opened(events: &mut Events) -> Instant {
    assert!(matches!(
        events.next().await,
        FeedEventKind::Connected { .. }
    ));
    Instant::now()
}

#[tokio::test(start_paused = true)]
async fn what_does_not_go_with_the_dial_is_said_at_the_pace_that_is_allowed() {
    let mut exchange = Tape::default();
    exchange.limits.streams_per_request = Some(1);
    exchange.limits.messages = Some(Window::new("messages", 2, seconds(10)));
    let rig = rig(vec![Dial::Open(vec![])]);
    let spoken = rig.listen();
    let mut events = trades(&rig, exchange);
    let opened_at = opened(&mut events).await;
    sleep(seconds(60)).await;
    let dials = rig.ws.dials.lock().unwrap();
    // One of the two is left for a pong.
    assert_eq!(
        dials[0].1.first_messages,
        [Message::text("subscribe 1 A-B:trades")]
    );
    let spoken = spoken.lock().unwrap();
    let said: Vec<_> = spoken
        .iter()
        .map(|(at, message)| ((*at - opened_at).as_secs(), message.as_text().unwrap()))
        .collect();
    assert_eq!(
        said,
        [
            (10, "subscribe 2 C-D:trades"),
            (20, "subscribe 3 E-F:trades")
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn no_url_is_longer_and_no_connection_fuller_than_the_exchange_allows() {
    let paths = async |change: fn(&mut Tape)| {
        let mut exchange = Tape {
            is_in_url: true,
            ..Tape::default()
        };
        change(&mut exchange);
        let rig = rig(vec![]);
        assert!(trades(&rig, exchange).are_over_for(1).await);
        let dials = rig.ws.dials.lock().unwrap();
        let path = |request: &WsRequest| request.uri().path().to_owned();
        dials
            .iter()
            .map(|(_, request)| path(request))
            .collect::<Vec<_>>()
    };
    assert_eq!(paths(|_| {}).await, ["/A-B,C-D,E-F"]);
    let by_url = paths(|exchange| exchange.limits.url = Some(8)).await;
    assert_eq!(by_url, ["/A-B,C-D", "/E-F"]);
    let by_symbols = paths(|exchange| exchange.limits.symbols = Some(2)).await;
    assert_eq!(by_symbols, ["/A-B,C-D", "/E-F"]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_kept_open_in_the_way_that_the_exchange_wants_whatever_comes() {
    let mut exchange = Tape::default();
    exchange.limits.keep_alive = Some(KeepAlive {
        every: seconds(15),
        text: "ping",
    });
    let mut steps = Vec::new();
    for id in 1..=6 {
        steps.extend([Step::Wait(10), say(format!("trade A-B {id} 0"))]);
    }
    let rig = rig(vec![Dial::Open(steps)]);
    let spoken = rig.listen();
    let mut events = trades(&rig, exchange);
    let opened_at = opened(&mut events).await;
    assert_eq!(
        events.disconnected().await.0,
        "tape.example:443: nothing received for 90s"
    );
    let spoken = spoken.lock().unwrap();
    let times: Vec<_> = spoken
        .iter()
        .map(|(at, _)| (*at - opened_at).as_secs())
        .collect();
    assert_eq!(times, [15, 30, 45, 60, 75, 90, 105, 120, 135]);
    let ping = Message::text("ping");
    assert!(spoken.iter().all(|(_, message)| *message == ping));
}

#[tokio::test(start_paused = true)]
async fn an_exchange_that_asks_for_a_sign_of_life_in_its_own_words_gets_it_before_all_else() {
    let mut exchange = Tape::default();
    exchange.limits.streams_per_request = Some(1);
    exchange.limits.messages = Some(Window::new("messages", 2, seconds(10)));
    let rig = rig(vec![Dial::Open(vec![say("ping 7"), say("trade A-B 1 0")])]);
    let spoken = rig.listen();
    let mut events = trades(&rig, exchange);
    let is_trade = |event| matches!(event, FeedEventKind::Trade(_)).then_some(());
    events.find(is_trade).await;
    sleep(seconds(15)).await;
    let spoken = spoken.lock().unwrap();
    let said: Vec<_> = spoken.iter().map(|(_, said)| said.as_text()).collect();
    assert_eq!(said, [Some("pong 7")]);
}

#[tokio::test(start_paused = true)]
async fn of_many_signs_of_life_that_are_asked_for_the_latest_is_given_and_requests_get_their_turn()
{
    let mut exchange = Tape::default();
    exchange.limits.streams_per_request = Some(1);
    exchange.limits.messages = Some(Window::new("messages", 4, seconds(10)));
    let mut steps: Vec<_> = (1..=1000).map(|id| say(format!("ping {id}"))).collect();
    steps.push(say("trade A-B 1 0"));
    let rig = rig(vec![Dial::Open(steps)]);
    let spoken = rig.listen();
    let mut events = trades(&rig, exchange);
    let is_trade = |event| matches!(event, FeedEventKind::Trade(_)).then_some(());
    events.find(is_trade).await;
    sleep(seconds(15)).await;
    let spoken = spoken.lock().unwrap();
    let said: Vec<_> = spoken.iter().map(|(_, said)| said.as_text()).collect();
    assert_eq!(said, [Some("pong 1000"), Some("subscribe 3 E-F:trades")]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_pinged_as_the_exchange_allows_and_a_pong_is_a_sign_of_life() {
    for (ping_interval, asked_for) in [(Some(seconds(20)), seconds(20)), (None, seconds(0))] {
        let mut exchange = Tape::default();
        exchange.limits.ping_interval = ping_interval;
        let pong = [Step::Wait(20), Step::Send(Message::Pong(Bytes::new()))];
        let rig = rig(vec![Dial::Open(vec![pong; 10].concat())]);
        let start = Instant::now();
        let mut events = trades(&rig, exchange);
        assert_eq!(
            events.disconnected().await.0,
            "tape.example:443: nothing received for 90s"
        );
        assert_eq!(start.elapsed(), seconds(10 * 20 + 90));
        let dials = rig.ws.dials.lock().unwrap();
        assert_eq!(dials[0].1.ping_interval, Some(asked_for));
    }
}

#[tokio::test(start_paused = true)]
async fn an_exchange_that_sends_data_and_no_pong_is_not_asked_for_one_again() {
    let silent = || vec![say("trade A-B 1 0"), Step::Wait(33), Step::Unresponsive];
    let pong = vec![Step::Send(Message::Pong(Bytes::new()))];
    let answering = [pong, silent()].concat();
    for (script, expected) in [
        (silent(), [None, Some(Duration::ZERO)]),
        (answering, [None, None]),
        // Nothing is known of one that has said nothing.
        (vec![Step::Unresponsive], [None, None]),
    ] {
        let rig = rig(vec![Dial::Open(script), Dial::Open(vec![])]);
        let mut events = trades(&rig, Tape::default());
        // As after the first failure: it has lasted, or there was none before.
        let (_, delay, attempt) = events.disconnected().await;
        assert!(delay <= seconds(2) && attempt == 1);
        let is_open = |event| matches!(event, FeedEventKind::Connected { .. }).then_some(());
        events.find(is_open).await;
        let dials = rig.ws.dials.lock().unwrap();
        let asked = [0, 1].map(|dial: usize| dials[dial].1.ping_timeout);
        assert_eq!(asked, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_quiet_connection_that_had_data_and_lasted_ends_a_series_of_failures() {
    let lasting = || Dial::Open(vec![say("trade A-B 1 0"), Step::Wait(40), Step::Break]);
    let rig = rig(vec![lasting(), lasting(), lasting()]);
    let mut events = trades(&rig, Tape::default());
    for _ in 0..3 {
        assert_eq!(events.disconnected().await.2, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_said_goes_on_being_heard_while_nothing_can_be_sent() {
    let mut exchange = Tape::default();
    exchange.limits.keep_alive = Some(KeepAlive {
        every: seconds(15),
        text: "ping",
    });
    let mut steps = vec![Step::Wait(20)];
    for id in 1..=6 {
        steps.extend([say(format!("trade A-B {id} 0")), Step::Wait(10)]);
    }
    let rig = rig(vec![Dial::Open(steps)]);
    rig.deafen();
    let mut events = trades(&rig, exchange);
    for id in 1..=6 {
        let traded = events.find(|event| match event {
            FeedEventKind::Trade(trade) => Some(trade.id),
            _ => None,
        });
        assert_eq!(traded.await, Some(TradeId::Number(id)));
    }
    assert_eq!(
        events.disconnected().await.0,
        "tape.example:443: nothing could be sent for 90s"
    );
}

#[tokio::test(start_paused = true)]
async fn a_hole_in_the_counter_of_the_connection_is_told_without_books_too() {
    let script = ["trade A-B 1 0; tick 1", "trade A-B 5 1; tick 3"];
    let rig = rig(vec![Dial::Open(script.map(say).into())]);
    let mut events = trades(&rig, Tape::default());
    let is_missed = |event| matches!(event, FeedEventKind::MessagesMissed).then_some(());
    events.find(is_missed).await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_tells_which_symbols_it_is_about() {
    let script = [
        "ack 1 C-D",
        "refuse 1 A-B",
        "refuse 1 -",
        "refuse 1 -",
        "refuse - C-D",
        "notice",
    ];
    let rig = rig(vec![Dial::Open(script.map(say).into())]);
    let mut events = trades(&rig, Tape::default());
    for expected in [&["A-B"][..], &["E-F"], &[], &["C-D"]] {
        let (symbols, code, message) = events
            .find(|event| match event {
                FeedEventKind::Rejected {
                    symbols,
                    code,
                    message,
                    ..
                } => Some((symbols, code, message)),
                _ => None,
            })
            .await;
        let expected: Vec<_> = expected.iter().map(|name| symbol(name)).collect();
        assert_eq!(symbols, expected);
        assert_eq!((code.as_deref(), &*message), (Some("E1"), "no"));
    }
    let FeedEventKind::Notice { text, .. } = events.next().await else {
        panic!("no notice");
    };
    assert_eq!(text, "maintenance");
}

/// The next events about trades, in a word or two each.
async fn told(events: &mut Events, count: usize) -> Vec<String> {
    let mut told = Vec::new();
    while told.len() < count {
        told.push(match events.next().await {
            FeedEventKind::Trade(trade) => {
                let Some(TradeId::Number(id)) = trade.id else {
                    panic!("no number");
                };
                let time = trade
                    .timestamp_ns
                    .map_or("?".to_owned(), |ns| (ns % 1000).to_string());
                format!("{} {id} at {time}", trade.symbol)
            }
            FeedEventKind::NumberingRestarted { symbol, .. } => format!("{symbol} restarted"),
            FeedEventKind::TradeGap { symbol, from, to } => format!("{symbol} gap {from} {to}"),
            FeedEventKind::ImpossibleTime {
                symbol, channel, ..
            } => format!("{symbol} {channel} times"),
            FeedEventKind::Connected { .. } | FeedEventKind::Disconnected { .. } => continue,
            other => panic!("{other:?}"),
        });
    }
    told
}

#[tokio::test(start_paused = true)]
async fn a_time_that_cannot_be_is_told_once_for_each_stream() {
    let script = ["trade A-B 1 ?; trade A-B 2 ?; trade C-D 1 5; trade C-D 2 ?; trade A-B 3 6"];
    let again = ["trade A-B 4 ?"];
    let rig = rig(vec![
        Dial::Open(script.map(say).into_iter().chain([Step::Break]).collect()),
        Dial::Open(again.map(say).into()),
    ]);
    let mut events = trades(&rig, Tape::default());
    assert_eq!(
        told(&mut events, 8).await,
        [
            "A-B trades times",
            "A-B 1 at ?",
            "A-B 2 at ?",
            "C-D 1 at 5",
            "C-D trades times",
            "C-D 2 at ?",
            "A-B 3 at 6",
            "A-B 4 at ?",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn numbering_may_begin_anew_and_history_only_fills_the_hole_of_a_reconnect() {
    let first = [
        "past A-B 7 1; past A-B 8 2",
        "trade A-B 9 3",
        "trade A-B 2 4",
    ];
    let second = ["past A-B 1 3; past A-B 2 4; past A-B 3 5", "trade A-B 4 6"];
    let rig = rig(vec![
        Dial::Open(first.map(say).into_iter().chain([Step::Break]).collect()),
        Dial::Open(second.map(say).into()),
    ]);
    let mut events = trades(&rig, Tape::default());
    assert_eq!(
        told(&mut events, 5).await,
        [
            "A-B 9 at 3",
            "A-B restarted",
            "A-B 2 at 4",
            "A-B 3 at 5",
            "A-B 4 at 6"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_with_status_200_backs_off() {
    let rig = Rig::new([ok("refused"), ok("A-B")], vec![Dial::Open(vec![])]);
    let feed = rig.feed(Tape::default(), &["A-B"], &[Channel::Trades]);
    let mut events = Events::of(feed, 4);
    let (reason, retry_in, _) = events.disconnected().await;
    assert_eq!(
        reason,
        "no list of instruments: failed to understand the answer to GET tape.example/list: \
         status 200 OK, body \"refused\": refused: refused"
    );
    assert_eq!(retry_in, seconds(60));
    assert!(matches!(
        events.next().await,
        FeedEventKind::Connected { .. }
    ));
}

#[test]
fn an_exchange_that_does_not_fit_together_is_found() {
    assert_eq!(faults(&Tape::default()), [""; 0]);
    let mut exchange = Tape::default().with_books(|books| {
        books.renewal = Renewal::Request {
            joins: by_previous,
            depths: &[],
        };
    });
    exchange.limits.request = Some(0);
    exchange.limits.frame = 0;
    let found = faults(&exchange).join("; ");
    for fault in [
        "limit of 0: request",
        "limit of 0: frame",
        "snapshots are requested, and there is no request",
        "depths of snapshots: []",
        "a request of ",
    ] {
        assert!(found.contains(fault), "{found}");
    }
}
