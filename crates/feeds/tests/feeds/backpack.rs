//! Backpack's messages.

use std::collections::BTreeSet;

use feeds::{Backpack, Channel, Exchange, ExchangeMessage, Instrument, Side};
use transport::Message;

use crate::fixtures::{self, counts, level, lines, outcome, read, symbol, tally};

#[test]
fn single_recorded_messages_decode_or_name_their_kind() {
    let path = "backpack/ws_misc_real.jsonl";
    assert_eq!(
        tally(&Backpack::default(), &fixtures::backpack(), path),
        counts([
            ("depth BTC-USDC-PERP", 2),
            ("depth SOL-USDC", 2),
            ("ticker BTC-USDC", 2),
            ("ticker BTC-USDC-PERP", 4),
            ("trade BTC-USDC-PERP", 1),
            ("trade SOL-USDC", 1),
            ("unknown bookTicker of WIF_USDC", 1),
            ("unknown depth of AAPL.US_USDC_PERP", 1),
            ("unknown depth of ETH_USDC_PERP", 1),
            ("unknown kline", 1),
            ("unknown markPrice", 3),
            ("unknown ticker", 1),
        ])
    );
}

#[test]
fn documented_messages_decode_or_name_their_kind() {
    let path = "backpack/ws_doc_examples.jsonl";
    assert_eq!(
        tally(&Backpack::default(), &fixtures::backpack(), path),
        counts([
            ("depth SOL-USDC", 1),
            ("ticker SOL-USDC", 1),
            ("trade SOL-USDC", 1),
            ("unknown kline", 1),
            ("unknown liquidation", 1),
            ("unknown markPrice", 1),
            ("unknown openInterest", 1),
            ("unknown ticker", 1),
        ])
    );
}

#[test]
fn recorded_refusals_are_understood() {
    let path = "backpack/ws_errors_real.jsonl";
    assert_eq!(
        tally(&Backpack::default(), &fixtures::backpack(), path),
        counts([
            ("rejected 4002 Parse error", 1),
            ("rejected 4003 Invalid signature", 1),
            ("rejected 4006 Invalid stream", 1),
            ("rejected 4008 Invalid depth window", 1),
        ])
    );
}

#[test]
fn values_are_taken_over_exactly_whatever_the_order_of_keys() {
    let listed = fixtures::backpack();
    let recorded = lines("backpack/ws_misc_real.jsonl");
    let decode = |index: usize| Backpack::default().decode(&recorded[index], &listed, 42);

    let Ok(ExchangeMessage::Depth(delta)) = decode(0) else {
        panic!("not a depth event");
    };
    assert_eq!(
        (delta.first_id, delta.last_id),
        (6_904_947_650, 6_904_947_650)
    );
    assert_eq!(
        (delta.bids, delta.asks),
        (vec![level("86640.8", "1.32076")], vec![])
    );
    assert_eq!(
        delta.timestamp_ns, 1_790_915_525_102_951_000,
        "the engine's time"
    );

    let Ok(ExchangeMessage::Trade(trade)) = decode(3) else {
        panic!("not a trade");
    };
    assert_eq!((trade.id, trade.side), (99_419_870, Side::Buy));
    assert_eq!(trade.timestamp_ns, 1_790_915_531_025_000_000);
}

#[test]
fn a_side_of_the_book_may_be_empty() {
    let text = r#"{"data":{"A":null,"B":"2","E":2,"T":1,"a":null,"b":"18.67","e":"bookTicker","s":"SOL_USDC","u":"7"},"stream":"bookTicker.SOL_USDC"}"#;
    let Ok(ExchangeMessage::Ticker(ticker)) =
        Backpack::default().decode(text, &fixtures::backpack(), 0)
    else {
        panic!("not a ticker");
    };
    assert_eq!((ticker.ask, ticker.ask_size), (None, None));
    assert_eq!(ticker.bid.unwrap().to_string(), "18.67");
    assert_eq!((ticker.last_id, ticker.timestamp_ns), (7, Some(1_000)));
}

