//! Trades that are missing are told, asked for, and delivered or told lost.

use std::collections::BTreeSet;
use std::time::Duration;

use feeds::exchange::{Rules, TradeIds};
use feeds::{Channel, FeedEventKind, TradeId};
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use tokio::time::sleep;

use crate::fake::{Answer, Dial, Events, Rig, Step, ok, say, status};
use crate::fixtures::symbol;
use crate::tape::Tape;

/// A rig whose connections say this, each of them a list of messages, and break after it but for the
/// last one. `wait` waits for ten seconds.
pub(crate) fn rig(connections: &[&[&str]], answers: &[Answer]) -> Rig {
    let (last, before) = connections.split_last().unwrap();
    let steps = |connection: &&[&str]| -> Vec<Step> {
        let step = |said: &&str| match *said {
            "wait" => Step::Wait(10),
            said => say(said),
        };
        connection.iter().map(step).collect()
    };
    let mut dials: Vec<_> = before
        .iter()
        .map(|it| Dial::Open([steps(it), vec![Step::Break]].concat()))
        .collect();
    dials.push(Dial::Open(steps(last)));
    rig_of(dials, answers.to_vec())
}

fn rig_of(dials: Vec<Dial>, answers: Vec<Answer>) -> Rig {
    let rig = Rig::new([ok("A-B C-D")], dials)
        .with_trades(answers)
        .with_silence_limit(Duration::MAX);
    rig.listen();
    rig
}

fn start(rig: &Rig, exchange: Tape) -> Events {
    let feed = rig.feed(exchange, &["A-B", "C-D"], &[Channel::Trades]);
    Events::of(feed, 1024)
}

/// An event about trades in a few words. Those about connections have none.
fn words(event: FeedEventKind) -> Option<String> {
    Some(match event {
        FeedEventKind::Trade(trade) => {
            let how = if trade.backfilled { "late " } else { "" };
            let id = trade.id.unwrap();
            match trade.count {
                1 => format!("{how}{id}"),
                count => format!("{how}{id}/{count}"),
            }
        }
        FeedEventKind::TradeGap { from, to, .. } => format!("gap {from}-{to}"),
        FeedEventKind::TradesLost {
            from, to, reason, ..
        } => format!("lost {from}-{to}: {reason}"),
        FeedEventKind::NumberingRestarted { .. } => "restarted".to_owned(),
        FeedEventKind::Connected { .. } | FeedEventKind::Disconnected { .. } => return None,
        other => panic!("{other:?}"),
    })
}

/// The next events about trades; then there are no more for an hour.
pub(crate) async fn told(events: &mut Events, expected: &[&str]) {
    let mut told = Vec::new();
    while told.len() < expected.len() {
        told.extend(words(events.next().await));
    }
    assert_eq!(told, expected);
    assert!(events.are_over_for(3600).await);
}

