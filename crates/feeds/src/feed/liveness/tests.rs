//! When streams are silent without a reason, for every order of things.

use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, proptest};

use super::*;
use crate::exchange::BestPrices;
use crate::instruments::Instrument;

fn stream(symbol: &str, channel: Channel) -> Stream {
    Stream {
        instrument: Instrument::new(symbol.parse().unwrap(), symbol),
        channel,
    }
}

fn traded(id: u64) -> Activity {
    Activity {
        trade_id: Some(id),
        ..Activity::default()
    }
}

/// One stream of trades, which has been asked for at 0.
struct One {
    liveness: Liveness,
    symbol: Symbol,
}

impl One {
    fn new() -> Self {
        let stream = stream("A-B", Channel::Trades);
        let symbol = stream.instrument.symbol().clone();
        let mut liveness = Liveness::new([stream]);
        liveness.begin_connection(0);
        liveness.asked(&symbol, Channel::Trades, 0);
        Self { liveness, symbol }
    }

    fn spoke(&mut self, id: u64, second: i64) -> bool {
        let (symbol, at_ns) = (self.symbol.clone(), second * SECOND);
        self.liveness
            .spoke(&symbol, Channel::Trades, traded(id), at_ns)
    }

    /// Since which second it is newly stale.
    fn look(&mut self, second: i64) -> Option<i64> {
        let silent = self.liveness.look(second * SECOND);
        silent.first().map(|it| it.since_ns / SECOND)
    }

    /// Whether the connection shall be replaced.
    fn told(&mut self, id: u64, second: i64) -> bool {
        let told = HashMap::from([(self.symbol.clone(), traded(id))]);
        self.liveness.compare(&told, |_| None, second * SECOND)
    }

    fn is_suspected(&mut self) -> bool {
        !self.liveness.suspected().is_empty()
    }

    fn next_look(&self) -> i64 {
        let next_ns = self.liveness.next_look_ns().unwrap();
        (next_ns + SECOND - 1) / SECOND
    }
}

#[test]
fn ten_times_the_usual_interval_is_suspicious_and_never_less_than_half_a_minute() {
    let limit = |interval: i64, bursts: u64| {
        let mut one = One::new();
        let mut now = 0;
        for _ in 0..3600 / interval {
            now += interval;
            for id in 0..bursts {
                one.spoke(id, now);
            }
        }
        while !one.is_suspected() {
            let next = one.next_look();
            one.look(next);
            now = next.max(now);
        }
        now - 3600 / interval * interval
    };
    assert_eq!(limit(1, 1), 30);
    assert_eq!(limit(3, 1), 30);
    // Of an hour with a memory of ten minutes.
    assert!((95..=100).contains(&limit(10, 1)), "{}", limit(10, 1));
    assert!((550..=600).contains(&limit(60, 1)), "{}", limit(60, 1));
    // A burst does not count for more than one message.
    assert_eq!(limit(60, 50), limit(60, 1));
}

#[test]
fn who_did_not_listen_in_time_listens_for_as_long_again() {
    let mut one = One::new();
    one.spoke(7, 1);
    assert_eq!(one.look(31), None);
    assert!(!one.told(9, 31));
    assert_eq!(one.look(50), None);
    assert_eq!(one.look(55), Some(1));
}

#[test]
fn a_pause_of_a_fault_is_not_usual() {
    let mut one = One::new();
    for second in 1..100 {
        one.spoke(7, second);
    }
    one.look(129);
    one.told(9, 129);
    assert_eq!(one.look(134), Some(99));
    one.look(164);
    assert!(one.spoke(9, 5000));
    assert_eq!(one.next_look(), 5030);
}

// OKX begins a subscription with the last trade, and Kraken with the best prices.
#[test]
fn a_stream_that_speaks_only_when_it_is_subscribed_to_is_lost() {
    let mut one = One::new();
    let mut told = Vec::new();
    one.spoke(7, 0);
    while told.len() < 6 {
        let now = one.next_look();
        let silent = one.liveness.look(now * SECOND);
        if let [silent] = &silent[..] {
            told.push((now, silent.is_lost));
            one.spoke(7, now);
        } else if one.is_suspected() {
            one.told(9, now);
        }
    }
    let lost: Vec<_> = told.iter().map(|(_, is_lost)| *is_lost).collect();
    assert_eq!(lost, [false, true, false, false, false, false]);
    one.look(told[5].0 + 1000);
    one.told(9, told[5].0 + 1000);
    let silent = one.liveness.look((told[5].0 + 1005) * SECOND);
    assert!(!silent[0].is_lost, "it was live for long");
}

#[test]
fn what_is_not_asked_for_is_not_watched() {
    let mut one = One::new();
    one.liveness.refused(&one.symbol, None);
    one.look(100);
    assert!(!one.is_suspected() && one.liveness.next_look_ns().is_none());
    one.liveness
        .asked(&one.symbol, Channel::Trades, 100 * SECOND);
    assert_eq!(one.next_look(), 130);
    one.liveness.begin_connection(120 * SECOND);
    assert_eq!(one.liveness.next_look_ns(), None);
}

