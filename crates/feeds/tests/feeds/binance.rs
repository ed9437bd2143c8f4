//! Binance's messages.

use feeds::exchange::{Acknowledgement, Time, TradeHole};
use feeds::{Binance, Channel, Exchange, ExchangeMessage, RequestIds, Side, TradeId};

use crate::fixtures::{self, counts, decode, level, lines, outcome, read, streams, symbol, tally};

fn outcomes(path: &str) -> Vec<String> {
    let listed = fixtures::binance();
    let outcome = |line: &String| outcome(&decode(&Binance::default(), &listed, line));
    lines(path).iter().map(outcome).collect()
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
    let decode = |index: usize| decode(&Binance::default(), &listed, &recording[index]);

    let Ok(ExchangeMessage::Book(delta)) = decode(0) else {
        panic!("not a depth event");
    };
    assert_eq!(
        (delta.ids.first, delta.ids.last),
        (Some(50_093_239_189), Some(50_093_239_202))
    );
    assert_eq!(delta.bids[0], level("61737.63", "0"));
    assert_eq!(delta.asks.len(), 9);
    assert_eq!(delta.time, Time::At(1_723_161_255_208_000_000));

    let Ok(ExchangeMessage::Ticker(ticker)) = decode(1) else {
        panic!("not a ticker");
    };
    assert_eq!(ticker.symbol, symbol("ETH-USDT"));
    assert_eq!(ticker.bid.unwrap().price.to_string(), "2683.80000000");
    assert_eq!(ticker.ask.unwrap().size.to_string(), "31.43950000");
    assert_eq!(
        (ticker.id, ticker.time),
        (Some(35_346_513_501), Time::Absent)
    );

    let Ok(ExchangeMessage::Trade(trade)) = decode(5) else {
        panic!("not a trade");
    };
    assert_eq!(
        (trade.id, trade.side),
        (Some(TradeId::Number(3_735_683_259)), Side::Sell)
    );
    assert_eq!(trade.price.to_string(), "61837.63000000");
    assert_eq!(trade.time, Time::At(1_723_161_255_342_000_000));
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
            .parse_snapshot(&symbol("BTC-USDT"), body.as_bytes())
            .unwrap();
        assert_eq!(snapshot.ids.last, Some(last_id));
        assert_eq!(snapshot.bids.len() + snapshot.asks.len(), levels, "{path}");
        assert!(snapshot.bids.is_sorted_by(|a, b| a.price > b.price));
        assert!(snapshot.asks.is_sorted_by(|a, b| a.price < b.price));
        assert_eq!(snapshot.time, Time::Absent);
    }
}

#[test]
fn all_streams_stand_in_the_url() {
    let instruments = fixtures::of(&fixtures::binance(), &["BTC-USDT", "ETH-BTC"]);
    let plan = Binance::default()
        .plan(
            &streams(&instruments, &Channel::ALL),
            &mut RequestIds::default(),
        )
        .unwrap();
    assert_eq!(
        plan.socket.uri().to_string(),
        "wss://stream.binance.com:9443/stream?streams=btcusdt@trade/btcusdt@bookTicker/btcusdt@depth@100ms/\
         ethbtc@trade/ethbtc@bookTicker/ethbtc@depth@100ms"
    );
    assert!(plan.socket.first_messages.is_empty() && plan.requests.is_empty());
}

