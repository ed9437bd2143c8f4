//! One share of what several programs are asked for.

use std::collections::HashSet;
use std::time::Duration;

use feeds::{Channel, Subscription, Symbol, SymbolFilter};
use tokio::time::sleep;

use super::{Market, open, patterns, seconds};
use crate::fixtures::symbol;

const TRADES: [Channel; 1] = [Channel::Trades];

/// Has these symbols, and no others.
fn share(names: &str) -> SymbolFilter {
    let names: HashSet<_> = names.split_whitespace().map(symbol).collect();
    SymbolFilter::new(move |symbol: &Symbol| names.contains(symbol))
}

fn symbols(market: &Market) -> Vec<String> {
    let status = market.handle.status();
    let names = status.symbols.iter().map(|it| it.symbol.to_string());
    names.collect()
}

#[tokio::test(start_paused = true)]
async fn only_what_the_filter_has_is_streamed_and_the_rest_is_not_spoken_of() {
    let mut market = Market::start(
        &["A-B C-B X-Y V-W"],
        vec![open(&[])],
        &["X-Y", "V-W", "L-M", "*-B"],
        &TRADES,
    );
    assert!(!market.handle.is_limited());
    market.handle.limit_to(share("A-B X-Y N-O"));
    assert!(market.handle.is_limited());
    assert_eq!(market.told_within(2000).await, ["connected 2"]);
    assert_eq!(market.dialed(), ["subscribe 1 X-Y:trades,A-B:trades"]);
    assert_eq!(symbols(&market), ["A-B", "X-Y"]);
    // Nothing is missing that would be looked for.
    assert_eq!(market.asked_for_lists()[..3], [0, 300, 600]);
}

#[tokio::test(start_paused = true)]
async fn what_comes_into_the_filter_and_what_leaves_it_touches_nothing_else() {
    let books = "snapshot A-B 1 9x1 10x2; snapshot C-D 1 9x1 10x2";
    let names = ["A-B", "C-D", "E-F", "L-M"];
    let channels = [Channel::L2Book];
    let mut market = Market::start(&["A-B C-D E-F"], vec![open(&[books])], &names, &channels);
    market.handle.limit_to(share("A-B C-D L-M"));
    assert_eq!(
        market.told_within(10).await,
        [
            "not_trading L-M []",
            "connected 2",
            "snapshot A-B",
            "snapshot C-D"
        ]
    );
    market.handle.limit_to(share("C-D E-F"));
    assert_eq!(
        market.told_within(4).await,
        [
            "unsubscribed L-M l2_book",
            "invalid A-B Unsubscribed",
            "unsubscribed A-B l2_book",
        ]
    );
    assert_eq!(
        market.said()[..2],
        [
            "10: unsubscribe 2 A-B:l2_book",
            "10: subscribe 3 E-F:l2_book"
        ]
    );
    assert_eq!(market.dialed().len(), 1);
    assert_eq!(symbols(&market), ["C-D", "E-F"]);
}

#[tokio::test(start_paused = true)]
async fn the_filter_outlives_other_symbols() {
    let mut market = Market::start(&["A-B C-D E-F"], vec![open(&[])], &["A-B"], &TRADES);
    market.handle.limit_to(share("A-B C-D"));
    seconds(1).await;
    let subscription = Subscription::new(patterns("*"), TRADES).unwrap();
    market.handle.replace(&subscription).unwrap();
    seconds(1).await;
    assert_eq!(symbols(&market), ["A-B", "C-D"]);
    market.handle.unsubscribe(patterns("C-D"));
    market.handle.subscribe(patterns("E-F"));
    seconds(1).await;
    assert_eq!(symbols(&market), ["A-B"]);
    assert_eq!(
        market.told_within(10).await,
        ["connected 1", "unsubscribed C-D trades"]
    );
}

#[tokio::test(start_paused = true)]
async fn many_filters_in_a_row_are_one_change() {
    let names: Vec<_> = (0..64).map(|number| format!("A-{number}")).collect();
    let market = Market::start(&[&names.join(" ")], vec![open(&[])], &["*"], &TRADES);
    market.handle.limit_to(share("A-0"));
    seconds(10).await;
    // Within a second, and at once when they have ended.
    for count in 2..=64 {
        market.handle.limit_to(share(&names[..count].join(" ")));
        sleep(Duration::from_millis(10)).await;
    }
    seconds(1).await;
    let said = market.said();
    let [said] = &said[..] else {
        panic!("{said:?}");
    };
    assert_eq!(said.matches(":trades").count(), 63);

    // However long they come, the first one waits for a second.
    for count in 0..20 {
        market.handle.limit_to(share(&names[..=count].join(" ")));
        sleep(Duration::from_millis(200)).await;
    }
    seconds(1).await;
    let left = market.said().len() - 1;
    assert!((4..=6).contains(&left), "{left}");
    assert_eq!(symbols(&market).len(), 20);
}

#[tokio::test(start_paused = true)]
async fn what_leaves_the_filter_and_comes_back_at_once_is_not_touched() {
    let mut market = Market::start(&["A-B"], vec![open(&[])], &["*"], &TRADES);
    seconds(10).await;
    market.handle.limit_to(share(""));
    market.handle.limit_to(share("A-B"));
    assert_eq!(market.told_within(100).await, ["connected 1"]);
    assert_eq!(market.said(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_empty_share_waits_without_a_connection_and_knows_what_is_listed() {
    let lists = ["A-B", "A-B C-D"];
    let mut market = Market::start(&lists, vec![open(&[]), open(&[])], &["*", "L-M"], &TRADES);
    market.handle.limit_to(share(""));
    assert_eq!(market.told_within(700).await, [""; 0]);
    assert_eq!(market.dialed(), [""; 0]);
    assert_eq!(market.asked_for_lists(), [0, 300, 600]);
    let status = market.handle.status();
    assert!(status.is_listed && status.symbols.is_empty() && status.outages.is_empty());

    // What has come in between is no news then.
    market.handle.limit_to(share("C-D"));
    assert_eq!(market.told_within(100).await, ["connected 1"]);
    market.handle.limit_to(share(""));
    assert_eq!(market.told_within(100).await, ["unsubscribed C-D trades"]);
    assert!(market.handle.status().connections.is_empty());
    market.handle.limit_to(share("A-B"));
    assert_eq!(market.told_within(100).await, ["connected 1"]);
}

#[tokio::test(start_paused = true)]
async fn new_listings_follow_the_filter() {
    let lists = ["A-B", "A-B C-B E-B"];
    let mut market = Market::start(&lists, vec![open(&[])], &["*-B"], &TRADES);
    market.handle.limit_to(share("A-B E-B"));
    assert_eq!(
        market.told_within(1000).await,
        ["connected 1", "trading E-B"]
    );
    assert_eq!(market.said(), ["300: subscribe 2 E-B:trades"]);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_a_filter() {
    let market = Market::start(&["A-B"], vec![open(&[])], &["*"], &TRADES);
    seconds(1).await;
    market.handle.limit_to(share(""));
    market.handle.shutdown();
    assert_eq!(market.running.await.unwrap(), Ok(()));
}