#[test]
fn a_stream_that_no_connection_brings_back_leaves_each_for_longer() {
    let mut one = One::new();
    let (mut now, mut lost) = (0, Vec::new());
    one.spoke(7, now);
    while lost.len() < 7 {
        now = one.next_look().max(now);
        one.look(now);
        let id = u64::try_from(now).unwrap();
        if one.is_suspected() && one.told(id, now) {
            lost.push(now);
            one.liveness.begin_connection(now * SECOND);
            one.liveness
                .asked(&one.symbol, Channel::Trades, now * SECOND);
        }
    }
    let pauses: Vec<_> = lost.windows(2).map(|two| (two[1] - two[0]) / 60).collect();
    assert_eq!(lost[0], 65);
    assert_eq!(pauses, [5, 10, 20, 40, 60, 60]);
}

/// What happens to one of three streams, so many seconds after what happened before.
#[derive(Debug, Clone)]
enum Happening {
    Spoke(usize),
    /// The exchange has moved on.
    Moved(usize),
    /// What the exchange says arrives, if somebody has asked.
    Told,
    Nothing,
    Reconnected,
}

fn happening() -> impl Strategy<Value = (i64, Happening)> {
    let what = prop::sample::select(vec![
        Happening::Spoke(0),
        Happening::Spoke(1),
        Happening::Spoke(2),
        Happening::Moved(0),
        Happening::Moved(2),
        Happening::Told,
        Happening::Told,
        Happening::Nothing,
        Happening::Nothing,
        Happening::Reconnected,
    ]);
    (0..40i64, what)
}

proptest! {
    // The first stream is stale only if the exchange has moved on since it spoke, and it has been silent
    // for long; stale and live alternate; the second, in which nothing moves, is never stale.
    #[test]
    fn nothing_is_stale_without_a_reason_and_live_follows_it_once(
        happenings in vec(happening(), 0..200),
        first_id in any::<u32>(),
    ) {
        let channels = [Channel::Trades, Channel::Ticker, Channel::L2Book];
        let streams = channels.map(|channel| stream("A-B", channel));
        let symbol = streams[0].instrument.symbol().clone();
        let mut liveness = Liveness::new(streams.clone());
        let mut now_ns = 0;
        // What the exchange has, and what each stream has said of it.
        let mut exchange = Activity {
            trade_id: Some(first_id.into()),
            trade_price: None,
            best: Some(BestPrices::default()),
        };
        let mut book = exchange;
        let mut last_ns = [0; 3];
        let mut moved_ns = [None; 3];
        let mut is_stale = [false; 3];
        let connect = |liveness: &mut Liveness, now_ns| {
            liveness.begin_connection(now_ns);
            for channel in channels {
                liveness.asked(&symbol, channel, now_ns);
            }
        };
        connect(&mut liveness, now_ns);
        for (seconds, happening) in happenings {
            let until_ns = now_ns + seconds * SECOND;
            // As a session does, in time.
            while let Some(next_ns) = liveness.next_look_ns().filter(|it| *it <= until_ns) {
                now_ns = now_ns.max(next_ns);
                for silent in liveness.look(now_ns) {
                    let index = silent.stream.channel as usize;
                    prop_assert_eq!(silent.since_ns, last_ns[index]);
                    prop_assert!(now_ns - last_ns[index] >= LEAST_SILENCE + GRACE);
                    prop_assert!(moved_ns[index].is_some_and(|at| at >= last_ns[index]));
                    prop_assert!(!std::mem::replace(&mut is_stale[index], true));
                }
            }
            now_ns = until_ns;
            match happening {
                Happening::Spoke(index) => {
                    book = if index == 2 { exchange } else { book };
                    let said = if index == 2 { Activity::default() } else { exchange };
                    let is_live = liveness.spoke(&symbol, channels[index], said, now_ns);
                    prop_assert_eq!(is_live, std::mem::take(&mut is_stale[index]));
                    (last_ns[index], moved_ns[index]) = (now_ns, None);
                }
                Happening::Moved(0) => {
                    exchange.trade_id = exchange.trade_id.map(|id| id + 1);
                    moved_ns[0] = Some(now_ns);
                }
                Happening::Moved(_) => {
                    exchange.best = Some(BestPrices {
                        bid: Some(now_ns.into()),
                        ask: None,
                    });
                    (moved_ns[1], moved_ns[2]) = (Some(now_ns), Some(now_ns));
                }
                Happening::Told if !liveness.suspected().is_empty() => {
                    let told = HashMap::from([(symbol.clone(), exchange)]);
                    let said = |stream: &Stream| {
                        (stream.channel == Channel::L2Book).then_some(book)
                    };
                    if liveness.compare(&told, said, now_ns) {
                        prop_assert!(is_stale.contains(&true));
                    }
                    prop_assert!(liveness.suspected().is_empty());
                }
                Happening::Told | Happening::Nothing => {}
                Happening::Reconnected => {
                    connect(&mut liveness, now_ns);
                    book = exchange;
                    for index in 0..3 {
                        (last_ns[index], moved_ns[index]) = (now_ns, None);
                    }
                }
            }
            prop_assert!(liveness.times.len() <= 3);
        }
    }
}
