//! Symbols that are not in the list, that come, and that go.

use std::time::Duration;

use feeds::{Channel, SymbolPattern};

use super::{Market, open, open_later};
use crate::fake::{Dial, Rig, Step, ok, queue_of, say, status};
use crate::tape::Tape;

const TRADES: [Channel; 1] = [Channel::Trades];

#[tokio::test(start_paused = true)]
async fn a_symbol_that_is_not_trading_is_told_and_stops_nothing_else() {
    let mut market = Market::start(
        &["ETH-USDT ETH-USDC BTC-USDT"],
        vec![open(&["trade BTC-USDT 1 0"])],
        &["ETH-USTD", "BTC-USDT", "LUNA-EUR"],
        &TRADES,
    );
    assert_eq!(
        market.told_within(30_000).await,
        [
            "not_trading ETH-USTD [ETH-USDT,ETH-USDC]",
            "not_trading LUNA-EUR []",
            "connected 1",
            "trade BTC-USDT 1",
        ]
    );
    assert_eq!(market.dialed(), ["subscribe 1 BTC-USDT:trades"]);
    // Sooner at first, and then as often as if nothing were missing.
    let asked = market.asked_for_lists();
    assert_eq!(asked[..7], [0, 60, 180, 420, 720, 1020, 1320]);
}

