//! What counts, from when on, and who is to blame.

use std::time::Duration;

use super::*;
use crate::sample::{NOW_S, cut, failed, ns, status, turn};

const PATIENCE: Duration = Duration::from_secs(30);

fn judged(status: &Status) -> Readiness {
    judge(status, PATIENCE)
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
fn a_symbol_that_is_not_trading_is_no_fault() {
    let mut status = status(&["A-B"]);
    let symbol = &mut status.exchanges[0].symbols[0];
    symbol.state = State::NotTrading;
    symbol.channels.clear();
    assert!(judged(&status).is_ready);
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
    status.proxies = vec![old];
    assert_eq!(behind(&status), "proxy.example:1080");
    status.exchanges[0].outages[0].proxies.clear();
    assert_eq!(behind(&status), "socks5h://***@proxy.example:1080");
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
