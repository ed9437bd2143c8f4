//! What the parts of a message are.

use feeds::exchange::{BookChange, BookContent, Ids, Ticker, Time};
use feeds::{ExchangeMessage, Side, TradeId};

use super::{RECORDED, decode, try_decode};
use crate::fixtures::{level, lines};

fn decode_book(fields: &str) -> BookChange {
    let text = format!(
        r#"{{"arg":{{"channel":"books","instId":"BTC-USDT"}},"action":"update","data":[{{"asks":[],"bids":[]{fields}}}]}}"#
    );
    match decode(&text) {
        ExchangeMessage::Book(change) => change,
        other => panic!("{other:?}"),
    }
}

fn decode_ticker(channel: &str, entry: &str) -> Ticker {
    let text =
        format!(r#"{{"arg":{{"channel":"{channel}","instId":"BTC-USDT"}},"data":[{entry}]}}"#);
    match decode(&text) {
        ExchangeMessage::Ticker(ticker) => ticker,
        other => panic!("{other:?}"),
    }
}

#[test]
fn values_are_taken_over_exactly() {
    let recorded = lines("okx/ws_misc_real_2026.jsonl");
    let ExchangeMessage::Trade(trade) = decode(&recorded[3]) else {
        panic!("not a trade");
    };
    assert_eq!(trade.id, Some(TradeId::Number(1_040_968_613)));
    assert_eq!((trade.count, trade.side), (2, Side::Buy));
    assert_eq!(trade.price.to_string(), "64040.2");
    assert_eq!(trade.amount.to_string(), "0.00240857");
    assert_eq!(trade.time, Time::At(1_786_538_760_218_000_000));

    let ExchangeMessage::Ticker(ticker) = decode(&recorded[1]) else {
        panic!("not a ticker");
    };
    assert_eq!(ticker.bid, Some(level("63707.2", "1.70080521")));
    assert_eq!(ticker.ask, Some(level("63707.3", "0.15455902")));
    assert_eq!(ticker.id, None);
    assert_eq!(ticker.time, Time::At(1_786_613_174_873_000_000));

    let ExchangeMessage::Book(change) = decode(&recorded[9]) else {
        panic!("not a change of a book");
    };
    assert_eq!(change.content, BookContent::Change);
    assert_eq!(change.asks, [level("120.67", "60.475897")]);
    assert_eq!(change.bids, [level("120.66", "0")]);
    assert_eq!(change.ids.previous, Some(32_032_594_283));
    assert_eq!(change.ids.last, Some(32_032_594_315));
    assert_eq!(change.time, Time::At(1_790_394_877_300_000_000));
}

#[test]
fn best_prices_have_the_id_of_the_book_and_a_side_may_be_empty() {
    let entry = r#"{"asks":[["111.06","55154","0","2"]],"bids":[["111.05","57745","0","2"]],"ts":"1670324386802","seqId":363996337}"#;
    let ticker = decode_ticker("bbo-tbt", entry);
    assert_eq!(ticker.bid, Some(level("111.05", "57745")));
    assert_eq!(ticker.ask, Some(level("111.06", "55154")));
    assert_eq!(ticker.id, Some(363_996_337));

    let entry = r#"{"asks":[],"bids":[["111.05","57745","0","2"]],"ts":"1670324386802","seqId":1}"#;
    let ticker = decode_ticker("bbo-tbt", entry);
    assert_eq!((ticker.ask, ticker.bid.is_some()), (None, true));

    let entry = r#"{"askPx":"","askSz":"","bidPx":"","bidSz":"0","ts":"1670324386802"}"#;
    let ticker = decode_ticker("tickers", entry);
    assert_eq!((ticker.ask, ticker.bid), (None, None));
}

#[test]
fn a_count_that_there_are_not_enough_ids_for_is_refused() {
    let trade = |id: &str, count: &str| {
        let text = format!(
            r#"{{"arg":{{"channel":"trades","instId":"BTC-USDT"}},"data":[{{"instId":"BTC-USDT","tradeId":"{id}","px":"1","sz":"2","side":"sell","ts":"1790000000000","count":"{count}"}}]}}"#
        );
        try_decode(&text)
    };
    assert!(trade("2", "3").is_ok());
    for (id, count) in [
        ("2", "4"),
        ("2", "0"),
        ("2", ""),
        ("2", "-1"),
        ("", "1"),
        ("9999999999", "9999999999"),
    ] {
        assert!(trade(id, count).is_err(), "{id} {count}");
    }
}

#[test]
fn a_checksum_of_zero_is_none_and_ids_may_be_absent() {
    assert_eq!(decode_book(r#","ts":"1790000000000""#).checksum, None);
    for (checksum, expected) in [
        ("0", None),
        ("null", None),
        ("7", Some(7)),
        ("-855196043", Some(3_439_771_253)),
    ] {
        let fields = format!(r#","ts":"1790000000000","checksum":{checksum}"#);
        assert_eq!(decode_book(&fields).checksum, expected, "{checksum}");
    }
    let ids = |previous, last| Ids {
        previous,
        first: None,
        last,
    };
    for (fields, expected) in [
        ("", ids(None, None)),
        (r#","seqId":9"#, ids(None, Some(9))),
        (r#","seqId":9,"prevSeqId":-1"#, ids(None, Some(9))),
        (r#","seqId":9,"prevSeqId":0"#, ids(Some(0), Some(9))),
        (r#","prevSeqId":15,"seqId":3"#, ids(Some(15), Some(3))),
    ] {
        let fields = format!(r#","ts":"1790000000000"{fields}"#);
        assert_eq!(decode_book(&fields).ids, expected, "{fields}");
    }
}

#[test]
fn a_time_in_another_unit_is_not_taken_for_one_of_1970() {
    for (ts, expected) in [
        (
            r#","ts":"1790000000000""#,
            Time::At(1_790_000_000_000_000_000),
        ),
        (r#","ts":"1790000000""#, Time::Impossible),
        (r#","ts":"1790000000000000""#, Time::Impossible),
        (r#","ts":"""#, Time::Impossible),
        ("", Time::Absent),
    ] {
        assert_eq!(decode_book(ts).time, expected, "{ts}");
    }
}

#[test]
fn the_order_of_keys_and_spaces_change_nothing_in_what_is_understood() {
    for path in [RECORDED, "okx/ws_misc_real_2026.jsonl"] {
        for line in lines(path) {
            let expected = try_decode(&line).unwrap();
            // A map of serde_json is sorted.
            let sorted: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!(try_decode(&sorted.to_string()).unwrap(), expected);
            let spaced = line.replace("\":", "\": ").replace("[[", "[ [");
            assert_eq!(try_decode(&spaced).unwrap(), expected);
            let spaced = line.replace(r#""data":"#, r#""more":[1],"data":"#);
            assert_eq!(try_decode(&spaced).unwrap(), expected);
        }
    }
}