#[tokio::test(start_paused = true)]
async fn a_symbol_that_comes_later_is_told_and_joins_the_open_connection() {
    let mut market = Market::start(
        &["A-B", "A-B", "A-B C-D"],
        vec![open_later(&[(1, "trade A-B 1 0"), (200, "trade C-D 1 0")])],
        &["A-B", "C-D"],
        &TRADES,
    );
    assert_eq!(
        market.told_within(1000).await,
        [
            "not_trading C-D []",
            "connected 1",
            "trade A-B 1",
            "trading C-D",
            "trade C-D 1"
        ]
    );
    assert_eq!(market.dialed(), ["subscribe 1 A-B:trades"]);
    assert_eq!(market.said(), ["180: subscribe 2 C-D:trades"]);
    assert_eq!(market.asked_for_lists(), [0, 60, 180, 480, 780]);
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_takes_one_event_at_a_time_gets_all() {
    let mut exchange = Tape::default();
    exchange.limits.symbols = Some(1);
    let dials = ["A-B", "C-D", "E-F"].map(|name| {
        let lines = (0..20).map(|id| say(format!("trade {name} {id} 0")));
        Dial::Open(lines.collect())
    });
    let rig = Rig::new([ok("A-B C-D E-F")], dials);
    let feed = rig.feed(exchange, &["*", "G-H", "I-J", "K-*"], &TRADES);
    let handle = feed.handle();
    let (queue, mut events) = queue_of(1);
    let running = tokio::spawn(feed.run(queue));
    let mut count = 0;
    while let Some(event) = events.recv().await {
        count += 1;
        assert_eq!(event.sequence, count);
        // While there is more than fits.
        if count == 30 {
            handle.unsubscribe([SymbolPattern::parse("*").unwrap()]);
            handle.shutdown();
        }
    }
    assert_eq!(running.await.unwrap(), Ok(()));
    assert!(count >= 35, "{count}");
}

#[tokio::test(start_paused = true)]
async fn what_nothing_is_trading_of_waits_without_a_connection() {
    let mut market = Market::start(&["A-B", "C-D"], vec![open(&[])], &["C-D"], &TRADES);
    assert_eq!(
        market.told_within(1000).await,
        ["not_trading C-D []", "trading C-D", "connected 1"]
    );
    assert_eq!(market.asked_for_lists()[..2], [0, 60]);
}

const BOOKS: [&str; 2] = ["snapshot A-B 1 9x1 10x2", "snapshot C-D 1 9x1 10x2"];

#[tokio::test(start_paused = true)]
async fn a_symbol_that_leaves_the_list_is_removed_and_looked_for_again() {
    let mut market = Market::start(
        &["A-B C-D", "A-B", "A-B", "A-B C-D"],
        vec![open(&BOOKS)],
        &["A-B", "C-D"],
        &[Channel::L2Book],
    );
    let both = ["connected 2", "snapshot A-B", "snapshot C-D"];
    assert_eq!(market.told_within(329).await, both);
    assert_eq!(
        market.told_within(10).await,
        ["invalid C-D Unsubscribed", "not_trading C-D []"]
    );
    assert_eq!(market.told_within(53).await, ["trading C-D"]);
    assert_eq!(
        market.said(),
        [
            "330: unsubscribe 2 C-D:l2_book",
            "390: subscribe 3 C-D:l2_book"
        ]
    );
    assert_eq!(market.dialed().len(), 1);
    assert_eq!(market.asked_for_lists(), [0, 300, 330, 390]);
}

// As a future that is delivered: an exchange refuses whoever goes on asking for it.
#[tokio::test(start_paused = true)]
async fn what_has_left_the_list_is_in_no_later_connection() {
    let cut = Dial::Open(vec![Step::Wait(1000), Step::Break]);
    let lists = ["A-B C-D", "A-B"];
    let mut market = Market::start(&lists, vec![cut, open(&[])], &["*-B", "C-D"], &TRADES);
    let told = market.told_within(1100).await;
    assert_eq!(told.last().unwrap(), "connected 1");
    assert_eq!(market.dialed()[1], "subscribe 1 A-B:trades");
}

#[tokio::test(start_paused = true)]
async fn a_symbol_that_one_list_lacks_stays() {
    let mut market = Market::start(
        &["A-B C-D", "A-B", "A-B C-D"],
        vec![open(&BOOKS)],
        &["A-B", "C-D"],
        &[Channel::L2Book],
    );
    assert_eq!(market.told_within(2000).await.len(), 3);
    assert_eq!(market.asked_for_lists()[..4], [0, 300, 330, 630]);
    assert!(market.said().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_still_delivers_stays_whatever_the_list_says() {
    let lines: Vec<_> = (0..600).map(|id| format!("trade C-D {id} 0")).collect();
    let lines: Vec<_> = lines.iter().map(|line| (20, line.as_str())).collect();
    let mut market = Market::start(
        &["A-B C-D", "A-B"],
        vec![open_later(&lines)],
        &["A-B", "C-D"],
        &TRADES,
    );
    let told = market.told_within(11_000).await;
    assert!(
        told.iter().skip(1).all(|it| it.starts_with("trade ")),
        "{told:?}"
    );
    // The trades end after 12,000 seconds.
    let told = market.told_within(3_000).await;
    assert_eq!(told.last().unwrap(), "not_trading C-D []");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_suddenly_short_tears_nothing_down() {
    let many = "A-B C-D E-F G-H I-J";
    let mut market = Market::of(
        Tape::default(),
        vec![
            ok(many),
            ok("A-B C-D"),
            ok(""),
            status(503, "down"),
            ok("A-B"),
            ok(many),
        ],
        vec![open(&[])],
        &["A-B", "C-D", "E-F"],
        &TRADES,
    );
    let told = market.told_within(3000).await;
    let [connected, short, empty, down, shorter] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(connected, "connected 3");
    assert_eq!(
        short,
        "list_failed 2 are listed, after 5; that is not believed"
    );
    assert_eq!(empty, "list_failed nothing is trading");
    assert!(
        down.starts_with("list_failed ") && down.contains("status 503"),
        "{down}"
    );
    assert_eq!(
        shorter,
        "list_failed 1 are listed, after 5; that is not believed"
    );
    assert!(market.said().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_there_is_no_connection_is_in_the_next_one() {
    let refused = crate::fake::dial_error(transport::DialErrorKind::Refused);
    let refused = Dial::Fail(refused.with_retry_after(Duration::from_secs(100)));
    let dials = vec![refused, open(&["trade C-D 1 0"])];
    let mut market = Market::start(&["A-B", "A-B C-D"], dials, &["A-B", "C-D"], &TRADES);
    let told = market.told_within(1000).await;
    let expected = ["connected 2", "trade C-D 1"];
    assert!(told.contains(&"trading C-D".to_owned()));
    assert_eq!(told[told.len() - 2..], expected);
    assert_eq!(
        market.dialed().last().unwrap(),
        "subscribe 1 A-B:trades,C-D:trades"
    );
    assert!(market.said().is_empty());
}