pub(crate) fn asked(rig: &Rig) -> Vec<String> {
    let requests = rig.http.requests.lock().unwrap();
    let query = |(_, uri): &(_, String)| uri.split_once("trades?").map(|(_, it)| it.to_owned());
    requests.iter().filter_map(query).collect()
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_while_there_was_no_connection_is_asked_for_page_by_page() {
    let rig = rig(
        &[
            &["trade A-B 100 1; trade C-D 7 1"],
            &["trade A-B 105 9; trade C-D 9 9; trade A-B 106 9"],
        ],
        &[
            ok("trades 101 102 > 103"),
            ok("trades 103 104 105 106 > 107"),
            ok("trades 8"),
        ],
    );
    let mut events = start(&rig, Tape::default());
    let expected = [
        "100",
        "7",
        "gap 101-104",
        "105",
        "gap 8-8",
        "9",
        "106",
        "late 101",
        "late 102",
        "late 103",
        "late 104",
        "late 8",
    ];
    told(&mut events, &expected).await;
    let expected = ["A-B&100..105&-", "A-B&102..105&103", "C-D&7..9&-"];
    assert_eq!(asked(&rig), expected);
}

#[tokio::test(start_paused = true)]
async fn pages_that_go_downwards_are_delivered_upwards() {
    let rig = rig(
        &[&["trade A-B 1 1; trade A-B 8 9"]],
        &[
            ok("trades 7 6 > 6"),
            ok("trades 5 4 3 > 3"),
            ok("trades 2 1 > 1"),
        ],
    );
    let mut events = start(&rig, Tape::default());
    let expected = [
        "1", "gap 2-7", "8", "late 2", "late 3", "late 4", "late 5", "late 6", "late 7",
    ];
    told(&mut events, &expected).await;
}

#[tokio::test(start_paused = true)]
async fn one_answer_fills_as_many_gaps_as_it_can() {
    // As where a stream leaves out one trade in six.
    let said = "trade A-B 1 1; trade A-B 3 1; trade A-B 5 1; trade A-B 7 1";
    let rig = rig(&[&[said]], &[ok("trades 2 3 4 5 6 7 8 > 9")]);
    let mut events = start(&rig, Tape::default());
    let expected = [
        "1", "gap 2-2", "3", "gap 4-4", "5", "gap 6-6", "7", "late 2", "late 4", "late 6",
    ];
    told(&mut events, &expected).await;
    assert_eq!(asked(&rig), ["A-B&1..3&-"]);
}

#[tokio::test(start_paused = true)]
async fn what_the_stream_brings_late_is_not_asked_for() {
    let rig = rig(
        &[&["trade A-B 1 1; trade A-B 4 2; trade A-B 3 2; trade A-B 2 2"]],
        &[],
    );
    let mut events = start(&rig, Tape::default());
    told(&mut events, &["1", "gap 2-3", "4", "3", "2"]).await;
    assert_eq!(asked(&rig), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn nothing_comes_twice_if_it_is_late_while_it_is_asked_for() {
    // The answer takes five seconds; the stream brings one of them at ten, before the next page.
    let rig = rig(
        &[&[
            "trade A-B 1 1; trade A-B 5 2",
            "wait",
            "trade A-B 4 2; trade A-B 2 2",
            "wait",
            "trade A-B 3 2; trade A-B 5 2; trade A-B 4 2",
        ]],
        &[ok("trades 3 > 4").after(5), ok("trades 4 5").after(15)],
    );
    let mut events = start(&rig, Tape::default());
    told(&mut events, &["1", "gap 2-4", "5", "4", "2", "late 3"]).await;
}

#[tokio::test(start_paused = true)]
async fn what_the_exchange_does_not_have_is_lost_once_that_is_certain() {
    // What it has begins later than what is asked for, and has holes, as seen at Binance.
    let rig = rig(
        &[&["trade A-B 1 1; trade A-B 10 9"]],
        &[ok("trades 4 5 8 9 10 11")],
    );
    let mut events = start(&rig, Tape::default());
    let expected = [
        "1",
        "gap 2-9",
        "10",
        "lost 2-3: the exchange does not have them",
        "late 4",
        "late 5",
        "lost 6-7: the exchange does not have them",
        "late 8",
        "late 9",
    ];
    told(&mut events, &expected).await;
    assert_eq!(asked(&rig).len(), 1, "there are trades behind the gap");

    // It may be behind the stream.
    let answers = [ok("trades"), ok("trades 2"), ok("trades"), ok("trades 3")];
    let rig = self::rig(&[&["trade A-B 1 1; trade A-B 5 9"]], &answers);
    let mut events = start(&rig, Tape::default());
    let expected = [
        "1",
        "gap 2-4",
        "5",
        "late 2",
        "late 3",
        "lost 4-4: the exchange does not have them",
    ];
    told(&mut events, &expected).await;
    let expected = ["A-B&1..5&-", "A-B&1..5&-", "A-B&2..5&-", "A-B&2..5&-"];
    assert_eq!(asked(&rig), expected);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_leads_nowhere_is_not_followed_for_ever() {
    // A parameter that is ignored: the newest trades, again and again.
    let rig = rig(
        &[&["trade A-B 1 1; trade A-B 3 9"]],
        &[ok("trades 90 91 > 92")],
    );
    let mut events = start(&rig, Tape::default());
    let expected = [
        "1",
        "gap 2-2",
        "3",
        "lost 2-2: the exchange does not have them",
    ];
    told(&mut events, &expected).await;
    assert_eq!(asked(&rig).len(), 1);

    // A cursor that stays where it is.
    let rig = self::rig(&[&["trade A-B 1 1; trade A-B 4 9"]], &[ok("trades 2 > 7")]);
    let mut events = start(&rig, Tape::default());
    let expected = [
        "1",
        "gap 2-3",
        "4",
        "late 2",
        "lost 3-3: the exchange does not have them",
    ];
    told(&mut events, &expected).await;
    assert_eq!(asked(&rig).len(), 8, "two pages, four times");

    let mut answers: Vec<_> = (100..150)
        .map(|page| ok(format!("trades > {page}")))
        .collect();
    answers[0] = ok("trades 2 > 100");
    let rig = self::rig(&[&["trade A-B 1 1; trade A-B 9 9"]], &answers);
    let mut events = start(&rig, Tape::default());
    let expected = [
        "1",
        "gap 2-8",
        "9",
        "late 2",
        "lost 3-8: they are more than 50 answers have",
    ];
    told(&mut events, &expected).await;
    assert_eq!(asked(&rig).len(), 50);
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_tried_again_with_growing_delays_and_then_given_up() {
    let answers = [status(500, "down"), ok("nonsense"), ok("trades 2")];
    let rig = rig(&[&["trade A-B 1 1; trade A-B 3 9"]], &answers);
    let mut events = start(&rig, Tape::default());
    told(&mut events, &["1", "gap 2-2", "3", "late 2"]).await;
    assert_eq!(asked(&rig).len(), 3);

    let refused = [status(400, "no such symbol")];
    let failing = [status(503, "")];
    for (answers, tries) in [(refused, 3), (failing, 10)] {
        let rig = self::rig(&[&["trade A-B 1 1; trade A-B 3 9"]], &answers);
        let mut events = start(&rig, Tape::default());
        let mut told = Vec::new();
        while told.len() < 4 {
            told.extend(words(events.next().await));
        }
        assert_eq!(told[..3], ["1", "gap 2-2", "3"]);
        assert!(told[3].starts_with("lost 2-2: failed to "), "{}", told[3]);
        assert_eq!(asked(&rig).len(), tries);
        let times = rig.request_times();
        assert!(times[2] - times[1] >= Duration::from_secs(1));
    }
}

#[tokio::test(start_paused = true)]
async fn where_there_is_no_request_for_trades_they_are_lost_and_late_ones_come() {
    let rig = rig(
        &[&["trade A-B 1 1; trade A-B 4 2", "wait", "trade A-B 3 2"]],
        &[],
    );
    let exchange = Tape {
        has_history: false,
        ..Tape::default()
    };
    let mut events = start(&rig, exchange);
    let expected = [
        "1",
        "gap 2-3",
        "4",
        "lost 2-3: the exchange has no request for them",
        "3",
    ];
    told(&mut events, &expected).await;
}

#[tokio::test(start_paused = true)]
async fn gaps_are_filled_while_there_is_no_connection() {
    let rig = rig(
        &[&["trade A-B 1 1; trade A-B 3 2"], &["trade A-B 4 9"]],
        &[ok("trades 2")],
    );
    // After the first connection, none is opened for a long time.
    let mut events = start(&rig, Tape::default());
    let mut before = 0;
    loop {
        match events.next().await {
            FeedEventKind::Connected { .. } => before += 1,
            FeedEventKind::Trade(trade) if trade.backfilled => break,
            _ => {}
        }
    }
    assert_eq!(before, 1);
}

#[tokio::test(start_paused = true)]
async fn a_new_numbering_ends_what_is_missing_of_the_old_one() {
    let rig = rig(
        &[&["trade A-B 10 1; trade A-B 15 2; trade A-B 3 3; trade A-B 5 4; trade A-B 6 4"]],
        &[ok("trades 3 4 5")],
    );
    let mut events = start(&rig, Tape::default());
    let expected = [
        "10",
        "gap 11-14",
        "15",
        "lost 11-14: numbering has begun anew",
        "restarted",
        "3",
        "gap 4-4",
        "5",
        "6",
        "late 4",
    ];
    told(&mut events, &expected).await;
}

#[tokio::test(start_paused = true)]
async fn an_id_near_the_end_of_all_numbers_silences_nothing() {
    let end = u64::MAX - 7;
    let said = format!("trade A-B 10 1; trade A-B {end} 1; trade A-B 11 1; trade A-B 13 2");
    let rig = rig(&[&[&said, "wait", "trade A-B 14 3"]], &[ok("trades 12 13")]);
    let mut events = start(&rig, Tape::default());
    let end = end.to_string();
    let expected = [
        "10",
        "restarted",
        &end,
        "restarted",
        "11",
        "gap 12-12",
        "13",
        "late 12",
        "14",
    ];
    told(&mut events, &expected).await;
}

#[tokio::test(start_paused = true)]
async fn several_trades_in_one_of_which_some_are_known_are_asked_for_one_by_one() {
    let rig = rig(
        &[&["trade A-B 10 1; trade A-B 14/2 2; trade A-B 13/3 2"]],
        &[ok("trades 11 12")],
    );
    let mut events = start(&rig, Tape::default());
    told(
        &mut events,
        &["10", "gap 11-12", "14/2", "late 11", "late 12"],
    )
    .await;
    let rig = self::rig(
        &[&["trade A-B 10 1; trade A-B 12/3 2"]],
        &[ok("trades 11 12")],
    );
    let mut events = start(&rig, Tape::default());
    told(&mut events, &["10", "gap 11-12", "late 11", "late 12"]).await;
}

#[tokio::test(start_paused = true)]
async fn of_many_gaps_the_oldest_is_given_up() {
    let said: Vec<_> = (0..66)
        .map(|id| format!("trade A-B {} 1", 2 * id))
        .collect();
    let rig = rig(&[&[&said.join("; ")]], &[ok("trades")]);
    let mut events = start(&rig, Tape::default());
    let mut lost = Vec::new();
    while lost.len() < 65 {
        let told = words(events.next().await);
        lost.extend(told.filter(|told| told.starts_with("lost")));
    }
    assert_eq!(lost[0], "lost 1-1: more than 64 gaps are open");
    assert_eq!(lost[1], "lost 3-3: the exchange does not have them");
}

/// Where nobody knows whether trades are missing, nothing is claimed, and what there is comes.
#[tokio::test(start_paused = true)]
async fn where_ids_have_holes_of_their_own_trades_are_asked_for_after_a_cut() {
    let growing = Tape {
        rules: Rules {
            trades: TradeIds::Growing,
            ..Tape::default().rules
        },
        ..Tape::default()
    };
    let rig = rig(
        &[
            &["trade A-B 1 1; trade A-B 10 2; trade A-B 8 2"],
            &["trade A-B 30 3; trade A-B 40 4"],
        ],
        // The first one is older than the stream.
        &[ok("trades 10 8 1"), ok("trades 40 30 25 17 10 8")],
    );
    let mut events = start(&rig, growing);
    told(
        &mut events,
        &["1", "10", "8", "30", "40", "late 17", "late 25"],
    )
    .await;
}

#[derive(Debug, Clone)]
pub(crate) enum Said {
    /// The next trades, of which the first ones do not come.
    Trades {
        dropped: u64,
        sent: u64,
    },
    /// The next trades, in one.
    Several {
        count: u64,
    },
    /// One of the last ones, again or late, or several in one that end with it.
    Again {
        back: u64,
        count: u64,
    },
    Cut,
    Pause,
}

pub(crate) fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        4 => (0..6_u64, 1..4_u64).prop_map(|(dropped, sent)| Said::Trades { dropped, sent }),
        1 => (2..5_u64).prop_map(|count| Said::Several { count }),
        3 => (0..12_u64, 1..4_u64).prop_map(|(back, count)| Said::Again { back, count }),
        1 => Just(Said::Cut),
        2 => Just(Said::Pause),
    ]
}

pub(crate) fn answer() -> impl Strategy<Value = Answer> {
    let page = (
        vec((0..90_u64, 1..3_u64), 0..40),
        any::<Option<u8>>(),
        0..3_u64,
    );
    prop_oneof![
        6 => page.prop_map(|(ids, cursor, seconds)| {
            let ids: Vec<_> = ids
                .iter()
                .map(|(id, count)| format!(" {}/{count}", 90 + id))
                .collect();
            let cursor = cursor.map_or_else(String::new, |cursor| format!(" > {cursor}"));
            ok(format!("trades{}{cursor}", ids.concat())).after(seconds)
        }),
        1 => Just(ok("nonsense")),
        1 => Just(status(500, "")),
        1 => Just(status(404, "no")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Whatever the stream drops, repeats and sends late, and whatever the answers are: each id that was
    /// told to be missing comes once or is lost, and what comes or is lost had not come before.
    #[test]
    fn every_id_of_a_gap_comes_once_or_is_lost(
        said in vec(said(), 1..40),
        answers in vec(answer(), 1..40),
    ) {
        in_paused_time(check(said, answers, None));
    }
}

pub(crate) fn in_paused_time(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(future);
}

/// After so many seconds, the last trade that is `stored` becomes known.
pub(crate) async fn check(said: Vec<Said>, answers: Vec<Answer>, stored: Option<(u64, u64)>) {
    let mut next = 100;
    let mut steps = vec![say("trade A-B 99 1")];
    let mut dials = Vec::new();
    for said in said {
        match said {
            Said::Trades { dropped, sent } => {
                next += dropped;
                steps.extend((next..next + sent).map(|id| say(format!("trade A-B {id} 1"))));
                next += sent;
            }
            Said::Several { count } => {
                next += count;
                steps.push(say(format!("trade A-B {}/{count} 1", next - 1)));
            }
            Said::Again { back, count } => {
                let id = (next - 1 - back.min(next - 100)).max(99);
                let count = count.min(id - 98);
                steps.push(say(format!("trade A-B {id}/{count} 1")));
            }
            Said::Cut => {
                steps.push(Step::Break);
                dials.push(Dial::Open(std::mem::take(&mut steps)));
            }
            Said::Pause => steps.push(Step::Wait(2)),
        }
    }
    steps.push(Step::Wait(5));
    steps.push(say(format!("trade A-B {next} 1")));
    dials.push(Dial::Open(steps));
    let rig = rig_of(dials, answers);
    let feed = rig.feed(Tape::default(), &["A-B"], &[Channel::Trades]);
    let handle = feed.handle();
    let mut events = Events::of(feed, 64);
    let mut first = 99;
    if let Some((seconds, id)) = stored {
        first = first.min(id + 1);
        tokio::spawn(async move {
            sleep(Duration::from_secs(seconds)).await;
            handle.backfill(symbol("A-B"), &TradeId::Number(id), None);
        });
    }
    let (mut missing, mut lost, mut come) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    // In order among themselves, but for gaps that open later.
    while !missing.is_empty()
        || !come.contains(&next)
        || !(come.contains(&first) || lost.contains(&first))
    {
        match events.next().await {
            FeedEventKind::Trade(trade) => {
                let Some(TradeId::Number(last)) = trade.id else {
                    panic!("no number");
                };
                for id in last + 1 - u64::from(trade.count)..=last {
                    assert!(come.insert(id), "{id} twice");
                    let was_missing = missing.remove(&id);
                    if trade.backfilled {
                        assert!(was_missing, "{id} was not missing");
                        assert!(missing.range(..id).next().is_none(), "{id} is out of order");
                    }
                }
            }
            FeedEventKind::TradeGap { from, to, .. } => {
                for id in from..=to {
                    assert!(!come.contains(&id), "{id} has come");
                    assert!(missing.insert(id), "{id} told twice");
                    // Several in one have come, of which it is one, and others had come before.
                    lost.remove(&id);
                }
            }
            FeedEventKind::TradesLost {
                symbol: of,
                from,
                to,
                ..
            } => {
                assert_eq!(of, symbol("A-B"));
                for id in from..=to {
                    assert!(missing.remove(&id), "{id} was not missing");
                    lost.insert(id);
                }
            }
            FeedEventKind::Connected { .. } | FeedEventKind::Disconnected { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    let all: BTreeSet<_> = come.union(&lost).copied().collect();
    assert_eq!(
        all,
        (first..=next).collect(),
        "something is missing without a word"
    );
    assert!(events.are_over_for(3600).await);
}
