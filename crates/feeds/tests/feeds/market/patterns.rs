//! Patterns, and new listings.

use feeds::Channel;

use super::{Market, open, patterns, seconds};

const TRADES: [Channel; 1] = [Channel::Trades];

#[tokio::test(start_paused = true)]
async fn a_pattern_has_what_is_listed_and_what_is_listed_later() {
    let mut market = Market::start(
        &["C-B A-B X-Y", "A-B C-B E-B X-Y Z-Y"],
        vec![open(&[])],
        &["*-B"],
        &TRADES,
    );
    assert_eq!(market.told_within(299).await, ["connected 2"]);
    assert_eq!(market.told_within(1000).await, ["trading E-B"]);
    assert_eq!(market.dialed(), ["subscribe 1 A-B:trades,C-B:trades"]);
    assert_eq!(market.said(), ["300: subscribe 2 E-B:trades"]);
}

#[tokio::test(start_paused = true)]
async fn what_stands_before_a_pattern_comes_before_it_and_once() {
    let market = Market::start(&["C-B A-B E-B"], vec![], &["E-B", "*", "A-?"], &TRADES);
    seconds(1).await;
    assert_eq!(
        market.dialed(),
        ["subscribe 1 E-B:trades,A-B:trades,C-B:trades"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_pattern_without_a_match_is_told_once_until_it_has_one() {
    let mut market = Market::start(
        &["A-B C-D", "A-B C-D", "A-B C-D A-X", "A-B C-D", "A-B C-D"],
        vec![open(&[])],
        &["*-X"],
        &TRADES,
    );
    assert_eq!(market.told_within(179).await, ["no_match *-X"]);
    assert_eq!(market.handle.status().unmatched, patterns("*-X"));
    assert_eq!(
        market.told_within(100).await,
        ["trading A-X", "connected 1"]
    );
    assert_eq!(market.handle.status().unmatched, []);
    let told = market.told_within(1000).await;
    assert_eq!(told, ["no_match *-X", "not_trading A-X []"]);
    assert_eq!(market.asked_for_lists()[..5], [0, 60, 180, 480, 510]);
}
