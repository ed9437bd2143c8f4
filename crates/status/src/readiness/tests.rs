//! What counts, from when on, and who is to blame.

use std::time::Duration;

use super::*;
use crate::model::FleetView;
use crate::sample::{NOW_S, cut, failed, ns, status, turn};

const PATIENCE: Duration = Duration::from_secs(30);

/// A program that is asked every five seconds.
struct Asked {
    lasting: Lasting,
    now: Instant,
}

impl Asked {
    fn new() -> Self {
        let now = Instant::now();
        let lasting = Lasting::new(now);
        Self { lasting, now }
    }

    fn next(&mut self, status: &Status) -> bool {
        self.now += Duration::from_secs(5);
        judge(status, &mut self.lasting, self.now, PATIENCE).is_ready
    }
}

#[test]
fn a_program_is_ready_when_data_flows_and_not_before() {
    let mut status = status(&["A-B"]);
    assert_eq!(judged(&status).culprits, []);
    assert!(judged(&status).is_ready);
    let mut empty = status.clone();
    empty.exchanges.clear();
    assert!(!judged(&empty).is_ready);
    status.exchanges[0].last_event_ns = None;
    let readiness = judged(&status);
    assert!(!readiness.is_ready);
    assert_eq!(readiness.culprits[0].fault, Fault::NoData);
    assert_eq!(readiness.culprits[0].since_ns, None);
}

#[test]
fn in_a_fleet_others_may_have_all_symbols_of_an_exchange() {
    let mut status = status(&[]);
    status.exchanges[0].last_event_ns = None;
    assert!(!judged(&status).is_ready);
    let mut fleet = FleetView {
        is_connected: true,
        ..FleetView::default()
    };
    status.fleet = Some(fleet);
    let readiness = judged(&status);
    assert!(
        !readiness.is_ready && readiness.culprits.is_empty(),
        "it has not joined"
    );
    // What it has goes on without the server.
    fleet = FleetView {
        is_connected: false,
        collectors: 2,
        ..fleet
    };
    status.fleet = Some(fleet);
    assert!(judged(&status).is_ready);
    status.exchanges[0].is_listed = false;
    assert!(!judged(&status).is_ready);
}

#[test]
fn an_invalid_book_counts_after_the_patience_and_is_named() {
    for state in [State::Invalid, State::Joining] {
        let mut status = status(&["A-B", "C-D"]);
        turn(&mut status, 1, 2, state, NOW_S - 30);
        assert!(judged(&status).is_ready, "{state}");
        turn(&mut status, 1, 2, state, NOW_S - 31);
        let readiness = judged(&status);
        let [culprit] = &readiness.culprits[..] else {
            panic!("{readiness:?}");
        };
        assert_eq!(culprit.fault, Fault::InvalidBook);
        assert_eq!(culprit.symbol.as_deref(), Some("C-D"));
        assert_eq!(culprit.channel.as_deref(), Some("l2_book"));
        assert_eq!(culprit.proxy.as_deref(), Some("proxy.example:1080"));
    }
}

#[test]
fn a_stream_that_is_stale_counts_and_a_quiet_one_does_not() {
    let mut status = status(&["A-B"]);
    turn(&mut status, 0, 0, State::Joining, 0);
    assert!(judged(&status).is_ready);
    turn(&mut status, 0, 0, State::Stale, NOW_S - 40);
    assert_eq!(judged(&status).culprits[0].fault, Fault::StaleStream);
}

#[test]
fn a_stream_counts_as_soon_as_it_is_told_to_have_been_stale_for_long() {
    let (mut asked, mut status) = (Asked::new(), status(&["A-B"]));
    assert!(asked.next(&status));
    turn(&mut status, 0, 0, State::Stale, NOW_S - 40);
    assert!(!asked.next(&status));
}

#[test]
fn a_symbol_that_is_not_trading_is_no_fault() {
    let mut status = status(&["A-B"]);
    let symbol = &mut status.exchanges[0].symbols[0];
    symbol.state = State::NotTrading;
    symbol.channels.clear();
    assert!(judged(&status).is_ready);
}

#[test]
fn behind_silence_is_no_proxy_when_nothing_that_is_wanted_is_trading() {
    let mut status = status(&["A-B"]);
    status.exchanges[0].last_event_ns = None;
    let behind = |status: &Status| {
        let culprit = judged(status).culprits.remove(0);
        (culprit.fault, culprit.proxy, culprit.cause)
    };
    let way = Some("proxy.example:1080".to_owned());
    assert_eq!(behind(&status), (Fault::NoData, way, None));
    let cause = Some("nothing of what is wanted is trading".to_owned());
    status.exchanges[0].symbols[0].state = State::NotTrading;
    assert_eq!(behind(&status), (Fault::NoData, None, cause.clone()));
    // Patterns that nothing has.
    status.exchanges[0].symbols.clear();
    assert_eq!(behind(&status), (Fault::NoData, None, cause));
}

