//! Trades, tickers and what else comes in the streams.

use std::collections::BTreeMap;

use feeds::exchange::{Time, Trade};
use feeds::{Exchange, ExchangeMessage, Frame, Kraken, Level, Side, TradeId};

use super::{decode, instruments, one, outcome};
use crate::fixtures::lines;

/// How many messages of a file are what.
fn tally(path: &str) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for message in decode(&lines(path)) {
        *tally.entry(outcome(&message)).or_default() += 1;
    }
    tally
}

fn counts<const N: usize>(expected: [(&str, usize); N]) -> BTreeMap<String, usize> {
    let owned = |(outcome, count): (&str, usize)| (outcome.to_owned(), count);
    expected.into_iter().map(owned).collect()
}

#[test]
fn every_message_of_the_recorded_sessions_is_understood() {
    for (name, expected) in [
        (
            "v2_real_2026/btcusd_d10",
            counts([
                ("Alive", 61),
                ("acknowledged - l2_book BTC-USD", 15),
                ("book BTC-USD", 301),
            ]),
        ),
        (
            "v2_real_2026/btcusd_d25",
            counts([
                ("Alive", 26),
                ("acknowledged - l2_book BTC-USD", 1),
                ("book BTC-USD", 873),
            ]),
        ),
        (
            "v2_real_2026/ethusd_d25",
            counts([
                ("Alive", 16),
                ("acknowledged - l2_book ETH-USD", 1),
                ("book ETH-USD", 383),
            ]),
        ),
        (
            "v2_real_2026/xrpusd_d25",
            counts([
                ("Alive", 17),
                ("acknowledged - l2_book XRP-USD", 1),
                ("book XRP-USD", 382),
            ]),
        ),
    ] {
        assert_eq!(
            tally(&format!("kraken/{name}.ws.jsonl")),
            expected,
            "{name}"
        );
    }
    let converted = tally("kraken/v2_CONVERTED_from_v1_2021/book_d1000.ws.jsonl");
    assert_eq!(converted.values().sum::<usize>(), 1_151);
    assert!(!converted.keys().any(|key| key.starts_with("unknown")));
}

#[test]
fn single_recorded_messages_are_understood() {
    let planned = "notice system online; Kraken Website and API Maintenance; announced; 2026-10-01T07:01:00.000000Z";
    assert_eq!(
        tally("kraken/ws_misc_real.jsonl"),
        counts([
            ("Alive", 2),
            ("acknowledged - ticker BTC-USD", 1),
            ("acknowledged - trades BTC-USD", 1),
            ("acknowledged 1 l2_book BTC-USD", 1),
            ("book ALGO-USD", 2),
            ("book USDG-USD", 1),
            (planned, 1),
            ("notice system online", 2),
            ("ticker ALGO-USD", 1),
            ("ticker BTC-USD", 1),
            ("trade BTC-USD", 1),
        ])
    );
    assert_eq!(
        tally("kraken/ws_trade_real_2026.jsonl"),
        counts([
            ("Alive", 18),
            ("acknowledged - trades BTC-USD", 1),
            ("acknowledged - trades ETH-USD", 1),
            ("acknowledged - trades SOL-USD", 1),
            ("history BTC-USD", 10),
            ("history ETH-USD", 6),
            ("history SOL-USD", 8),
            (planned, 1),
            ("trade BTC-USD", 6),
            ("trade ETH-USD", 6),
            ("trade SOL-USD", 6),
        ])
    );
}

#[test]
fn values_are_taken_over_exactly() {
    let misc = lines("kraken/ws_misc_real.jsonl");
    let ExchangeMessage::Ticker(ticker) = one(&misc[7]) else {
        panic!("not a ticker");
    };
    let (bid, ask) = (ticker.bid.unwrap(), ticker.ask.unwrap());
    assert_eq!(
        [bid.price, bid.size, ask.price, ask.size].map(|it| it.to_string()),
        ["83744.2", "0.56251979", "83744.3", "0.00044780"]
    );
    assert_eq!(ticker.time, Time::At(1_790_358_506_844_359_000));
    assert_eq!(
        one(&misc[8]),
        ExchangeMessage::Trade(Trade {
            symbol: "BTC-USD".parse().unwrap(),
            id: Some(TradeId::Number(109_116_693)),
            count: 1,
            side: Side::Buy,
            price: "83744.3".parse().unwrap(),
            amount: "0.00044780".parse().unwrap(),
            time: Time::At(1_790_358_506_844_359_000),
            is_history: false,
        })
    );
}

