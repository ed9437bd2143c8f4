//! Backpack's messages.

use feeds::exchange::{Ids, Time, TradeHole};
use feeds::{Backpack, Channel, Exchange, ExchangeMessage, Instrument, RequestIds, Side, TradeId};
use transport::Message;

use crate::fixtures::{self, counts, decode, level, lines, outcome, read, streams, symbol, tally};

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
    let decode = |index: usize| decode(&Backpack::default(), &listed, &recorded[index]);

    let Ok(ExchangeMessage::Book(delta)) = decode(0) else {
        panic!("not a depth event");
    };
    assert_eq!(
        (delta.ids.first, delta.ids.last),
        (Some(6_904_947_650), Some(6_904_947_650))
    );
    assert_eq!(
        (delta.bids, delta.asks),
        (vec![level("86640.8", "1.32076")], vec![])
    );
    assert_eq!(
        delta.time,
        Time::At(1_790_915_525_102_951_000),
        "the engine's time"
    );

    let Ok(ExchangeMessage::Trade(trade)) = decode(3) else {
        panic!("not a trade");
    };
    assert_eq!(
        (trade.id, trade.side),
        (Some(TradeId::Number(99_419_870)), Side::Buy)
    );
    assert_eq!(trade.time, Time::At(1_790_915_531_025_000_000));
}

#[test]
fn a_side_of_the_book_may_be_empty() {
    let text = r#"{"data":{"A":null,"B":"2","E":1790915525118154,"T":1790915525118046,"a":null,"b":"18.67","e":"bookTicker","s":"SOL_USDC","u":"7"},"stream":"bookTicker.SOL_USDC"}"#;
    let Ok(ExchangeMessage::Ticker(ticker)) =
        decode(&Backpack::default(), &fixtures::backpack(), text)
    else {
        panic!("not a ticker");
    };
    assert_eq!(ticker.ask, None);
    assert_eq!(ticker.bid.unwrap().price.to_string(), "18.67");
    assert_eq!(ticker.id, Some(7));
    assert_eq!(ticker.time, Time::At(1_790_915_525_118_046_000));
}

#[test]
fn times_may_be_text() {
    let number = r#"{"data":{"E":1754903057555305,"T":1754903057554352,"U":1345937436,"a":[],"b":[],"e":"depth","s":"SOL_USDC","u":1345937436},"stream":"depth.SOL_USDC"}"#;
    let text = number
        .replace("1754903057555305", "\"1754903057555305\"")
        .replace("1754903057554352", "\"1754903057554352\"");
    let decode = |text: &str| decode(&Backpack::default(), &fixtures::backpack(), text).unwrap();
    assert!(matches!(decode(number), ExchangeMessage::Book(_)));
    assert_eq!(decode(&text), decode(number));
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
        .parse_snapshot(&symbol("SOL-USDC"), body.as_bytes())
        .unwrap();
    assert_eq!(
        snapshot.ids,
        Ids {
            last: Some(4_324_522_523),
            ..Ids::default()
        }
    );
    assert_eq!(snapshot.bids[0], level("100.64", "67.95"));
    assert_eq!(snapshot.asks[0], level("100.65", "65.5"));
    assert_eq!((snapshot.bids.len(), snapshot.asks.len()), (20, 20));
    assert_eq!(snapshot.time, Time::At(1_788_285_151_254_895_000));

    let body = read("backpack/rest_depth_BTC_USDC_PERP_limit5.json");
    let snapshot = Backpack::default()
        .parse_snapshot(&symbol("BTC-USDC-PERP"), body.as_bytes())
        .unwrap();
    assert_eq!(snapshot.bids[0], level("86781.4", "2.20229"));
}

#[test]
fn subscriptions_are_said_in_messages_of_bounded_size() {
    let instrument =
        |index| Instrument::new(symbol(&format!("A{index}-USDC")), &format!("A{index}_USDC"));
    let instruments: Vec<_> = (0..50).map(instrument).collect();
    let plan = |instruments: &[Instrument]| {
        let streams = streams(instruments, &Channel::ALL);
        Backpack::default()
            .plan(&streams, &mut RequestIds::default())
            .unwrap()
    };
    let asked = plan(&instruments);
    assert_eq!(
        asked.socket.uri().to_string(),
        "wss://ws.backpack.exchange/"
    );
    assert!(asked.socket.first_messages.is_empty());
    assert_eq!(asked.requests.len(), 3);
    let mut asked_for = 0;
    for request in &asked.requests {
        let text = request.message.as_text().unwrap();
        assert!(text.len() < 4096);
        let named = text.matches("_USDC\"").count();
        assert_eq!(named, request.streams.len());
        asked_for += named;
    }
    assert_eq!(asked_for, 150);

    let asked = plan(&instruments[..1]);
    let expected =
        r#"{"method":"SUBSCRIBE","params":["trade.A0_USDC","bookTicker.A0_USDC","depth.A0_USDC"]}"#;
    assert_eq!(asked.requests.len(), 1);
    assert_eq!(asked.requests[0].message, Message::text(expected));

    let left = Backpack::default().unsubscribe(
        &streams(&instruments[..1], &[Channel::L2Book]),
        &mut RequestIds::default(),
    );
    let expected = r#"{"method":"UNSUBSCRIBE","params":["depth.A0_USDC"]}"#;
    assert_eq!(left[0].message, Message::text(expected));
}

#[test]
fn the_kind_of_a_stream_ends_at_its_first_dot() {
    let listed = Backpack::default()
        .parse_metadata(br#"[{"symbol":"AAPL.US_USDC_PERP","baseSymbol":"AAPL.US","quoteSymbol":"USDC","marketType":"PERP","orderBookState":"Open"}]"#)
        .unwrap();
    let recorded = &lines("backpack/ws_misc_real.jsonl")[10];
    assert_eq!(
        outcome(&decode(&Backpack::default(), &listed, recorded)),
        "depth AAPL.US-USDC-PERP"
    );
}

#[test]
fn history_is_the_newest_trades() {
    let (backpack, sol) = (
        Backpack::default(),
        Instrument::new(symbol("SOL-USDC"), "SOL_USDC"),
    );
    let hole = TradeHole {
        after_id: 381_731_410,
        after_ns: None,
        before_id: 381_731_418,
    };
    let request = backpack.trades_request(&sol, &hole, None).unwrap();
    assert_eq!(
        request.unwrap().uri(),
        "https://api.backpack.exchange/api/v1/trades?symbol=SOL_USDC&limit=1000"
    );
    let body = r#"[{"id":381731418,"isBuyerMaker":false,"price":"100.67","quantity":"0.22","quoteQuantity":"22.1474","timestamp":1788285123140},
        {"id":381731417,"isBuyerMaker":true,"price":"100.67","quantity":"2.05","quoteQuantity":"206.3735","timestamp":1788285119299}]"#;
    let page = backpack.parse_trades(sol.symbol(), body.as_bytes());
    let page = page.unwrap();
    assert_eq!(page.cursor, None);
    let [newest, before] = page.trades.as_slice() else {
        panic!("two trades");
    };
    assert_eq!(newest.id, Some(TradeId::Number(381_731_418)));
    assert_eq!((newest.side, before.side), (Side::Buy, Side::Sell));
    assert_eq!(newest.amount.to_string(), "0.22");
    assert_eq!(newest.time, Time::At(1_788_285_123_140_000_000));
    assert!(newest.is_history);
    for wrong in ["{}", r#"[{"id":1}]"#] {
        assert!(
            backpack
                .parse_trades(sol.symbol(), wrong.as_bytes())
                .is_err()
        );
    }
}