#[test]
fn only_open_markets_are_listed_and_perpetuals_are_told_apart() {
    let listed = fixtures::backpack();
    assert_eq!(listed.len(), 6);
    assert_eq!(listed.symbol_of("SOL_USDC"), Some(&symbol("SOL-USDC")));
    assert_eq!(
        listed.symbol_of("SOL_USDC_PERP"),
        Some(&symbol("SOL-USDC-PERP"))
    );
    assert_eq!(listed.symbol_of("HNT_USDC"), None, "its book is closed");

    let other = br#"[{"symbol":"kPEPE_USDC_2026","baseSymbol":"kPEPE","quoteSymbol":"USDC","marketType":"DATED","orderBookState":"Open"}]"#;
    let listed = Backpack::default().parse_metadata(other).unwrap();
    assert_eq!(
        listed.symbol_of("kPEPE_USDC_2026"),
        Some(&symbol("kPEPE-USDC-2026"))
    );
}

#[test]
fn a_snapshot_is_put_in_order() {
    let body = read("backpack/rest_depth_SOL_USDC_limit20.json");
    let snapshot = Backpack::default()
        .parse_snapshot(&symbol("SOL-USDC"), body.as_bytes(), 7)
        .unwrap();
    assert_eq!(snapshot.last_id, 4_324_522_523);
    assert_eq!(snapshot.bids[0], level("100.64", "67.95"));
    assert_eq!(snapshot.asks[0], level("100.65", "65.5"));
    assert_eq!((snapshot.bids.len(), snapshot.asks.len()), (20, 20));
    assert_eq!(snapshot.timestamp_ns, Some(1_788_285_151_254_895_000));

    let body = read("backpack/rest_depth_BTC_USDC_PERP_limit5.json");
    let snapshot = Backpack::default()
        .parse_snapshot(&symbol("BTC-USDC-PERP"), body.as_bytes(), 7)
        .unwrap();
    assert_eq!(snapshot.bids[0], level("86781.4", "2.20229"));
}

#[test]
fn subscriptions_are_said_in_messages_of_bounded_size() {
    let instrument =
        |index| Instrument::new(symbol(&format!("A{index}-USDC")), &format!("A{index}_USDC"));
    let instruments: Vec<_> = (0..50).map(instrument).collect();
    let request = Backpack::default()
        .stream_request(&instruments, &BTreeSet::from(Channel::ALL))
        .unwrap();
    assert_eq!(request.uri().to_string(), "wss://ws.backpack.exchange/");
    assert_eq!(request.first_messages.len(), 3);
    let mut streams = 0;
    for message in &request.first_messages {
        let text = message.as_text().unwrap();
        assert!(text.len() < 4096);
        streams += text.matches("_USDC\"").count();
    }
    assert_eq!(streams, 150);

    let request = Backpack::default()
        .stream_request(&instruments[..1], &BTreeSet::from(Channel::ALL))
        .unwrap();
    let expected =
        r#"{"method":"SUBSCRIBE","params":["trade.A0_USDC","bookTicker.A0_USDC","depth.A0_USDC"]}"#;
    assert_eq!(request.first_messages, [Message::text(expected)]);
}

#[test]
fn the_kind_of_a_stream_ends_at_its_first_dot() {
    let listed = Backpack::default()
        .parse_metadata(br#"[{"symbol":"AAPL.US_USDC_PERP","baseSymbol":"AAPL.US","quoteSymbol":"USDC","marketType":"PERP","orderBookState":"Open"}]"#)
        .unwrap();
    let recorded = &lines("backpack/ws_misc_real.jsonl")[10];
    assert_eq!(
        outcome(&Backpack::default().decode(recorded, &listed, 0)),
        "depth AAPL.US-USDC-PERP"
    );
}