#[test]
fn streams_are_added_and_left_by_requests_whose_replies_have_their_id() {
    let binance = Binance::default();
    let instruments = fixtures::of(&fixtures::binance(), &["BTC-USDT"]);
    let both = streams(&instruments, &[Channel::Trades, Channel::L2Book]);
    let mut ids = RequestIds::default();
    let added = binance.subscribe(&both, &mut ids);
    let left = binance.unsubscribe(&both[..1], &mut ids);
    let texts: Vec<_> = added
        .iter()
        .chain(&left)
        .map(|it| it.message.as_text().unwrap())
        .collect();
    assert_eq!(
        texts,
        [
            r#"{"id":1,"method":"SUBSCRIBE","params":["btcusdt@trade","btcusdt@depth@100ms"]}"#,
            r#"{"id":2,"method":"UNSUBSCRIBE","params":["btcusdt@trade"]}"#,
        ]
    );
    assert_eq!((added[0].id, &*added[0].streams), (Some(1), &*both));
    assert_eq!(binance.rules().acknowledgement, Acknowledgement::PerRequest);

    let many = streams(&vec![instruments[0].clone(); 300], &Channel::ALL);
    let added = binance.subscribe(&many, &mut ids);
    let sizes = added.iter().map(|it| it.message.as_text().unwrap().len());
    assert!(sizes.max() <= binance.limits().request);
    assert_eq!(added.iter().map(|it| it.streams.len()).sum::<usize>(), 900);

    for (text, expected) in [
        (r#"{"result":null,"id":7}"#, Some(7)),
        (r#"{"result":null,"id":"ours"}"#, None),
        (
            r#"{"error":{"code":2,"msg":"Invalid request"},"id":8}"#,
            Some(8),
        ),
    ] {
        let reply = match decode(&binance, &fixtures::binance(), text).unwrap() {
            ExchangeMessage::Acknowledged(reply) => reply,
            ExchangeMessage::Refused(refusal) => refusal.reply,
            other => panic!("{other:?}"),
        };
        assert_eq!(reply.request, expected, "{text}");
    }
}

#[test]
fn symbols_beyond_ascii_are_escaped_in_urls_and_found_in_messages() {
    let binance = Binance::new("http://127.0.0.1:1/", "ws://127.0.0.1:2").unwrap();
    let listed = binance
        .parse_metadata(r#"{"symbols":[{"symbol":"这是测试币456","status":"TRADING","baseAsset":"这是测试币","quoteAsset":"456"}]}"#.as_bytes())
        .unwrap();
    let instruments = fixtures::of(&listed, &["这是测试币-456"]);
    let streams = streams(&instruments, &[Channel::Trades]);
    let plan = binance.plan(&streams, &mut RequestIds::default()).unwrap();
    let escaped = "%E8%BF%99%E6%98%AF%E6%B5%8B%E8%AF%95%E5%B8%81456";
    assert_eq!(
        plan.socket.uri().to_string(),
        format!("ws://127.0.0.1:2/stream?streams={escaped}@trade")
    );
    let request = binance
        .snapshot_request(&instruments[0], 1000)
        .unwrap()
        .unwrap();
    assert_eq!(
        request.uri().to_string(),
        format!("http://127.0.0.1:1/api/v3/depth?symbol={escaped}&limit=1000")
    );
    // Escapes in the JSON do not matter either.
    let text = r#"{"stream":"x@trade","data":{"s":"\u8fd9是测试币456","t":"1","p":"1","q":"1","T":1,"m":false}}"#;
    assert_eq!(
        outcome(&decode(&binance, &listed, text)),
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
        (
            r#"{"stream":"btcusdt@trade","data":{"e":"aggTrade","s":"BTCUSDT","t":1,"p":"1","q":"1","T":1,"m":true}}"#,
            "unknown aggTrade",
        ),
        (
            r#"{"stream":"btcusdt@bookTicker","data":{"u":4,"s":"BTCUSDT","b":"1","B":"1","a":"2","A":"1"},"code":"text","error":[]}"#,
            "ticker BTC-USDT",
        ),
        (r#"[{"e":"trade"}]"#, "unknown not an object"),
        ("{}", "unknown no type"),
    ] {
        assert_eq!(
            outcome(&decode(&Binance::default(), &listed, text)),
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
            r#"{"stream":"btcusdt@bookTicker","data":{"u":"+5","s":"BTCUSDT","b":"1","B":"1","a":"2","A":"1"}}"#,
            "expected an id",
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
        let outcome = outcome(&decode(&Binance::default(), &listed, text));
        assert!(
            outcome.starts_with("malformed") && outcome.contains(reason),
            "{text}: {outcome}"
        );
    }
}

#[test]
fn a_time_that_cannot_be_is_no_reason_to_lose_a_trade() {
    let listed = fixtures::binance();
    for time in [
        "9223372036854775807",
        "1723161255",
        "1723161255342000",
        "-1",
    ] {
        let text = format!(
            r#"{{"stream":"btcusdt@trade","data":{{"s":"BTCUSDT","t":1,"p":"1","q":"1","T":{time},"m":true}}}}"#
        );
        let Ok(ExchangeMessage::Trade(trade)) = decode(&Binance::default(), &listed, &text) else {
            panic!("not a trade");
        };
        assert_eq!(trade.time, Time::Impossible, "{time}");
    }
}

#[test]
fn missing_trades_are_asked_for_by_id_page_by_page() {
    let binance = Binance::default();
    let of = fixtures::binance()
        .by_symbol(&symbol("BTC-USDT"))
        .unwrap()
        .clone();
    let hole = TradeHole {
        after_id: 7,
        after_ns: None,
        before_id: 2000,
    };
    let asked = |cursor: Option<&str>| {
        let request = binance.trades_request(&of, &hole, cursor).unwrap().unwrap();
        request.uri().to_string()
    };
    let base = "https://api.binance.com/api/v3/historicalTrades?symbol=BTCUSDT&limit=1000&fromId=";
    assert_eq!(asked(None), format!("{base}8"));
    assert_eq!(asked(Some("1008")), format!("{base}1008"));

    let row = |id: u64| {
        format!(
            r#"{{"id":{id},"price":"61837.63000000","qty":"0.02000000","quoteQty":"1236.75260000","time":1723161255342,"isBuyerMaker":true,"isBestMatch":true}}"#
        )
    };
    let page = |ids: std::ops::Range<u64>| {
        let rows: Vec<_> = ids.map(row).collect();
        let body = format!("[{}]", rows.join(","));
        binance
            .parse_trades(&symbol("BTC-USDT"), body.as_bytes())
            .unwrap()
    };
    let full = page(8..1008);
    assert_eq!(full.cursor.as_deref(), Some("1008"));
    let first = &full.trades[0];
    assert_eq!(
        (&first.id, first.side),
        (&Some(TradeId::Number(8)), Side::Sell)
    );
    assert_eq!(first.price.to_string(), "61837.63000000");
    assert_eq!(first.time, Time::At(1_723_161_255_342_000_000));
    assert!(first.is_history);
    assert_eq!(page(8..10).cursor, None);
    assert_eq!(page(0..0).trades, []);
    for wrong in [
        "{}",
        r#"[{"id":1}]"#,
        r#"[{"id":-1,"price":"1","qty":"1","time":1723161255342,"isBuyerMaker":true}]"#,
    ] {
        assert!(
            binance
                .parse_trades(&symbol("BTC-USDT"), wrong.as_bytes())
                .is_err()
        );
    }
}
