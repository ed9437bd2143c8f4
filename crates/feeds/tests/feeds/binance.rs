//! Binance's messages.

use std::collections::BTreeSet;

use feeds::{Binance, Channel, Exchange, ExchangeMessage, Side};

use crate::fixtures::{self, counts, level, lines, outcome, read, symbol, tally};

fn outcomes(path: &str) -> Vec<String> {
    let listed = fixtures::binance();
    let decode = |line: &String| outcome(&Binance::default().decode(line, &listed, 0));
    lines(path).iter().map(decode).collect()
}

#[test]
fn every_message_of_the_recording_of_2024_decodes() {
    let path = "binance/ws_combined_btcusdt_ethusdt_10s.jsonl";
    let tally = tally(&Binance::default(), &fixtures::binance(), path);
    assert_eq!(
        tally,
        counts([
            ("depth BTC-USDT", 100),
            ("depth ETH-USDT", 99),
            ("ticker BTC-USDT", 844),
            ("ticker ETH-USDT", 795),
            ("trade BTC-USDT", 160),
            ("trade ETH-USDT", 132),
        ])
    );
    assert_eq!(tally.values().sum::<usize>(), 2130);
}

#[test]
fn every_message_of_the_recording_of_2021_decodes_or_is_of_an_unused_kind() {
    let path = "binance/cryptofeed_2021/ws.jsonl";
    let tally = tally(&Binance::default(), &fixtures::binance(), path);
    assert_eq!(
        tally,
        counts([
            ("depth BLZ-ETH", 10),
            ("depth LRC-BTC", 15),
            ("depth NKN-USDT", 150),
            ("depth RUNE-EUR", 2),
            ("ticker BLZ-ETH", 1),
            ("ticker LRC-BTC", 9),
            ("ticker NKN-USDT", 74),
            ("unknown aggTrade", 2),
            ("unknown kline_1m", 2),
        ])
    );
    assert_eq!(tally.values().sum::<usize>(), 265);
}

#[test]
fn single_recorded_messages_decode_or_name_their_kind() {
    assert_eq!(
        outcomes("binance/ws_misc_real_2021_2022.jsonl"),
        [
            "unknown aggTrade",
            "depth BTC-USDT",
            "unknown depth20",
            "ticker BTC-USDT",
            "unknown ticker",
            "unknown ticker",
            "unknown kline_1m",
            "unknown no type",
        ]
    );
}

#[test]
fn documented_messages_decode_or_name_their_kind() {
    assert_eq!(
        outcomes("binance/ws_doc_examples.jsonl"),
        [
            "acknowledged",
            "acknowledged",
            "acknowledged",
            "rejected 0 Unknown property",
            "rejected 2 Invalid request: too many parameters",
            "shutdown",
            "shutdown",
            "unknown aggTrade",
            "unknown trade of BNBBTC",
            "unknown blockTrade",
            "unknown bookTicker of BNBUSDT",
            "unknown no type",
            "unknown depth of BNBBTC",
            "unknown kline",
            "unknown avgPrice",
            "unknown referencePrice",
        ]
    );
}

#[test]
fn recorded_refusals_are_understood_in_either_form() {
    assert_eq!(
        outcomes("binance/ws_errors_real.jsonl"),
        [
            "rejected 2 Invalid request: invalid stream",
            "rejected 3 Invalid JSON: expected value at line 1 column 1",
            "rejected 3 Invalid JSON: EOF while parsing a value",
            "rejected 3 Invalid JSON: EOF while parsing a string at line 1 column 4096",
            "rejected 3 Invalid JSON: expected `,` or `]` at line 4 column 6",
            "rejected 4 Too many subscriptions",
        ]
    );
}