#[test]
fn trades_have_ids_without_a_hole_from_the_history_on() {
    let mut last = BTreeMap::new();
    for message in decode(&lines("kraken/ws_trade_real_2026.jsonl")) {
        let ExchangeMessage::Trade(trade) = message else {
            continue;
        };
        let Some(TradeId::Number(id)) = trade.id else {
            panic!("no number");
        };
        if let Some(last) = last.insert(trade.symbol.to_string(), id) {
            assert_eq!(id, last + 1, "{}", trade.symbol);
        }
        assert!(trade.time.ns().is_some());
    }
    assert_eq!(last.len(), 3);
}

#[test]
fn numbers_may_have_exponents_or_no_point_and_a_side_may_be_empty() {
    let with = |values: &str| {
        let text = format!(
            r#"{{"channel":"ticker","type":"update","data":[{{"symbol":"BTC/USD",{values}}}]}}"#
        );
        let ExchangeMessage::Ticker(ticker) = one(&text) else {
            panic!("not a ticker");
        };
        assert_eq!(ticker.time, Time::Absent);
        let shown = |level: Level| format!("{} {}", level.price, level.size);
        (ticker.bid.map(shown), ticker.ask.map(shown))
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        with(r#""bid":84000,"bid_qty":5.1e-05,"ask":8.4E4,"ask_qty":1e-08"#),
        (text("84000 0.000051"), text("84000 0.00000001"))
    );
    assert_eq!(
        with(r#""bid":84000.0,"bid_qty":1.50,"ask":0.0,"ask_qty":0.00000000"#),
        (text("84000.0 1.50"), None)
    );
    assert_eq!(
        with(r#""bid":null,"bid_qty":null,"ask":84000.0,"ask_qty":1"#),
        (None, text("84000.0 1"))
    );
}

#[test]
fn an_impossible_time_is_told_apart_from_none() {
    let at = |timestamp: &str| {
        let text = format!(
            r#"{{"channel":"book","type":"update","data":[{{"symbol":"BTC/USD"{timestamp}}}]}}"#
        );
        let ExchangeMessage::Book(change) = one(&text) else {
            panic!("not a book");
        };
        change.time
    };
    assert_eq!(at(""), Time::Absent);
    assert_eq!(
        at(r#","timestamp":"1970-01-21T17:12:38Z""#),
        Time::Impossible
    );
    assert_eq!(at(r#","timestamp":"soon""#), Time::Impossible);
    assert_eq!(
        at(r#","timestamp":"2026-08-01T02:53:53.1Z""#),
        Time::At(1_785_552_833_100_000_000)
    );
}

#[test]
fn what_is_not_known_or_not_listed_is_named() {
    for (text, kind) in [
        (r#"{"channel":"ohlc","type":"update","data":[{}]}"#, "ohlc"),
        (
            r#"{"channel":"book","type":"update","data":[{"symbol":"XBT/USD","bids":[],"asks":[]}]}"#,
            "book of XBT/USD",
        ),
        (r#"{"method":"list"}"#, "list"),
        (r#"{"event":"pong"}"#, "no channel and no method"),
    ] {
        assert_eq!(outcome(&one(text)), format!("unknown {kind}"));
    }
    assert_eq!(
        decode(&[r#"{"channel":"trade","type":"snapshot","data":[]}"#.to_owned()]),
        [],
        "a new pair has no history"
    );
    assert_eq!(outcome(&one(r#"{"method":"pong","req_id":1}"#)), "Alive");
}

#[test]
fn a_frame_with_a_fault_is_malformed() {
    let good = lines("kraken/ws_trade_real_2026.jsonl").remove(8);
    let listed = instruments();
    let decode = |frame: Frame<'_>| {
        let mut messages = Vec::new();
        Kraken::default()
            .decoder()
            .decode(frame, &listed, &mut messages)
    };
    assert_eq!(decode(Frame::Text(&good)), Ok(()));
    for faulty in [
        good.replace("\"side\":\"buy\"", "\"side\":\"maybe\""),
        good.replace("\"qty\":", "\"qty\":-"),
        good.replace("\"price\":119.07", "\"price\":\"119.07\""),
        good.replace("\"trade_id\":", "\"trade_id\":-"),
        good.replace("}]}", "},7]}"),
        good.replace("]}", ""),
        String::new(),
        "7".to_owned(),
    ] {
        assert_ne!(faulty, good);
        assert!(decode(Frame::Text(&faulty)).is_err(), "{faulty}");
    }
    assert!(decode(Frame::Binary(good.as_bytes())).is_err());
}
