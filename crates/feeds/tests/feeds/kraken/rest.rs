//! Kraken's answers over REST.

use feeds::exchange::{Time, TradeHole};
use feeds::{AnswerError, Exchange, Instrument, Kraken, Side, Symbol, TradeId};
use serde_json::Value;

use crate::fixtures;

fn read(path: &str) -> Vec<u8> {
    fixtures::read(path).into_bytes()
}

#[test]
fn pairs_are_listed_under_the_name_of_version_2() {
    let kraken = Kraken::default();
    let listed = kraken
        .parse_metadata(&read("kraken/rest_AssetPairs_2026_rows.json"))
        .unwrap();
    let symbol = |name: &str| listed.symbol_of(name).map(ToString::to_string);
    assert_eq!(symbol("BTC/USD").as_deref(), Some("BTC-USD"));
    assert_eq!(symbol("DOGE/USD").as_deref(), Some("DOGE-USD"));
    assert_eq!(symbol("ETH/BTC").as_deref(), Some("ETH-BTC"));
    assert_eq!(symbol("SOL/USD").as_deref(), Some("SOL-USD"));
    assert_eq!(symbol("ACA/EUR"), None, "cancel_only");
    assert_eq!(symbol("XBT/USD"), None, "the name of version 1");
    assert_eq!(listed.len(), 4);
}

#[test]
fn rows_of_2021_have_no_status_and_dark_pools_no_stream() {
    let kraken = Kraken::default();
    let listed = kraken
        .parse_metadata(&read(
            "kraken/cryptofeed_2021_v1/rest_AssetPairs_trimmed.json",
        ))
        .unwrap();
    for name in [
        "BTC/CHF",
        "KSM/BTC",
        "ETH/CHF",
        "OCEAN/BTC",
        "GRT/ETH",
        "BTC/USD",
        "DOGE/USD",
        "DOGE/BTC",
        "ETH/BTC",
    ] {
        assert!(listed.symbol_of(name).is_some(), "{name}");
    }
    assert_eq!(listed.len(), 9);
    let dark = br#"{"error":[],"result":{"XXBTZUSD.d":{"wsname":"XBT/USD.d","status":"online"}}}"#;
    assert!(kraken.parse_metadata(dark).unwrap().is_empty());
}

#[test]
fn a_refusal_with_status_200_is_one() {
    let recorded: Value = serde_json::from_slice(&read("kraken/rest_errors.json")).unwrap();
    let recorded = recorded.as_array().unwrap();
    let mut refused = Vec::new();
    for row in recorded {
        let body = row["body"].as_str().unwrap();
        let with_null = body.replace("]}", r#"],"result":null}"#);
        let error = Kraken::default().parse_metadata(body.as_bytes());
        let error = error.unwrap_err();
        assert_eq!(
            Kraken::default().parse_trades(&symbol(), with_null.as_bytes()),
            Err(error.clone())
        );
        let AnswerError::Refused {
            message,
            is_too_many,
            ..
        } = error
        else {
            panic!("{error:?}");
        };
        refused.push((message, is_too_many));
    }
    let refused: Vec<_> = refused
        .iter()
        .map(|(text, many)| (&**text, *many))
        .collect();
    assert_eq!(
        refused,
        [
            ("EQuery:Unknown asset pair", false),
            ("EGeneral:Too many requests", true),
            ("EAPI:Rate limit exceeded", true),
            ("EService:Unavailable", false),
            ("EService:Busy", false),
            ("EGeneral:Invalid arguments", false),
        ]
    );
    for body in [
        r#"{"error":[]}"#,
        r#"{"error":[],"result":[]}"#,
        r#"{"result":{}}"#,
        "<html>",
        "",
    ] {
        let answer = Kraken::default().parse_metadata(body.as_bytes());
        assert!(
            matches!(answer, Err(AnswerError::Malformed(_))),
            "{body}: {answer:?}"
        );
    }
    let warned = br#"{"error":["WGeneral:Something"],"result":{}}"#;
    assert!(Kraken::default().parse_metadata(warned).unwrap().is_empty());
}

fn symbol() -> Symbol {
    "BTC-USD".parse().unwrap()
}

#[test]
fn trades_of_a_hole_are_asked_for_from_its_time_and_from_page_to_page() {
    let kraken = Kraken::default();
    let of = Instrument::new(symbol(), "BTC/USD");
    let mut hole = TradeHole {
        after_id: 109_118_757,
        after_ns: Some(1_790_359_840_939_291_000),
        before_id: 109_118_761,
    };
    let asked = |hole: &TradeHole, cursor: Option<&str>| {
        let request = kraken.trades_request(&of, hole, cursor).unwrap().unwrap();
        request.uri().to_string()
    };
    let base = "https://api.kraken.com/0/public/Trades?pair=BTC%2FUSD&count=1000";
    // The microsecond of the trade before the hole is not left out.
    assert_eq!(
        asked(&hole, None),
        format!("{base}&since=1790359840939290000")
    );
    assert_eq!(
        asked(&hole, Some("1790359841138228746")),
        format!("{base}&since=1790359841138228746")
    );
    hole.after_ns = None;
    assert_eq!(asked(&hole, None), base);
}

#[test]
fn a_page_of_trades_tells_where_the_next_begins() {
    let page = Kraken::default()
        .parse_trades(&symbol(), &read("kraken/rest_Trades_real.json"))
        .unwrap();
    assert_eq!(page.cursor.as_deref(), Some("1790359841138228746"));
    let first = &page.trades[0];
    assert_eq!(first.id, Some(TradeId::Number(109_118_758)));
    assert_eq!(first.side, Side::Sell);
    assert_eq!(
        (first.price.to_string(), first.amount.to_string()),
        ("83930.30000".to_owned(), "0.00005100".to_owned())
    );
    assert_eq!(first.time, Time::At(1_790_359_840_939_291_200));
    assert_eq!(page.trades[1].side, Side::Buy);
    assert_eq!(page.trades.len(), 3);
    assert!(page.trades.iter().all(|trade| trade.is_history));

    let empty = br#"{"error":[],"result":{"XXBTZUSD":[],"last":"1790359841138228746"}}"#;
    let page = Kraken::default().parse_trades(&symbol(), empty).unwrap();
    assert_eq!((page.trades, page.cursor), (Vec::new(), None));
}

#[test]
fn trades_of_another_form_are_malformed() {
    for result in [
        r#"{"last":"1"}"#,
        r#"{"A":[],"B":[],"last":"1"}"#,
        r#"{"A":[["1","1",1790359840.9,"x","l","",1]],"last":"1"}"#,
        r#"{"A":[["1","1",1790359840.9,"b","l",""]],"last":"1"}"#,
        r#"{"A":[["-1","1",1790359840.9,"b","l","",1]],"last":"1"}"#,
    ] {
        let body = format!(r#"{{"error":[],"result":{result}}}"#);
        let answer = Kraken::default().parse_trades(&symbol(), body.as_bytes());
        assert!(
            matches!(answer, Err(AnswerError::Malformed(_))),
            "{result}: {answer:?}"
        );
    }
}