#[test]
fn values_are_taken_over_exactly() {
    let listed = fixtures::binance();
    let recording = lines("binance/ws_combined_btcusdt_ethusdt_10s.jsonl");
    let decode = |index: usize| Binance::default().decode(&recording[index], &listed, 42);

    let Ok(ExchangeMessage::Depth(delta)) = decode(0) else {
        panic!("not a depth event");
    };
    assert_eq!(
        (delta.first_id, delta.last_id),
        (50_093_239_189, 50_093_239_202)
    );
    assert_eq!(delta.bids[0], level("61737.63", "0"));
    assert_eq!(delta.asks.len(), 9);
    assert_eq!(delta.timestamp_ns, 1_723_161_255_208_000_000);
    assert_eq!(delta.received_ns, 42);

    let Ok(ExchangeMessage::Ticker(ticker)) = decode(1) else {
        panic!("not a ticker");
    };
    assert_eq!(ticker.symbol, symbol("ETH-USDT"));
    assert_eq!(ticker.bid.unwrap().to_string(), "2683.80000000");
    assert_eq!(ticker.ask_size.unwrap().to_string(), "31.43950000");
    assert_eq!(
        (ticker.last_id, ticker.timestamp_ns),
        (35_346_513_501, None)
    );

    let Ok(ExchangeMessage::Trade(trade)) = decode(5) else {
        panic!("not a trade");
    };
    assert_eq!((trade.id, trade.side), (3_735_683_259, Side::Sell));
    assert_eq!(trade.price.to_string(), "61837.63000000");
    assert_eq!(trade.timestamp_ns, 1_723_161_255_342_000_000);
}

#[test]
fn only_trading_symbols_are_listed() {
    let listed = fixtures::binance();
    assert_eq!(listed.len(), 8);
    assert_eq!(listed.symbol_of("BTCUSDT"), Some(&symbol("BTC-USDT")));
    assert_eq!(listed.symbol_of("BCCBTC"), None, "its status is BREAK");

    let today = read("binance/rest_exchangeInfo_2026_TSLABUSDT.json");
    let listed = Binance::default().parse_metadata(today.as_bytes()).unwrap();
    assert_eq!(listed.symbol_of("TSLABUSDT"), Some(&symbol("TSLAB-USDT")));
}

#[test]
fn recorded_snapshots_parse() {
    for (path, last_id, levels) in [
        (
            "binance/rest_depth_BTCUSDT_limit1000.json",
            50_093_239_218,
            2000,
        ),
        (
            "binance/rest_depth_ETHUSDT_limit1000.json",
            35_346_513_512,
            2000,
        ),
        (
            "binance/cryptofeed_2021/rest_depth_BLZETH.json",
            281_916_627,
            1174,
        ),
    ] {
        let body = read(path);
        let snapshot = Binance::default()
            .parse_snapshot(&symbol("BTC-USDT"), body.as_bytes(), 7)
            .unwrap();
        assert_eq!(snapshot.last_id, last_id);
        assert_eq!(snapshot.bids.len() + snapshot.asks.len(), levels, "{path}");
        assert!(snapshot.bids.is_sorted_by(|a, b| a.price > b.price));
        assert!(snapshot.asks.is_sorted_by(|a, b| a.price < b.price));
        assert_eq!((snapshot.timestamp_ns, snapshot.received_ns), (None, 7));
    }
}

#[test]
fn all_streams_stand_in_the_url() {
    let wanted = [symbol("BTC-USDT"), symbol("ETH-BTC")];
    let instruments = fixtures::binance().select(&wanted).unwrap();
    let request = Binance::default()
        .stream_request(&instruments, &BTreeSet::from(Channel::ALL))
        .unwrap();
    assert_eq!(
        request.uri().to_string(),
        "wss://stream.binance.com:9443/stream?streams=btcusdt@trade/btcusdt@bookTicker/btcusdt@depth@100ms/\
         ethbtc@trade/ethbtc@bookTicker/ethbtc@depth@100ms"
    );
    assert!(request.first_messages.is_empty());
}