#[test]
fn behind_an_outage_is_the_proxy_that_failed_last_for_the_exchange() {
    let mut status = status(&["A-B"]);
    cut(&mut status, NOW_S - 31);
    let behind = |status: &Status| judged(status).culprits[0].proxy.clone().unwrap();
    assert_eq!(behind(&status), "proxy.example:1080");
    let old = failed("http://***@old.example:1", NOW_S - 100);
    let first = failed("http://***@first.example:1", NOW_S - 20);
    let last = failed("http://***@last.example:1", NOW_S - 10);
    let mut other = failed("http://***@other.example:1", NOW_S - 1);
    other.last_failure.as_mut().unwrap().exchange = Some("okx".to_owned());
    status.proxies = vec![old.clone(), last, first, other];
    assert_eq!(behind(&status), "http://***@last.example:1");
    // A dial is known to have failed before the outage that it begins is told.
    status.proxies = vec![failed("http://***@began.example:1", NOW_S - 32)];
    assert_eq!(behind(&status), "http://***@began.example:1");
    status.proxies = vec![old];
    assert_eq!(behind(&status), "proxy.example:1080");
    status.exchanges[0].outages[0].proxies.clear();
    assert_eq!(behind(&status), "socks5h://***@proxy.example:1080");
}

#[test]
fn behind_silence_is_the_reader_when_events_wait_and_no_exchange_brings_more() {
    let mut status = status(&["A-B"]);
    let mut other = status.exchanges[0].clone();
    other.exchange = "okx".to_owned();
    status.exchanges.push(other);
    status.output.waiting = 4103;
    status.exchanges[0].last_event_ns = Some(ns(NOW_S - 31));
    let way = Some("proxy.example:1080");
    assert_eq!(judged(&status).culprits[0].proxy.as_deref(), way);
    status.exchanges[1].last_event_ns = Some(ns(NOW_S - 32));
    for culprit in judged(&status).culprits {
        let cause = "the output is not read: 4103 events wait";
        assert_eq!(culprit.cause.as_deref(), Some(cause));
        assert_eq!(culprit.proxy, None);
    }
}

#[test]
fn a_hundred_culprits_are_named_and_the_others_counted() {
    let names: Vec<_> = (0..250).map(|number| format!("A{number}-B")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let mut status = status(&names);
    for symbol in 0..names.len() {
        turn(&mut status, symbol, 2, State::Invalid, 1);
    }
    let readiness = judged(&status);
    assert_eq!((readiness.culprits.len(), readiness.more), (100, 150));
    assert_eq!(readiness.culprits[0].since_ns, Some(ns(1)));
}

#[test]
fn a_clock_that_is_set_neither_makes_data_old_nor_hides_that_none_comes() {
    for set_s in [3600, -3600] {
        let (mut asked, mut status) = (Asked::new(), status(&["A-B"]));
        assert!(asked.next(&status));
        // The events of a connection go on with the time that it began by.
        for step in 1..20 {
            status.taken_ns = ns(NOW_S + set_s + 5 * step);
            status.exchanges[0].last_event_ns = Some(ns(NOW_S + 5 * step));
            assert!(asked.next(&status), "{set_s} {step}");
        }
        let silent: Vec<_> = (20..30)
            .map(|step| {
                status.taken_ns = ns(NOW_S + set_s + 5 * step);
                asked.next(&status)
            })
            .collect();
        assert_eq!(silent.iter().filter(|is_ready| **is_ready).count(), 6);
        assert!(!silent[9], "{silent:?}");
    }
}

#[test]
fn a_clock_that_is_set_does_not_hide_a_book_that_is_invalid() {
    let (mut asked, mut status) = (Asked::new(), status(&["A-B"]));
    turn(&mut status, 0, 2, State::Invalid, NOW_S);
    let verdicts: Vec<_> = (0..8)
        .map(|step| {
            status.taken_ns = ns(NOW_S - 3600 + 5 * step);
            status.exchanges[0].last_event_ns = Some(status.taken_ns);
            asked.next(&status)
        })
        .collect();
    assert_eq!(verdicts, [true, true, true, true, true, true, true, false]);
}

#[test]
fn what_is_wrong_again_is_not_what_was_wrong_before() {
    let (mut asked, mut status) = (Asked::new(), status(&["A-B"]));
    for step in 0..20 {
        status.taken_ns = ns(NOW_S + 5 * step);
        status.exchanges[0].last_event_ns = Some(status.taken_ns);
        // It has been true in between.
        turn(&mut status, 0, 2, State::Invalid, NOW_S + 5 * step - 1);
        assert!(asked.next(&status), "{step}");
    }
}

#[test]
fn an_exchange_that_a_reload_adds_has_as_long_as_anything_else() {
    let (mut asked, mut status) = (Asked::new(), status(&["A-B"]));
    let mut added = status.exchanges[0].clone();
    added.exchange = "okx".to_owned();
    added.last_event_ns = None;
    let step = |asked: &mut Asked, status: &mut Status| {
        status.taken_ns += ns(5);
        status.exchanges[0].last_event_ns = Some(status.taken_ns);
        asked.next(status)
    };
    // At the start, there is no data before it is there.
    status.exchanges.push(added.clone());
    assert!(!step(&mut asked, &mut status));
    status.exchanges.pop();
    assert!(step(&mut asked, &mut status));
    status.exchanges.push(added);
    let verdicts: Vec<_> = (0..8).map(|_| step(&mut asked, &mut status)).collect();
    assert_eq!(verdicts, [true, true, true, true, true, true, true, false]);
}