#[test]
fn symbols_beyond_ascii_are_escaped_in_urls_and_found_in_messages() {
    let binance = Binance::new("http://127.0.0.1:1/", "ws://127.0.0.1:2").unwrap();
    let listed = binance
        .parse_metadata(r#"{"symbols":[{"symbol":"这是测试币456","status":"TRADING","baseAsset":"这是测试币","quoteAsset":"456"}]}"#.as_bytes())
        .unwrap();
    let instruments = listed.select(&[symbol("这是测试币-456")]).unwrap();
    let request = binance
        .stream_request(&instruments, &BTreeSet::from([Channel::Trades]))
        .unwrap();
    let escaped = "%E8%BF%99%E6%98%AF%E6%B5%8B%E8%AF%95%E5%B8%81456";
    assert_eq!(
        request.uri().to_string(),
        format!("ws://127.0.0.1:2/stream?streams={escaped}@trade")
    );
    let request = binance.snapshot_request(&instruments[0]).unwrap();
    assert_eq!(
        request.uri().to_string(),
        format!("http://127.0.0.1:1/api/v3/depth?symbol={escaped}&limit=1000")
    );
    // Escapes in the JSON do not matter either.
    let text = r#"{"stream":"x@trade","data":{"s":"\u8fd9是测试币456","t":"1","p":"1","q":"1","T":1,"m":false}}"#;
    assert_eq!(
        outcome(&binance.decode(text, &listed, 0)),
        "trade 这是测试币-456"
    );
}

#[test]
fn a_new_type_of_event_in_a_known_stream_is_unknown_not_malformed() {
    let listed = fixtures::binance();
    for (text, expected) in [
        (
            r#"{"stream":"btcusdt@trade","data":{"e":"megaTrade","s":"BTCUSDT"}}"#,
            "unknown megaTrade",
        ),
        (r#"{"stream":"btcusdt@trade","data":[1]}"#, "unknown trade"),
        (r#"{"stream":"btcusdt","data":{}}"#, "unknown btcusdt"),
        (r#"[{"e":"trade"}]"#, "unknown not an object"),
        ("{}", "unknown no type"),
    ] {
        assert_eq!(
            outcome(&Binance::default().decode(text, &listed, 0)),
            expected
        );
    }
}

#[test]
fn what_cannot_be_understood_is_malformed_with_the_reason() {
    let listed = fixtures::binance();
    for (text, reason) in [
        ("", "EOF while parsing a value"),
        (
            r#"{"stream":"btcusdt@trade","data":{"e":"tra"#,
            "EOF while parsing",
        ),
        (
            r#"{"stream":"btcusdt@trade","data":{}}{}"#,
            "trailing characters",
        ),
        (
            r#"{"stream":"btcusdt@trade","data":{"e":"trade","s":"BTCUSDT"}}"#,
            "missing field `t`",
        ),
        (
            r#"{"stream":"btcusdt@trade","data":null}"#,
            "stream without data",
        ),
        (r#"{"data":{"e":"trade"}}"#, "data without stream"),
        (
            r#"{"stream":"btcusdt@trade","data":{"s":"BTCUSDT","t":1,"p":"1e5","q":"1","T":1,"m":true}}"#,
            "expected a decimal number",
        ),
        (
            r#"{"stream":"btcusdt@trade","data":{"s":"BTCUSDT","t":1,"p":"1","q":"1","T":9223372036854775807,"m":true}}"#,
            "out of range",
        ),
        (
            r#"{"stream":"btcusdt@depth","data":{"s":"BTCUSDT","U":5,"u":4,"b":[],"a":[],"E":1}}"#,
            "first id 5 after last id 4",
        ),
        (
            r#"{"stream":"btcusdt@bookTicker","data":{"s":"BTCUSDT","u":4,"b":"1","B":"1","a":"2"}}"#,
            "missing field `A`",
        ),
    ] {
        let outcome = outcome(&Binance::default().decode(text, &listed, 0));
        assert!(
            outcome.starts_with("malformed") && outcome.contains(reason),
            "{text}: {outcome}"
        );
    }
}
